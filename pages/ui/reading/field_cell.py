"""The reading of one cell of a field: what the model suggests, and what that rests on."""

from collections.abc import Callable

import streamlit as st

from core.explain.overlay import legend
from core.explain.trust import SUPPORTED, Judgement
from core.reading.reader import CellReading, Reading
from pages.ui.common.text import CALLS, plain
from pages.ui.reading import similar


def show(reading: Reading, judge: Callable[[], Judgement]) -> None:
    """The reading first; whether to believe its heat map when that has been worked out."""
    if reading.kind == "refused":
        why = f"**Not read.** {plain(reading.reason or '')}"
        st.warning(why, icon=":material/block:")
    for cell in reading.cells:
        _show_cell(reading, cell, judge)
    similar.show_prepared(reading)
    similar.show_unchecked(reading.gate)
    for cell in reading.cells:
        left, right = st.columns(2, gap="medium")
        with left:
            similar.show_similar(cell)
        with right:
            similar.show_words(cell)


def _show_cell(reading: Reading, cell: CellReading, judge: Callable[[], Judgement]) -> None:
    similar.show_seen(cell.seen)
    picture, words = st.columns([2, 3], gap="medium")
    place = picture.empty()
    alt = f"The cell {reading.image}"
    place.image(cell.image, width="stretch", alt=alt)
    with words, st.container(border=True):
        st.markdown(f"### The model suggests: {CALLS[cell.call]}")
        likely = f"Probability of ALL **{cell.probability:.0%}**, of HEM {cell.probability_hem:.0%}"
        st.progress(cell.probability, text=likely)
        if cell.interval is not None:
            low, high = cell.interval
            st.caption(f"95% interval of the probability of ALL: {low:.0%} to {high:.0%}.")
        if cell.call == "review":
            st.markdown("Too close for this model to call: **a person should look**.")
        if cell.undecided:
            st.markdown(":material/balance: Close to the threshold: take it as **undecided**.")
    with words:
        judged = judge()
        st.caption(f"**Heat map: {judged.badge}.** {judged.reason}")
        shown = cell.heat is not None and st.toggle(
            "Show where the evidence lies", value=judged.supported and judged.badge == SUPPORTED
        )
    if shown:
        place.image(cell.overlay, width="stretch", alt=f"{alt}, with its heat map")
        picture.image(legend(), width="stretch", alt="Colour scale: weak to strong evidence")
