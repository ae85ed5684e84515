"""The map of a run's cells as its network sees them, with its errors."""

from functools import partial

import streamlit as st

from core.data import datasets
from core.data.pixel_cache import said_of
from core.embedding import embedding_job, map_colours
from core.evaluation.test_set import TestSet
from core.report.comparison import ComparedRun
from pages.ui.common import cache
from pages.ui.common.cells import map_view
from pages.ui.common.choices.runs import choice

_KEY = "compare_map"


def show(runs: list[TestSet], _rows: list[ComparedRun]) -> None:
    """Shows the map of one of the runs."""
    by_name = {run.run_id: run.run for run in runs}
    chosen = st.selectbox("As seen by", **choice("seen_by", by_name.values(), archived=True))
    run = by_name[chosen]
    index = cache.index(datasets.resolve(run.config.dataset))
    colourings: map_view.Colourings = {
        "error": partial(map_colours.by_outcome, run=run),
        "class": map_colours.by_class,
        "subject": partial(map_view.by_subject, key=_KEY),
    }
    measured = cache.all_measures(index)
    if measured is not None:
        colourings["quality flag"] = partial(map_colours.by_flag, measured=measured)
    map_view.show(
        index,
        partial(embedding_job.of_run, run),
        colourings,
        f"{_KEY}_{run.run_id}",
        said_of("cells that the model sees alike", run.config.item),
        run.config.items,
    )
