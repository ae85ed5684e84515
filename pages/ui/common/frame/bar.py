"""Every page a touch away on a telephone: a bar of links at the foot of a narrow window."""

from collections.abc import Iterable

import streamlit as st
from streamlit.navigation.page import StreamlitPage

FIRST = ("Home", "Predict", "Cases")  # what one has a telephone out for


def show(pages: Iterable[StreamlitPage]) -> None:
    """Shows the bar; `streamlit.css` hides it where the navigation has room at the top."""
    with st.container(key="bar", horizontal=True, gap=None):
        for page in sorted(pages, key=lambda page: page.title not in FIRST):
            st.page_link(page, label=page.title, icon=page.icon, width="content")
