"""A progress bar that says how much is done, how fast, and how long is left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.data.indexing import Progress
from core.runs.cost import pace
from pages.ui.common.text import duration


@contextmanager
def show_progress(doing: str, things: str) -> Iterator[Progress]:
    """Yields a function of (done, total) that moves the bar; the bar goes when the work ends."""
    bar = st.progress(0.0, text=f"{doing}…")
    started = time.monotonic()

    def move(done: int, total: int) -> None:
        rate, left = pace(done, total, time.monotonic() - started)
        text = f"{doing}: {done:,} of {total:,} {things}, {rate:,.0f} a second"
        bar.progress(done / max(total, 1), text=f"{text}, {duration(left)} left")

    try:
        yield move
    finally:
        bar.empty()
