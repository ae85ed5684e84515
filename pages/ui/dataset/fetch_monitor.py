"""Fetching C-NMC 2019 from Kaggle: the button, the progress, and the way to go on."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core import storage
from core.data import fetch
from core.data.fetch import Fetch, size_text
from core.jobs.job import Status
from core.workers import launcher
from pages.ui.common.text import duration, plain, sentence, shown_errors


def show(on_done: Callable[[Path], None]) -> None:
    """Offers to fetch, follows a fetch live, and gives the folder to `on_done` when asked to.

    Redraws itself, not the page, while a fetch is under way. Not for use inside a form.
    """
    with shown_errors():
        status = Fetch().status
        if status.unfinished:
            _live()
        else:
            _ended(status, on_done)


@st.fragment(run_every=1.0)
def _live() -> None:
    status = Fetch().status
    if not status.unfinished:
        st.rerun()  # the page as a whole, which then no longer refreshes itself
    asked = Fetch().stop_requested
    st.markdown("**Fetching C-NMC 2019 from Kaggle**")
    st.progress(status.share_done, text=progress_text(status))
    st.button(
        "Stopping…" if asked else "Stop fetching",
        icon=":material/stop:",
        disabled=asked,
        key="fetch_stop",
        on_click=Fetch().request_stop,
        help="What has arrived is kept. Leaving this page does not stop it.",
    )


def _ended(status: Status, on_done: Callable[[Path], None]) -> None:
    if status.root:
        st.success(f"C-NMC 2019 is in {plain(str(status.root))}", icon=":material/check_circle:")
        if st.button("Use this data set", type="primary", key="fetch_use"):
            on_done(status.root)
        return
    if status.error:
        st.error(plain(status.error), icon=":material/error:")
    elif status.state == "cancelled":
        st.info("Fetching was stopped. What has arrived is kept.", icon=":material/cancel:")
    label = "Fetch C-NMC 2019 from Kaggle" if status.state == "none" else "Try again"
    if st.button(label, icon=":material/download:", key="fetch_start"):
        launcher.start(Fetch())
        st.rerun()
    st.caption(
        f"About {size_text(fetch.UNPACKED_BYTES)}, and twice that while it is unpacked. Licence: "
        f"{fetch.LICENCE}. It goes to {plain(str(storage.downloads_dir()))}"
    )


def progress_text(status: Status) -> str:
    """What the worker is at, how much of how much, its rate and the time left."""
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
