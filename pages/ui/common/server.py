"""Whom the app is served to: this machine alone, people who log in, or anybody on purpose."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import streamlit as st
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.errors import StreamlitSecretNotFoundError

from core import extras
from core.errors import ConfigError
from core.settings import settings

_SHARED = ("redirect_uri", "cookie_secret")
_OF_PROVIDER = ("client_id", "client_secret", "server_metadata_url")
_MIN_SECRET = 32  # characters of the secret that signs who somebody is


def require_safe(*, local: bool) -> None:
    """Raises `ConfigError` if the app is open to other machines and nobody needs to log in."""
    if not (providers() or settings().allow_anonymous or local):
        raise ConfigError(
            "Without log-in the app is for this machine alone, and it is bound to "
            f"{st.get_option('server.address') or 'all addresses'}. Bind it to localhost "
            "(--server.address localhost), or let people log in, see docs/people.md. "
            "BLASTLENS_ALLOW_ANONYMOUS=1 opens it to everyone on purpose."
        )


def is_local() -> bool:
    """Whether Streamlit was told to serve this machine alone."""
    return is_loopback(st.get_option("server.address"))


def is_loopback(address: str | None) -> bool:
    """Whether an address, as Streamlit's option has it, is that of this machine alone."""
    if address is None:
        return False
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def providers() -> Mapping[str, str]:
    """The providers that people may log in with, and their client ids; none without OIDC.

    "default" is the one whose settings stand in `[auth]` itself. Raises `ConfigError` if
    secrets.toml is damaged or a setting lacks, or if Authlib is not installed.
    """
    auth = _auth()
    if auth is None:
        return {}
    extras.require("authlib", "oidc", "Logging in")
    sections = {name: part for name, part in auth.items() if isinstance(part, Mapping)}
    sections.pop("client_kwargs", None)
    if any(key in auth for key in _OF_PROVIDER) or not sections:
        sections["default"] = auth
    lacking = [f"[auth] {key}" for key in _SHARED if not auth.get(key)]
    for name, section in sections.items():
        place = "[auth]" if name == "default" else f"[auth.{name}]"
        lacking += [f"{place} {key}" for key in _OF_PROVIDER if not section.get(key)]
    if lacking:
        raise ConfigError(
            f"secrets.toml lacks {', '.join(lacking)}. See the example in docs/people.md."
        )
    if len(str(auth["cookie_secret"])) < _MIN_SECRET:
        raise ConfigError(
            f"[auth] cookie_secret in secrets.toml has fewer than {_MIN_SECRET} characters. Make "
            'one with: python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return {name: str(section["client_id"]) for name, section in sections.items()}


class WithoutMetrics:
    """Middleware that hides Streamlit's metrics: they count sessions and uploads for anybody."""

    def __init__(self, app: ASGIApp) -> None:
        """Stands before the app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers "not found" where the metrics would be, with or without a base path."""
        path = str(scope.get("path", "")).rstrip("/")
        hidden = scope["type"] == "http" and path.endswith("/_stcore/metrics")
        await (Response(status_code=404) if hidden else self._app)(scope, receive, send)


def _auth() -> Mapping[str, Any] | None:
    try:
        auth: Mapping[str, Any] | None = st.secrets.get("auth")
    except StreamlitSecretNotFoundError as error:
        if error.error_id == "no-secrets-found":
            return None
        raise ConfigError(f"secrets.toml cannot be read: {error}") from None
    return auth
