"""What a browser session remembers: choices, never results."""

from pathlib import Path

import streamlit as st

from core.data import datasets


def choose_dataset(label: str = "Data set") -> Path | None:
    """A select box over the known data sets, the same choice on every page; None if none."""
    known = datasets.known()
    if not known:
        return None
    remembered = st.session_state.get("dataset")
    st.session_state["dataset_choice"] = remembered if remembered in known else known[0]
    return st.selectbox(
        label, known, format_func=dataset_name, key="dataset_choice", on_change=_remember
    )


def _remember() -> None:
    # A widget's own key is forgotten when another page is shown; this one is not.
    st.session_state["dataset"] = st.session_state["dataset_choice"]


def dataset_name(root: Path) -> str:
    """How a data set is called on the pages."""
    return "Synthetic demo set" if datasets.name(root) == datasets.DEMO else str(root)
