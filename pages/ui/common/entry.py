"""Sees to it that a page runs inside the app, whichever address was visited first."""

import streamlit as st

from core import memory, storage
from core.settings import PROJECT

_ENTERED = "entered_through_app"

memory.keep_little()
storage.seed_artifacts()


def mark() -> None:
    """Called by app.py: this session's pages run inside it."""
    st.session_state[_ENTERED] = True


def require() -> None:
    """Called by each page: starts over through app.py if Streamlit ran the page's file alone.

    It does so for the first address visited after a start, because a folder called `pages` stands
    beside app.py (its older way to several pages), until `st.navigation` has been called once.
    """
    if _ENTERED not in st.session_state:
        files = sorted((PROJECT / "pages").glob("*.py"))
        pages = [st.Page(file, default=file.stem == "home") for file in files]
        st.navigation(pages, position="hidden")
        st.rerun()
