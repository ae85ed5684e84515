"""What is chosen, in the address: a link, a reload, the browser's Back show it again.

Streamlit binds a widget to a parameter of the address (`bind="query-params"`), and keeps its value
while another page is shown. The address leaves out what a page shows by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from pages.ui.common import compat
from pages.ui.common.text import plain

T = TypeVar("T")
# Arguments of a widget with a key: its value stands in the address.
BOUND: Mapping[str, Any] = {"bind": "query-params"}


def choice(
    key: str,
    what: str,
    options: Mapping[T, str] | Iterable[T],
    other: Mapping[str, T] | None = None,
) -> Mapping[str, Any]:
    """Arguments of a widget whose choice stands in the address as `key`.

    what: the field's word for an option, for the sentence about one that is not there. options:
    with their labels, which the address has too. other: other words that the address may have for
    an option, such as the id of a run.
    """
    labels = dict(options) if isinstance(options, Mapping) else {o: str(o) for o in options}
    asked = [word for word in st.query_params.get_all(key) if word]
    if other and not set(other).isdisjoint(asked):
        asked = [labels[other[word]] if word in other else word for word in asked]
        compat.read_address_as(key, asked)
    _say_unknown(what, asked, labels.values())
    return {
        "options": list(labels),
        "format_func": labels.__getitem__,
        "key": key,
        **BOUND,
    }


def tabs(key: str, names: Iterable[str]) -> Sequence[Any]:
    """Tabs of which the open one stands in the address as `key`; only that one is to be drawn."""
    names = list(names)
    _say_unknown("tab", st.query_params.get_all(key), names)
    return st.tabs(names, on_change="rerun", key=key, bind="query-params")


def kept(key: str) -> str:
    """What `keep` has kept; "" for nothing."""
    word: str = st.query_params.get(key) or st.session_state.get(_kept(key), "")
    return word


def keep(key: str, text: str) -> None:
    """Has `text` stand in the address as `key`, also after a page switch; "" is left out."""
    st.session_state[_kept(key)] = text
    if text:
        st.query_params[key] = text
    else:
        st.query_params.pop(key, None)


def place(key: str, count: int) -> int:
    """Which of `count` things is shown, from 0, as `go` has kept it; the first where none was."""
    word = kept(key)
    at = min(int(word), count) if word.isdecimal() and int(word) else 1
    go(key, at - 1)
    return at - 1


def go(key: str, at: int) -> None:
    """Has `place` give `at`, which stands in the address counted from 1, the first left out."""
    keep(key, str(at + 1) if at else "")


def _kept(key: str) -> str:
    return f"{key}_place"


def _say_unknown(what: str, asked: Iterable[str], known: Iterable[str]) -> None:
    known = set(known)
    for word in asked:
        if word not in known:
            st.warning(
                f"The address asks for the {what} {plain(word)}, which is not here. It may have "
                "been renamed or deleted.",
                icon=":material/link_off:",
            )
