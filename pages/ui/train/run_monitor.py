"""A run while it trains, and after: progress, curves, what became of it."""

import time

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.jobs.job import Status
from core.runs import run_store
from core.runs.run_store import Run
from pages.ui.common import charts, monitor
from pages.ui.common.downloads import download_table
from pages.ui.common.progress import run_progress
from pages.ui.common.text import plain, sentence, shown_errors
from pages.ui.reading.cell import protocol
from pages.ui.train import diagnoses

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


def show_queue(unfinished: list[Run]) -> None:
    """Runs under way and waiting, the first to be trained first; nothing for a single one."""
    if len(unfinished) < 2:
        return
    with st.container(border=True):
        head, place = st.columns([5, 1], vertical_alignment="center")
        head.markdown(f"**Queue of {len(unfinished)} runs**, one trained at a time")
        monitor.stop_button(unfinished, "stop_queue", place, label="Stop all")
        queue = sorted(unfinished, key=lambda run: run.status.queued)
        monitor.follow(queue, lambda: _draw_queue(queue), until=any, every=2.0)


def _draw_queue(queue: list[Run]) -> None:
    for run in queue:
        line, place = st.columns([5, 1], vertical_alignment="center")
        status = run.status
        icon, state = monitor.STATES[status.state]
        if status.state == "running" and status.epoch:
            state = f"epoch {status.epoch} of {status.epochs}"
        line.markdown(f"{icon} {plain(run.run_id)}: {state}")
        monitor.stop_button([run], f"stop_queue_{run.run_id}", place)


def show(run_id: str) -> None:
    """Follows a run live; redraws itself, not the page, until the run ends."""
    monitor.show(run_store.get(run_id), _draw, _end)


def _end() -> None:
    st.session_state[_ENDED] = True  # and so the next of the queue is shown
    time.sleep(_NEXT_STARTS_SECONDS)


def _draw(run: Run, status: Status) -> None:
    caption = f"{run.run_id} · {run.config.recipe} recipe · split by {run.config.split}"
    monitor.header(run, status, run.config.architecture, caption)
    if status.unfinished:
        st.progress(status.share_done, text=run_progress(status))
    monitor.show_error(status)
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
            figure = _loss_parts(history)
            charts.show(figure, alt="Loss, cross-entropy and penalty", key=f"{run.run_id}_parts")
        with right:
            figure = _learning_rate(history)
            charts.show(figure, alt="Learning rate by epoch", key=f"{run.run_id}_rate")
        st.dataframe(history, hide_index=True)
        download_table(
            "History as CSV", history, f"{run.run_id}_history.csv", key=f"history_{run.run_id}"
        )


def _loss_parts(history: pd.DataFrame) -> go.Figure:
    figure = charts.by_epoch(len(history), 260)
    looks = {
        "loss": ("loss minimised", "solid"),
        "cross_entropy": ("cross-entropy", "dot"),
        "penalty": ("L2 penalty", "dash"),
    }
    for column, (name, dash) in looks.items():
        figure.add_scatter(
            x=history["epoch"], y=history[column], name=name, mode="lines", line={"dash": dash}
        )
    return figure


def _learning_rate(history: pd.DataFrame) -> go.Figure:
    figure = charts.by_epoch(len(history), 260, yaxis_title="learning rate")
    figure.add_scatter(
        x=history["epoch"], y=history["learning_rate"], mode="lines", line={"shape": "hv"}
    )
    figure.update_yaxes(tickformat=".1e")
    return figure
