"""What every page says in the same words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data.indexing import Index
from core.data.layouts.cnmc import Cnmc
from core.errors import BlastLensError, DiskError
from core.untrusted.fields import shown
from pages.ui.common import compat, people, server

SPLITS = {
    "subject": "by subject (honest)",
    "folds": "official folds (leak on C-NMC)",
    "preliminary": "official preliminary test",
    "published": "the publisher's parts",
    "image": "by image (leaks; for demonstration)",
}
CALLS = {
    "ALL": ":orange[▲ **ALL**]",
    "HEM": ":blue[● **HEM**]",
    "review": ":yellow[◆ **review**]",
}


def title(name: str, sentence: str) -> None:
    """A page's title with its one sentence, and who uses it: the first thing each page calls."""
    compat.require_app()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(name, anchor=False, width="stretch")
        with st.container(width="content"):
            _person()
    st.markdown(sentence)


def section(name: str, place: DeltaGenerator | None = None, help: str | None = None) -> None:
    """The heading of a part of a page: all have one level below the title, to be jumped to."""
    (place or st).header(name, anchor=False, help=help)


@st.fragment
def _person() -> None:
    """Who uses the page: whoever has logged in, and the way out; else a name to type."""
    person = people.current()
    label = plain(person.name) if person else "Your name"
    # Its content is made when it is opened.
    popover = st.popover(
        label, icon=":material/person:", type="tertiary", on_change="rerun", key="person"
    )
    if not popover.open:
        return
    with popover, shown_errors():
        if server.providers():
            st.caption(f"Roles: {', '.join(sorted(person.roles)) if person else 'none'}.")
            st.button("Log out", icon=":material/logout:", on_click=st.logout)
            return
        with st.form("your_name", border=False):
            typed = st.text_input(
                "Your name",
                person.name if person else "",
                width=320,  # so that Streamlit's hint does not lie on the name
                help="Your decisions are recorded with this name, which nobody has verified.",
            )
            if st.form_submit_button("Keep it"):
                people.call_me(typed)
                st.rerun()


def research_notice() -> None:
    """Stands on every page that shows a reading."""
    st.caption(
        ":material/info: Research use only, not a medical device, never a diagnosis: "
        "a haematologist checks every call."
    )


def plain(text: str) -> str:
    """Text shown as it is, in one line: file names and paths are no Markdown, and hide nothing."""
    return re.sub(r"([\\`*_$\[\]<>~#|:])", r"\\\1", shown(re.sub(r"[\t\r\n]+", " ", text)))


def sentence(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


@contextmanager
def shown_errors() -> Iterator[None]:
    """Turns BlastLens's errors and the disk's into a message; the rest of the page goes on."""
    try:
        yield
    except (BlastLensError, OSError) as error:
        if not show_error(error):
            raise


def show_error(error: Exception) -> bool:
    """Shows an error of BlastLens or of the disk as a sentence; returns whether it is one.

    app.py has Streamlit call it for what no page has caught.
    """
    if isinstance(error, OSError) and error.errno is not None:
        error = DiskError.of(error, "the system")
    if not isinstance(error, BlastLensError):
        return False
    st.error(plain(str(error)), icon=":material/error:")
    return True


def citation(index: Index) -> None:
    """Where the shown cells come from, if that is known."""
    if index.synthetic:
        st.caption("Synthetic cells, drawn by BlastLens. They show no patient and prove nothing.")
    elif index.layout == Cnmc.title:
        st.caption(
            "Where these are cells of C-NMC 2019, cite: Gupta A, Gupta R. ALL Challenge dataset "
            "of ISBI 2019. The Cancer Imaging Archive, 2019, CC BY 3.0."
        )
