"""The data set that a browser session works on: chosen once, the same on every page."""

from pathlib import Path

import streamlit as st

from core import storage
from core.data import datasets
from core.runs.config import MIN_SAMPLE
from pages.ui.common.choices import address

_NEXT = "next_dataset"


def choose_dataset(*, link: bool = True) -> Path | None:
    """A select box over the known data sets; None if there are none, which it says."""
    known = datasets.known()
    if not known:
        st.info("There is no data set yet. Draw the synthetic demo set, or add a folder.")
        if link:
            st.page_link("pages/dataset.py", label="Data sets", icon=":material/grid_view:")
        return None
    if (added := st.session_state.pop(_NEXT, None)) in known:
        st.session_state["dataset"] = added
    labels = {root: dataset_name(root) for root in known}
    ids = {datasets.name(root): root for root in known}
    chosen: Path = st.selectbox("Data set", **address.choice("dataset", "data set", labels, ids))
    return chosen


def choose_next(root: Path) -> None:
    """Has `choose_dataset` choose a data set when the page is drawn anew."""
    st.session_state[_NEXT] = root


def dataset_name(root: Path) -> str:
    """How a data set is called on the pages."""
    drawn = {
        storage.demo_dir(): "Synthetic demo set",
        storage.demo_dir(datasets.FEW_PATIENTS): "Synthetic cells of few patients",
    }
    return drawn.get(root.absolute(), str(root))


def enough_cells(cells: int) -> bool:
    """Whether so many labelled cells can be trained on; if not, says so."""
    if cells < MIN_SAMPLE:
        st.info(f"It has {cells} labelled images; training needs at least {MIN_SAMPLE}.")
    return cells >= MIN_SAMPLE
