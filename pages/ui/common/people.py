"""Who uses the pages, what they may do, and which paths they may name."""

import hashlib
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core import people, roots
from core.people import Person, who_may
from core.settings import settings
from pages.ui.common import compat, server

SECONDS = 3600  # that a name stays with its browser, since it was typed or a session began with it
_TYPED, _BROWSER = "typed_name", "browser"
_typed: dict[str, tuple[str, float]] = {}  # by browser: the name, and since when


def current() -> Person | None:
    """The person who has logged in or typed a name; None before.

    Raises `ConfigError` if the claims of the provider are not usable.
    """
    if clients := server.providers():
        claims = st.user.to_dict()
        return people.from_claims(claims) if _logged_in(claims, {*clients.values()}) else None
    name = st.session_state.get(_TYPED) or _typed_before()
    return people.own_machine(name) if name else None


def browser() -> str:
    """The browser of this session and whoever is logged in there, as a digest.

    A browser is known by the random token that Streamlit gives each one in a cookie. Without it,
    the digest is of this session alone.
    """
    token = compat.browser_token()
    if token is None:
        return str(st.session_state.setdefault(_BROWSER, secrets.token_hex()))
    user = str(st.user.to_dict().get("sub", "")) if server.providers() else ""
    return hashlib.sha256(token + user.encode()).hexdigest()


def _typed_before() -> str | None:
    """The name that was last typed in this browser, which a reload and a new tab begin with."""
    oldest = time.monotonic() - SECONDS
    for key in [key for key, (_, since) in _typed.items() if since < oldest]:
        _typed.pop(key, None)
    name, _ = _typed.get(browser(), (None, 0.0))
    if name:
        call_me(name)
    return name


def _logged_in(claims: Mapping[str, Any], clients: set[str]) -> bool:
    """Whether there is a fresh log-in that was made for this app."""
    audience = claims.get("aud") or ()
    meant_for = {audience} if isinstance(audience, str) else set(audience)
    fresh = time.time() - claims.get("iat", 0) < settings().login_seconds
    return claims.get("is_logged_in") is True and bool(meant_for & clients) and fresh


def call_me(name: str) -> None:
    """Keeps a typed name for this session, and for a reload of the page.

    Raises `ConfigError` if it cannot be recorded.
    """
    name = people.own_machine(name).name
    st.session_state[_TYPED] = name
    _typed[browser()] = name, time.monotonic()


def may(action: str) -> bool:
    """Whether whoever uses the page may do an action; without log-in everyone may."""
    person = current()
    return not server.providers() if person is None else person.may(action)


def require(action: str) -> None:
    """Raises `NotAllowedError` if whoever uses the page may not do an action.

    Called where the action is done: a control that is disabled is no protection.
    """
    if person := current():
        person.require(action)
    elif server.providers():
        Person("Somebody who has not logged in", roles=frozenset()).require(action)


def lacks(action: str) -> bool:
    """Whether the control that follows is to be disabled; says then who may use it."""
    if may(action):
        return False
    st.caption(f":material/lock: {who_may(action)}")
    return True


def require_path(path: str) -> None:
    """Raises `NotAllowedError` if users of the pages may not name this path of the server."""
    roots.require_below(path, allowed_roots())


def allowed_roots() -> tuple[Path, ...]:
    """The folders of the server in which users of the pages may name paths."""
    return roots.allowed(local=server.is_local())
