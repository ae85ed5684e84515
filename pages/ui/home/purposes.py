"""What Home shows first to who looks at data, or trains a model."""

import streamlit as st

from core.data import datasets
from core.runs import about, run_store
from core.workers import launcher
from pages.ui.common import cache, state
from pages.ui.common.text import plain


def look_at_data() -> None:
    """The data set that is chosen, what stands out in it, and the way to its cells."""
    if not datasets.known():
        st.markdown(
            "There is no data set yet. Draw the synthetic demo set, fetch C-NMC 2019, or add a "
            "folder of your own."
        )
        _go("dataset", "Get a data set", "add")
        return
    root = state.choose_dataset(link=False)
    if root is None:
        return
    index = cache.index(root)
    with st.container(horizontal=True, gap="large"):
        st.metric("Images", f"{len(index.cells):,}", width="content")
        st.metric("Subjects", f"{index.cells['subject'].nunique():,}", width="content")
        st.metric("Copies", f"{len(index.pairs):,}", width="content")
    for issue in cache.findings(index, cache.all_measures(index)):
        st.markdown(f"- {plain(issue.text)}")
    _go("dataset", "Look at the cells", "grid_view")


def train_a_model() -> None:
    """What trains now, and the way to start."""
    unfinished = [run for run in run_store.runs() if run.status.unfinished]
    for run in unfinished:
        st.markdown(
            f":material/sync: **{plain(about.called(run))}** is training or waits for its turn."
        )
    st.markdown(
        "Choose a data set and a network. Before it starts, you see how long it takes and what "
        f"crosses from training to test. Runs train {launcher.where()}."
    )
    _go("train", "See it train" if unfinished else "Train a model", "model_training")
    if run_store.finished():
        _go("compare", "Compare what was trained", "balance")
    _go("tune", "Search for better settings", "tune")


def _go(page: str, label: str, icon: str) -> None:
    st.page_link(f"pages/{page}.py", label=label, icon=f":material/{icon}:")
