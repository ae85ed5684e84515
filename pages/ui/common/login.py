"""What stands before the pages: a log-in where one is configured, or why nobody is let in."""

import streamlit as st

from core.errors import BlastLensError
from pages.ui.common import people, server
from pages.ui.common.text import plain, research_notice


def let_in() -> bool:
    """Whether the page may be shown; if not, shows what to do instead."""
    try:
        server.require_safe(local=server.is_local())
        person = people.current()
        if not server.providers() or (person is not None and person.roles):
            return True
    except BlastLensError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return False
    st.title("BlastLens", anchor=False)
    if person is None:
        st.markdown("Reads single stained cells for leukemic blasts. Log in to go on.")
        for name in server.providers():
            words = "Log in" if name == "default" else f"Log in with {plain(name)}"
            if st.button(words, key=f"log_in_{name}", type="primary", icon=":material/login:"):
                st.login(None if name == "default" else name)
    else:
        st.info(
            f"You are logged in as {plain(person.name)}, who has no role here. Ask an administrator"
            " of this app for one.",
            icon=":material/block:",
        )
        st.button("Log out", icon=":material/logout:", on_click=st.logout)
    research_notice()
    return False
