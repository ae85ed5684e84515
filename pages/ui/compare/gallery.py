"""The cells of one field of a confusion matrix, with their heat maps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data import datasets
from core.data.walk import read_unchanged
from core.errors import DataError, RunError
from core.evaluation.test_set import OUTCOMES, TestSet
from core.explain.overlay import legend
from core.explain.suited import suited
from core.reading.cell_reading import CellReading
from pages.ui.common import cache, charts, steps
from pages.ui.common.choices import address
from pages.ui.common.text import plain, section, shown_errors

PER_PAGE = 12
CELLS = "cells"  # of the address: which field of which run's matrix is open
_PAGE = "cells_page"
WIDTH = 168
HEAT = ("none", "those that hold", "all")


def show_confusion(run: TestSet, name: str) -> None:
    """Shows the confusion matrix of a run, with a button for the cells of each field."""
    counts = run.metrics.confusion.to_json()
    st.markdown(f"**{plain(name)}**")
    alt = "{tp} ALL found, {fn} missed; {tn} HEM found, {fp} called ALL".format(**counts)
    charts.show(charts.confusion(counts), alt=alt, key=f"confusion_{run.run_id}")
    with st.container(horizontal=True, gap="xxsmall"):
        for kind, label in OUTCOMES.items():
            if st.button(
                f"{label} ({counts[kind]})",
                key=f"cells_{run.run_id}_{kind}",
                disabled=not counts[kind],
                type="primary" if is_open(run, kind) else "secondary",
            ):
                st.query_params[CELLS] = st.session_state[CELLS] = f"{kind} {run.run_id}"
                st.session_state[_PAGE] = 1
                st.rerun()


def is_open(run: TestSet, kind: str) -> bool:
    """Whether the gallery shows this field of the matrix of this run."""
    return _open() == (kind, run.run_id)


def is_any_open(runs: list[TestSet]) -> bool:
    """Whether the gallery shows cells of one of these runs."""
    return _open()[1] in {run.run_id for run in runs}


def _open() -> tuple[str, str]:
    """The field of a matrix that the address, or this session, has open, and its run."""
    word = st.query_params.get(CELLS) or st.session_state.get(CELLS, "")
    kind, _, run_id = word.partition(" ")
    return (kind, run_id) if kind in OUTCOMES else ("", "")


def show_open(runs: list[TestSet], labels: dict[str, str]) -> None:
    """Shows the gallery that a button has opened, if its run is still selected."""
    kind, run_id = _open()
    for run in runs:
        if run.run_id == run_id:
            with shown_errors():
                _gallery(run, kind, labels[run_id])


def _gallery(run: TestSet, kind: str, name: str) -> None:
    cells = run.outcome(kind)
    said = f"{len(cells)} {run.run.config.items} of {OUTCOMES[kind]}, the most confident first"
    section(f"{plain(name)}: {said}")
    root = _root(run)
    heat = st.segmented_control(
        "Heat maps", default=HEAT[1], required=True, **address.choice("heat", "choice", HEAT)
    )
    pictures, foot = st.container(horizontal=True, gap="small"), st.container()
    page = steps.pages(foot, len(cells), PER_PAGE, _PAGE)
    drawn = []
    for cell in cells.iloc[page].itertuples():
        with pictures, st.container(width=WIDTH, gap="xxsmall"):
            drawn += _show_tile(run, root, cell)
    if heat == HEAT[0]:
        return
    foot.image(legend(), width=240, alt="Colour scale, from weak to strong evidence")
    method = suited(run.run.config.architecture).title
    foot.caption(f"From weak to strong evidence for the call, by {method}, each judged.")
    for tile in drawn:  # after all pictures stand: each judgement takes some 70 more images
        _add_heat_map(run, tile, always=heat == HEAT[2])


def _root(run: TestSet) -> Path:
    """The folder of the data set of a run. Raises `DataError` if it is gone."""
    root = datasets.resolve(run.run.config.dataset)
    if not root.is_dir():
        raise DataError(f"The data set {root} is gone, so its files cannot be shown.")
    return root


@dataclass(frozen=True)
class _Tile:
    """A cell that was read, its caption, and where its picture and the caption stand."""

    cell: CellReading
    caption: str
    alt: str
    picture: DeltaGenerator
    words: DeltaGenerator


def _show_tile(run: TestSet, root: Path, cell: Any) -> list[_Tile]:
    """Shows a cell of the test part; returns its tile if it was read."""
    whose = Path(cell.image_id).name if pd.isna(cell.subject) else f"subject {cell.subject}"
    caption = f"{plain(whose)}, P(ALL) {cell.probability:.0%}"
    try:
        data = read_unchanged(root / cell.image_id, cell.sha256)
        reading = cache.reading(run.run, data, Path(cell.image_id).name)
    except (DataError, RunError) as error:
        st.caption(f"{caption}. {plain(str(error))}")
        return []
    if not reading.cells:
        st.caption(f"{caption}. {plain(reading.reason or '')}")
    alt = f"The test {run.run.config.item} {Path(cell.image_id).name}"
    tiles = [_Tile(one, caption, alt, st.empty(), st.empty()) for one in reading.cells]
    for tile in tiles:
        tile.picture.image(tile.cell.image, width="stretch", alt=alt)
        tile.words.caption(caption)
    return tiles


def _add_heat_map(run: TestSet, tile: _Tile, *, always: bool) -> None:
    """Lays the heat map over a tile if it is supported; `always` also another one, stamped."""
    judged = cache.judgement(run.run, tile.cell)
    if tile.cell.heat is not None and (judged.supported or always):
        alt = f"{tile.alt} with its heat map"
        tile.picture.image(tile.cell.stamped(judged), width="stretch", alt=alt)
    tile.words.caption(f"{tile.caption}. Heat map: {judged.badge}.", help=plain(judged.reason))
