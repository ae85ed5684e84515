"""A run while it trains, and after: progress, curves, and the stop button."""

import streamlit as st

from core.errors import RunError
from core.runs import store
from core.runs.store import Run, Status
from pages.ui import charts
from pages.ui.messages import plain, sentence, shown_errors

_STATES = {
    "queued": (":material/hourglass_empty:", "waiting for its turn"),
    "running": (":material/sync:", "running"),
    "succeeded": (":material/check_circle:", "finished"),
    "failed": (":material/error:", "failed"),
    "cancelled": (":material/cancel:", "stopped"),
    "interrupted": (":material/warning:", "interrupted"),
}


def show(run_id: str) -> None:
    """Follows a run live; redraws itself, not the page, until the run ends."""
    run = store.get(run_id)
    if run.status.unfinished:
        _live(run_id)
    else:
        _draw(run, run.status)


@st.fragment(run_every=1.0)
def _live(run_id: str) -> None:
    with shown_errors():
        try:
            run = store.get(run_id)
        except RunError:
            st.rerun()  # deleted meanwhile: the page without it
        status = run.status
        _draw(run, status)
        if not status.unfinished:
            st.rerun()  # once more as a whole page, which then no longer refreshes itself


def _draw(run: Run, status: Status) -> None:
    icon, words = _STATES[status.state]
    head, stop = st.columns([5, 1], vertical_alignment="center")
    head.markdown(f"#### {icon} {run.config.architecture}: {words}")
    head.caption(f"{run.run_id} · {run.config.recipe} recipe · split by {run.config.split}")
    if status.unfinished:
        asked = run.stop_requested
        label = "Stopping…" if asked else "Stop"
        stop.button(
            label,
            icon=":material/stop:",
            disabled=asked,
            width="stretch",
            key=f"stop_{run.run_id}",
            on_click=run.request_stop,
        )
        st.progress(status.share_done, text=progress_text(status))
    if status.error:
        st.error(plain(status.error))
    history = run.history
    if len(history):
        loss, accuracy = st.columns(2)
        with loss:
            figure = charts.learning_curves(history, "loss", "loss (cross-entropy)")
            charts.show(figure, alt="Loss by epoch", key=f"{run.run_id}_loss")
        with accuracy:
            figure = charts.learning_curves(history, "accuracy", "accuracy")
            charts.show(figure, alt="Accuracy by epoch", key=f"{run.run_id}_accuracy")
    elif status.unfinished:
        st.caption("The curves begin with the end of the first epoch.")
    if status.state == "succeeded":
        with shown_errors():
            _outcome(run)


def progress_text(status: Status) -> str:
    """What the worker is at, its rate and the time left."""
    parts = [sentence(status.phase)]
    if status.phase == "training":
        parts[0] = f"Epoch {status.epoch} of {status.epochs}"
        parts.append(f"step {status.done} of {status.total}")
        if status.loss is not None and status.accuracy is not None:
            parts.append(f"loss {status.loss:.3f}, accuracy {status.accuracy:.3f}")
        if status.images_per_second:
            parts.append(f"{status.images_per_second:.0f} images/s")
        if status.seconds_left is not None:
            parts.append(f"{duration(status.seconds_left)} left")
    elif status.total:
        parts.append(f"{status.done} of {status.total}")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Seconds in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _outcome(run: Run) -> None:
    from pages.ui.readings import protocol

    st.success(protocol(run), icon=":material/check_circle:")
