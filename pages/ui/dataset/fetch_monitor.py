"""Fetching C-NMC 2019 from Kaggle: the button, the progress, and the way to go on."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core.data.fetch import LICENCE, UNPACKED_BYTES, Fetch, size_text
from core.jobs.job import Status
from pages.ui.common import monitor
from pages.ui.common.text import duration, plain, sentence, shown_errors


def show(on_done: Callable[[Path], None]) -> None:
    """Offers to fetch, follows a fetch live, and gives the folder to `on_done` when asked to.

    Redraws itself, not the page, while a fetch is under way. Not for use inside a form.
    """
    with shown_errors():
        job = Fetch()
        if job.status.unfinished:
            monitor.show(job, _draw)
        else:
            _ended(job, job.status, on_done)


def _draw(job: Fetch, status: Status) -> None:
    st.markdown("**Fetching C-NMC 2019 from Kaggle**")
    st.progress(status.share_done, text=progress_text(status))
    monitor.stop_button(
        [job],
        "fetch_stop",
        label="Stop fetching",
        help="What has arrived is kept. Leaving this page does not stop it.",
    )


def _ended(job: Fetch, status: Status, on_done: Callable[[Path], None]) -> None:
    if status.root:
        st.success(f"C-NMC 2019 is in {plain(str(status.root))}", icon=":material/check_circle:")
        if st.button("Use this data set", type="primary", key="fetch_use"):
            on_done(status.root)
        return
    monitor.show_error(status)
    if status.state == "cancelled":
        st.info("Fetching was stopped. What has arrived is kept.", icon=":material/cancel:")
    label = "Fetch C-NMC 2019 from Kaggle" if status.state == "none" else "Try again"
    monitor.start_button(job, label, "fetch_start", icon=":material/download:")
    st.caption(
        f"About {size_text(UNPACKED_BYTES)}, and twice that while it is unpacked. Licence: "
        f"{LICENCE}. It goes to {plain(str(job.path))}"
    )


def progress_text(status: Status) -> str:
    """What the worker is doing, how much is done, its rate and the time left."""
    if status.state == "queued":
        return "Starting"
    parts = [sentence(status.phase)]
    if status.total:
        parts.append(f"{size_text(status.done)} of {size_text(status.total)}")
    elif status.done:
        parts.append(f"{size_text(status.done)} so far")
    if status.rate:
        parts.append(f"{status.rate / 10**6:.1f} MB/s")
    if status.seconds_left is not None:
        parts.append(f"{duration(status.seconds_left)} left")
    return " · ".join(parts)
