"""A run while it trains, and after: progress, curves, what became of it."""

import time

import streamlit as st

from core.errors import RunError
from core.jobs.job import Status
from core.runs import run_store
from core.runs.run_store import Run
from core.workers import launcher
from pages.ui.common import charts
from pages.ui.common.text import duration, plain, sentence, shown_errors
from pages.ui.reading.cell import protocol
from pages.ui.train import diagnoses

STATES = {
    "queued": (":material/hourglass_empty:", "waiting for its turn"),
    "running": (":material/sync:", "running"),
    "succeeded": (":material/check_circle:", "finished"),
    "failed": (":material/error:", "failed"),
    "cancelled": (":material/cancel:", "stopped"),
    "interrupted": (":material/warning:", "interrupted"),
}
_CHOSEN = "looked_at_run"
_ENDED = "looked_at_run_ended"
# Till the next run of a queue has seen that its turn has come.
_NEXT_STARTS_SECONDS = 0.7


def look_at(run_id: str) -> None:
    """Makes `choose` begin with this run."""
    st.session_state[_CHOSEN] = run_id


def choose(runs: list[Run]) -> str | None:
    """Which run to look at: the one that trains, else the newest, unless chosen otherwise."""
    if not runs:
        return None
    names = [run.run_id for run in runs]
    training = [run.run_id for run in runs if run.status.state == "running"]
    ended = st.session_state.pop(_ENDED, False)
    if st.session_state.get(_CHOSEN) not in names or (ended and training):
        st.session_state[_CHOSEN] = (training or names)[0]
    return st.selectbox("Run", names, key=_CHOSEN)


@st.fragment(run_every=2.0)
def _queue(waiting: list[Run]) -> None:
    with shown_errors():
        for run in waiting:
            words, stop = st.columns([5, 1], vertical_alignment="center")
            state = STATES[run.status.state]
            words.markdown(f"{state[0]} {plain(run.run_id)}: {_brief(run.status)}")
            _stop_button(run, stop, "queue")
    if any(not run.status.unfinished for run in waiting):
        st.rerun()


def _brief(status: Status) -> str:
    if status.state == "running" and status.epoch:
        return f"epoch {status.epoch} of {status.epochs}"
    return STATES[status.state][1]


def show_queue(unfinished: list[Run]) -> None:
    """Runs under way and waiting, the first to be trained first; nothing for a single one."""
    if len(unfinished) < 2:
        return
    with st.container(border=True):
        head, stop = st.columns([5, 1], vertical_alignment="center")
        head.markdown(f"**Queue of {len(unfinished)} runs**, one trained at a time")
        if stop.button("Stop all", icon=":material/stop:", width="stretch"):
            for run in unfinished:
                run.request_stop()
        _queue(sorted(unfinished, key=lambda run: run.status.queued))


def show(run_id: str) -> None:
    """Follows a run live; redraws itself, not the page, until the run ends."""
    run = run_store.get(run_id)
    if run.status.unfinished:
        _live(run_id)
    else:
        _draw(run, run.status)


@st.fragment(run_every=1.0)
def _live(run_id: str) -> None:
    with shown_errors():
        try:
            run = run_store.get(run_id)
        except RunError:
            st.rerun()  # deleted meanwhile: the page without it
        status = run.status
        _draw(run, status)
        if not status.unfinished:
            st.session_state[_ENDED] = True  # and so the next of the queue is shown
            time.sleep(_NEXT_STARTS_SECONDS)
            st.rerun()  # once more as a whole page, which then no longer refreshes itself


def _draw(run: Run, status: Status) -> None:
    icon, words = STATES[status.state]
    head, button = st.columns([5, 1], vertical_alignment="center")
    head.markdown(f"#### {icon} {run.config.architecture}: {words}")
    head.caption(f"{run.run_id} · {run.config.recipe} recipe · split by {run.config.split}")
    if status.unfinished:
        _stop_button(run, button, "run")
        st.progress(status.share_done, text=progress_text(status))
    elif status.state != "succeeded":
        button.button(
            "Resume",
            icon=":material/replay:",
            width="stretch",
            key=f"resume_{run.run_id}",
            help="Goes on from the last finished epoch",
            on_click=launcher.resume,
            args=(run,),
        )
    if status.error:
        st.error(plain(status.error))
    if len(run.history):
        _curves(run)
    elif status.unfinished:
        st.caption("The curves begin with the end of the first epoch.")
    if status.state == "succeeded":
        with shown_errors():
            st.success(protocol(run), icon=":material/check_circle:")
    if status.state in ("succeeded", "failed"):
        with shown_errors():
            diagnoses.show(run)


def _stop_button(run: Run, place: st.delta_generator.DeltaGenerator, where: str) -> None:
    asked = run.stop_requested
    place.button(
        "Stopping…" if asked else "Stop",
        icon=":material/stop:",
        disabled=asked or not run.status.unfinished,
        width="stretch",
        key=f"stop_{where}_{run.run_id}",
        on_click=run.request_stop,
    )


def _curves(run: Run) -> None:
    others = [other.run_id for other in run_store.runs() if other.run_id != run.run_id]
    overlaid = st.multiselect(
        "Overlay the validation curves of",
        others,
        key=f"overlay_{run.run_id}",
        placeholder="other runs",
    )
    histories = {name: run_store.get(name).history for name in (run.run_id, *overlaid)}
    quantities = {"cross_entropy": "cross-entropy", "accuracy": "accuracy"}
    for column, (quantity, label) in zip(st.columns(2), quantities.items(), strict=True):
        with column:
            figure = charts.learning_curves(histories, quantity, label)
            alt = f"{sentence(label)} by epoch, training and validation"
            charts.show(figure, alt=alt, key=f"{run.run_id}_{quantity}")
    history = run.history
    loss, penalty = history["loss"].iat[-1], history["penalty"].iat[-1]
    if penalty > 0:
        st.caption(
            f"The loss that is minimised stands at {loss:.3f}; {penalty:.3f} of it is the L2 "
            "penalty on large weights, which says nothing about the cells. The curve above is the "
            "cross-entropy alone."
        )
    with st.expander("Loss in its parts, learning rate, every figure"):
        left, right = st.columns(2)
        with left:
            figure = charts.loss_parts(history)
            charts.show(figure, alt="Loss, cross-entropy and penalty", key=f"{run.run_id}_parts")
        with right:
            figure = charts.learning_rate(history)
            charts.show(figure, alt="Learning rate by epoch", key=f"{run.run_id}_rate")
        st.dataframe(history, hide_index=True)
        st.download_button(
            "History as CSV",
            history.to_csv(index=False),
            f"{run.run_id}_history.csv",
            key=f"history_{run.run_id}",
            on_click="ignore",
        )


def progress_text(status: Status) -> str:
    """What the worker is at, its rate and the time left."""
    parts = [sentence(status.phase)]
    if status.phase in run_store.STAGES:
        parts[0] = f"{sentence(status.phase)}: epoch {status.epoch} of {status.epochs}"
        parts.append(f"step {status.done} of {status.total}")
        if status.cross_entropy is not None and status.accuracy is not None:
            parts.append(
                f"cross-entropy {status.cross_entropy:.3f}, accuracy {status.accuracy:.3f}"
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
