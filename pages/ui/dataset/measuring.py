"""Measures the cells of the data set that is shown, bit by bit, while the page is used."""

import time
from functools import partial
from pathlib import Path

import streamlit as st

from core.data import measures
from core.data.indexing import Index
from core.errors import DataError
from pages.ui.common import monitor
from pages.ui.common.progress import speed
from pages.ui.common.text import plain

_DOING = "Measuring size, shape, stain, sharpness and quality flags"
_BEGAN = "measuring_began"  # time, and cells measured by then, by the root of a data set
_STOPPED = "measuring_stopped"  # why, by the root of a data set
SECONDS = 0.5  # that a click has to wait at most, or a little more
CELLS = 1000  # at a time: more than can be measured in these seconds


class _Enough(Exception):  # noqa: N818 - no error
    """The time is over."""


def show(index: Index) -> None:
    """Measures, says how far it is, and draws the page anew when all cells are measured."""
    stopped = st.session_state.setdefault(_STOPPED, {})
    if index.root in stopped:
        st.session_state.pop(_BEGAN, None)
        st.info(stopped[index.root], icon=":material/pause:")
        st.button("Go on measuring", on_click=stopped.pop, args=(index.root,))
        return
    monitor.repeat(partial(_go_on, index, stopped), every=SECONDS)


def _go_on(index: Index, stopped: dict[Path, str]) -> bool:
    """Measures some of the cells; returns whether that was all, or it was stopped."""
    todo, total, now = measures.missing(index), len(index.cells), time.monotonic()
    before = total - len(todo)
    began, first = st.session_state.setdefault(_BEGAN, {}).setdefault(index.root, (now, before))
    place, stop = st.columns([6, 1], vertical_alignment="center")
    bar = place.progress(0.0)

    def show_done(done: int) -> None:
        text = f"{_DOING}: {done:,} of {total:,} images"
        if done > first:
            text += f", {speed(done - first, total - first, began)}"
        bar.progress(done / total, text=text)

    def move(done: int, _: int) -> None:
        show_done(before + done)
        if time.monotonic() - now > SECONDS:
            raise _Enough

    show_done(before)
    if stop.button("Stop", icon=":material/stop:", width="stretch", key="measuring_stop"):
        stopped[index.root] = f"Measuring was stopped; {len(todo):,} of {total:,} images are left."
        return True
    try:
        measures.measure(index, move, todo[:CELLS])
    except _Enough:
        return False
    except DataError as error:
        stopped[index.root] = plain(str(error))
        return True
    return len(todo) <= CELLS
