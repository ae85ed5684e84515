"""What leans on the insides of Streamlit; tests/pages/test_compat.py guards each."""

import copyreg
from io import BytesIO
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.typing import UploadedFile
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from core.settings import PROJECT

_LIGHT_TABLES = "[data-testid=stDataFrame] { filter: invert(1) hue-rotate(180deg); }"
ENTERED = "entered_through_app"


def enter_app() -> None:
    """Called by app.py: this session's pages run inside it."""
    st.session_state[ENTERED] = True


def require_app() -> None:
    """Called by each page: starts over through app.py if Streamlit ran the page's file alone.

    It does so for the first address visited after a start, because a folder called `pages` stands
    beside app.py (its older way to several pages), until `st.navigation` has been called once.
    """
    if ENTERED not in st.session_state:
        files = sorted((PROJECT / "pages").glob("*.py"))
        pages = [st.Page(file, default=file.stem == "home") for file in files]
        st.navigation(pages, position="hidden")
        st.rerun()


def share_upload_bytes() -> None:
    """Lets copies of an uploaded file share its bytes.

    Streamlit copies a widget's value at each run. An upload can have hundreds of megabytes, which
    nothing changes.
    """
    copyreg.pickle(UploadedFile, _parts)


def _parts(file: UploadedFile) -> tuple[Any, ...]:
    return _copy, (file.getvalue(), file.tell(), dict(vars(file)))


def _copy(data: bytes, position: int, attributes: dict[str, Any]) -> UploadedFile:
    copy = UploadedFile.__new__(UploadedFile)
    BytesIO.__init__(copy, data)
    copy.__dict__.update(attributes)
    copy.seek(position)
    return copy


def dress() -> None:
    """Adds what Streamlit's themes do not reach to the page, and how it is printed."""
    st.html(Path(__file__).parent / "streamlit.css")
    if st.context.theme.type == "dark":  # its tables are pictures
        st.html(f"<style>@media print {{ {_LIGHT_TABLES} }}</style>")


# Where the window is narrow Streamlit folds the navigation behind ">>", named "Expand sidebar".
_NAME_MENU = st.components.v2.component(
    "blastlens_menu",
    js="""export default function () {
  const name = () => document.querySelector("[data-testid=stExpandSidebarButton]")
    ?.setAttribute("aria-label", "Menu");
  name();
  const watch = new MutationObserver(name);
  watch.observe(document.body, { childList: true, subtree: true });
  return () => watch.disconnect();
}""",
)


def name_menu() -> None:
    """Has the button that unfolds the navigation be called Menu; its word is in streamlit.css."""
    _NAME_MENU(key="menu_name", height=0)


def keep_choices_on_back() -> None:
    """Has a page to which the browser goes back show what was chosen there.

    When another page is opened, Streamlit leaves an address without parameters behind. Going back
    to it would put every choice that stands in the address to its default.
    """
    context = get_script_run_ctx()
    if context is not None and not st.query_params.to_dict():
        context.is_history_navigation = False


def read_address_as(key: str, words: list[str]) -> None:
    """Has the widget that is bound to `key` read the address as if it had `words` there."""
    context = get_script_run_ctx()
    assert context is not None
    with context.session_state.query_params() as address:
        address._initial_query_params[key] = words
        address.set_with_no_forward_msg(key, words)


def browser_token() -> bytes | None:
    """The random 16 bytes by which Streamlit knows a browser; None if it has none.

    It keeps them in a cookie, against forged requests, and masks them anew at each answer.
    """
    token, _ = decode_xsrf_token_string(st.context.cookies.get(XSRF_COOKIE_NAME, ""))
    return token if token and len(token) >= 16 else None
