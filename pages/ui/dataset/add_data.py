"""Ways to a data set: draw the demo set, name a folder, fetch C-NMC 2019."""

from pathlib import Path

import streamlit as st

from core import storage
from core.data import datasets
from core.data.layouts import ClassesUnknownError
from core.data.synthetic import dataset
from pages.ui.common.progress import show_progress
from pages.ui.dataset import fetch_monitor

_WAITING = "folder_without_classes"


def show() -> None:
    """All the ways, one below the other; a data set that was added is the chosen one."""
    if storage.demo_dir() not in datasets.known() and st.button(
        "Draw the synthetic demo set", type="primary", icon=":material/add:"
    ):
        with show_progress("Drawing", "synthetic cells") as progress:
            dataset.write_dataset(storage.demo_dir(), progress=progress)
        st.rerun()
    with st.form("add", border=False):
        path = st.text_input(
            "Folder on this machine", help="C-NMC 2019 in any phase, or one folder for each class"
        )
        if st.form_submit_button("Add") and path:
            _add(path)
    if _WAITING in st.session_state:
        _ask_for_the_positive_class()
    st.divider()
    fetch_monitor.show(lambda root: _add(str(root)))


def _ask_for_the_positive_class() -> None:
    path, classes = st.session_state[_WAITING]
    positive = st.segmented_control("Which folder holds ALL, the blasts?", classes)
    if st.button("Add with this class", disabled=positive is None):
        _add(path, positive)


def _add(path: str, positive: str | None = None) -> None:
    st.session_state.pop(_WAITING, None)
    try:
        with show_progress("Indexing", "files") as progress:
            root: Path = datasets.add(path, progress, positive)
    except ClassesUnknownError as error:
        st.session_state[_WAITING] = (path, error.classes)
    else:
        st.session_state["dataset"] = root
    st.rerun()
