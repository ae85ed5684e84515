"""Progress in words: how much is done, how fast, and how long is left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.data.walk import Progress
from core.jobs.job import Status
from core.report.phrases import duration
from core.runs.cost import pace
from core.runs.run_store import STAGES
from pages.ui.common.text import sentence


@contextmanager
def show_progress(doing: str, things: str) -> Iterator[Progress]:
    """Yields a function of (done, total) that moves the bar; the bar goes when the work ends."""
    bar = st.progress(0.0, text=f"{doing}…")
    started = time.monotonic()

    def move(done: int, total: int) -> None:
        text = f"{doing}: {done:,} of {total:,} {things}"
        bar.progress(done / max(total, 1), text=f"{text}, {speed(done, total, started)}")

    try:
        yield move
    finally:
        bar.empty()


def speed(done: int, total: int, started: float) -> str:
    """The rate, and the time left, of work that began at a time of `time.monotonic`."""
    rate, left = pace(done, total, time.monotonic() - started)
    return f"{rate:,.0f} a second, {duration(left)} left"


def run_progress(status: Status) -> str:
    """What the worker of a run is doing, its rate and the time left."""
    parts = [sentence(status.phase)]
    if status.phase in STAGES:
        parts[0] = f"{sentence(status.phase)}: epoch {status.epoch} of {status.epochs}"
        parts.append(f"step {status.done} of {status.total}")
        if status.cross_entropy is not None and status.accuracy is not None:
            parts.append(
                f"prediction error {status.cross_entropy:.3f}, accuracy {status.accuracy:.3f}"
            )
        if status.learning_rate is not None:
            parts.append(f"learning rate {status.learning_rate:.2g}")
        if status.images_per_second:
            parts.append(f"{status.images_per_second:.0f} images/s")
        if status.seconds_left is not None:
            parts.append(f"{duration(status.seconds_left)} left")
    elif status.total:
        parts.append(f"{status.done} of {status.total}")
    return " · ".join(parts)
