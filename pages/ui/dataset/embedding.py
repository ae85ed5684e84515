"""The map of a data set by the measures of its cells."""

from functools import partial

import pandas as pd
import streamlit as st

from core.data.indexing import Index
from core.embedding import embedding_job, map_colours
from core.runs import run_store
from pages.ui.common.cells import map_view
from pages.ui.common.choices.runs import choice

_KEY = "dataset_map"


def show(index: Index, measured: pd.DataFrame | None) -> None:
    """Shows the map, once all cells are measured."""
    if measured is None:
        st.info("The map is drawn once all images are measured; see above.")
        return
    map_view.show(
        index,
        partial(embedding_job.of_data_set, index),
        {
            "class": map_colours.by_class,
            "subject": partial(map_view.by_subject, key=_KEY),
            "quality flag": partial(map_colours.by_flag, measured=measured),
            "error of a model": _by_outcome,
        },
        _KEY,
        "like size, shape, colour and chromatin",
        "images",
    )


def _by_outcome(cells: pd.DataFrame) -> pd.Series:
    finished = {run.run_id: run for run in run_store.models()}
    if not finished:
        st.info("No model has been trained yet, so there are no errors to colour by.")
        return map_colours.by_class(cells)
    chosen = st.selectbox("Errors of", **choice("errors_of", finished.values()))
    return map_colours.by_outcome(cells, finished[chosen])
