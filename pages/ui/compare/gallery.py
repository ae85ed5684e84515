"""The cells behind a number of a confusion matrix, with their heat maps."""

import hashlib
from pathlib import Path
from typing import Any

import streamlit as st

from core.data import datasets
from core.errors import DataError, RunError
from core.evaluation.test_set import OUTCOMES, TestSet
from core.explain.overlay import legend
from core.report import phrases
from pages.ui.common import cache, charts
from pages.ui.common.text import plain, shown_errors

PER_PAGE = 12
_OPEN = "compare_cells"
WIDTH = 168
HEAT = ("none", "those that hold", "all")


def show_confusion(run: TestSet, name: str) -> None:
    """A run's calls against the truth; a button for each cell of it opens what it counts."""
    counts = run.metrics.confusion.to_json()
    st.markdown(f"**{plain(name)}**")
    alt = "{tp} ALL found, {fn} missed; {tn} HEM found, {fp} called ALL".format(**counts)
    charts.show(charts.confusion(counts), alt=alt, key=f"confusion_{run.run_id}")
    st.caption(f"{phrases.protocol(run)}. Look at the cells:")
    with st.container(horizontal=True, gap="xxsmall"):
        for kind, label in OUTCOMES.items():
            if st.button(
                f"{label} ({counts[kind]})",
                key=f"cells_{run.run_id}_{kind}",
                disabled=not counts[kind],
                type="primary" if is_open(run, kind) else "secondary",
            ):
                st.session_state[_OPEN] = (run.run_id, kind)
                st.rerun()


def is_open(run: TestSet, kind: str) -> bool:
    """Whether the gallery shows this cell of this run's matrix."""
    return st.session_state.get(_OPEN) == (run.run_id, kind)


def show_open(runs: list[TestSet], called: dict[str, str]) -> None:
    """The gallery that a button has opened, if its run is still chosen."""
    run_id, kind = st.session_state.get(_OPEN, (None, None))
    for run in runs:
        if run.run_id == run_id:
            with shown_errors():
                _gallery(run, kind, called[run_id])


def _gallery(run: TestSet, kind: str, name: str) -> None:
    cells = run.outcome(kind)
    st.markdown(f"##### {plain(name)}: {len(cells)} cells of {OUTCOMES[kind]}, the surest first")
    root = _root(run)
    heat = st.segmented_control(
        "Heat maps", HEAT, default=HEAT[2], required=True, key="compare_heat"
    )
    pages = -(-len(cells) // PER_PAGE)
    pictures, foot = st.container(horizontal=True, gap="small"), st.container()
    page = foot.pagination(pages, key=f"page_{run.run_id}_{kind}") if pages > 1 else 1
    for cell in cells.iloc[(page - 1) * PER_PAGE : page * PER_PAGE].itertuples():
        with pictures, st.container(width=WIDTH, gap="xxsmall"):
            _tile(run, root, cell, heat)
    if heat != HEAT[0]:
        foot.image(legend(), width=240, alt="Colour scale, from weak to strong evidence")
        judged = "each judged" if heat == HEAT[1] else "not judged here: “those that hold” does"
        foot.caption(f"From weak to strong evidence for the call, by Grad-CAM, {judged}.")


def _root(run: TestSet) -> Path:
    """Where the run's data set lies. Raises `DataError` if it is gone."""
    root = datasets.resolve(run.run.config.dataset)
    if not root.is_dir():
        raise DataError(f"The data set {root} is gone, so its cells cannot be shown.")
    return root


def _tile(run: TestSet, root: Path, cell: Any, heat: str) -> None:
    words = f"No. {cell.subject}, P(ALL) {cell.probability:.0%}"
    try:
        data = (root / cell.image_id).read_bytes()
        if hashlib.sha256(data).hexdigest() != cell.sha256:
            raise DataError("The file has changed since it was measured.")
        reading = cache.reading(run.run, data, Path(cell.image_id).name)
    except OSError:
        st.caption(f"{words}. Its file is gone.")
        return
    except (DataError, RunError) as error:
        st.caption(f"{words}. {plain(str(error))}")
        return
    for read in reading.cells:
        shown, note = heat == HEAT[2], ""
        if heat == HEAT[1]:  # only then is each judged: that takes some 70 images of the engine
            judged = cache.judgement(run.run, read)
            shown = judged.supported
            note = "" if shown else f". Heat map: {judged.badge}. {judged.reason}"
        alt = f"Cell of subject {cell.subject}" + (" with its heat map" if shown else "")
        st.image(read.overlay if shown else read.image, width="stretch", alt=alt)
        st.caption(words + plain(note))
    if not reading.cells:
        st.caption(f"{words}. {plain(reading.reason or '')}")
