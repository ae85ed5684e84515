"""The data set that a browser session works on: chosen once, the same on every page."""

from pathlib import Path

import streamlit as st

from core.data import datasets
from core.runs.config import MIN_SAMPLE


def choose_dataset(*, link: bool = True) -> Path | None:
    """A select box over the known data sets; None if there are none, which it says."""
    known = datasets.known()
    if not known:
        st.info("There is no data set yet. Draw the synthetic demo set, or add a folder.")
        if link:
            st.page_link("pages/dataset.py", label="Data sets", icon=":material/grid_view:")
        return None
    remembered = st.session_state.get("dataset")
    st.session_state["dataset_choice"] = remembered if remembered in known else known[0]
    return st.selectbox(
        "Data set", known, format_func=dataset_name, key="dataset_choice", on_change=_remember
    )


def _remember() -> None:
    # A widget's own key is forgotten when another page is shown; this one is not.
    st.session_state["dataset"] = st.session_state["dataset_choice"]


def dataset_name(root: Path) -> str:
    """How a data set is called on the pages."""
    return "Synthetic demo set" if datasets.name(root) == datasets.DEMO else str(root)


def enough_cells(cells: int) -> bool:
    """Whether so many labelled cells can be trained on; if not, says so."""
    if cells < MIN_SAMPLE:
        st.info(f"It has {cells} labelled cells; training needs at least {MIN_SAMPLE}.")
    return cells >= MIN_SAMPLE
