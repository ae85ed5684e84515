"""A run while it trains, and after: progress, curves, what became of it."""

import time

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.jobs.job import Status
from core.models import catalog
from core.people import TRAIN
from core.report.glossary import explain
from core.runs import about, run_store, setting_words
from core.runs.config import RunConfig
from core.runs.run_store import Run
from core.workers import launcher
from pages.ui.common import cache, charts, monitor, people
from pages.ui.common.choices.runs import choice, names
from pages.ui.common.downloads import download_table
from pages.ui.common.progress import run_progress
from pages.ui.common.text import SPLITS, plain, sentence, shown_errors
from pages.ui.reading.cell import protocol

_CHOSEN = "run"
_ENDED = "looked_at_run_ended"
_FOLLOWED = "followed_run"
# Till the next run of a queue has seen that its turn has come.
_NEXT_STARTS_SECONDS = 0.7


def look_at(run_id: str) -> None:
    """Makes `choose` begin with this run."""
    st.session_state[_CHOSEN] = run_id


def choose(runs: list[Run]) -> str | None:
    """Which run to look at, unless chosen otherwise: the one that trains, else the newest.

    Folds of a cross-validation and controls come after the runs that stand alone.
    """
    runs = sorted(runs, key=lambda run: not run_store.stands_alone(run))
    options = choice(_CHOSEN, runs)
    if not (ids := options["options"]):
        return None
    training = [
        run.run_id
        for run in runs
        if run.status.state == "running" and run_store.stands_alone(run) and run.run_id in ids
    ]
    if st.session_state.pop(_ENDED, False) and training:
        look_at(training[0])
    index = ids.index(training[0]) if training else 0
    chosen: str = st.selectbox("Run", index=index, **options)
    return chosen


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
        line.markdown(f"{icon} {plain(about.called(run))}: {state}")
        monitor.stop_button([run], f"stop_queue_{run.run_id}", place)


def show(run_id: str) -> None:
    """Follows a run live; redraws itself, not the page, until the run ends."""
    monitor.show(run_store.get(run_id), _draw, _end)


def _end() -> None:
    st.session_state[_ENDED] = True  # and so the next of the queue is shown
    time.sleep(_NEXT_STARTS_SECONDS)


def _draw(run: Run, status: Status) -> None:
    architecture = catalog.architecture(run.config.architecture).title
    split = SPLITS[run.config.split]
    settings = f"{architecture} · {run.config.recipe} recipe · split {split} · run {run.run_id}"
    monitor.header(run, status, plain(about.called(run)), help=settings)
    if status.unfinished:
        st.progress(status.share_done, text=run_progress(status))
    monitor.show_error(status)
    if status.unfinished:
        st.session_state[_FOLLOWED] = run.run_id
    if len(run.history):
        # Of a run that trains, or did so before the user's eyes, the curves are what one looks for.
        followed = st.session_state.get(_FOLLOWED) == run.run_id
        with st.container() if followed else st.expander("Curves"):
            _curves(run)
    elif status.unfinished and run.adoption is None:
        st.caption("The curves begin with the end of the first epoch.")
    if status.state == "succeeded":
        with shown_errors():
            st.success(protocol(run), icon=":material/check_circle:")
    if status.state in ("succeeded", "failed"):
        with shown_errors():
            _show_diagnoses(run)


def _curves(run: Run) -> None:
    others = [other for other in run_store.runs() if other.run_id != run.run_id]
    overlaid = st.multiselect(
        "Overlay the validation curves of",
        placeholder="other runs",
        help=explain("Prediction error", "Accuracy", "Epochs"),
        **choice("overlay", others),
    )
    named = names()
    histories = {named[one]: run_store.get(one).history for one in (run.run_id, *overlaid)}
    quantities = {"cross_entropy": "prediction error", "accuracy": "accuracy"}
    for column, (quantity, label) in zip(st.columns(2), quantities.items(), strict=True):
        with column:
            figure = charts.learning_curves(histories, quantity, label)
            alt = f"{sentence(label)} by epoch, training and validation"
            charts.show(figure, alt=alt, key=f"{run.run_id}_{quantity}")
    history = run.history
    loss, penalty = history["loss"].iat[-1], history["penalty"].iat[-1]
    if penalty > 0:
        st.caption(
            f"Of the last loss, {loss:.3f}, the L2 penalty on large weights is {penalty:.3f}. The "
            "penalty says nothing about the cells, so the curves show the prediction error alone."
        )
    last = history.iloc[-1]
    if last["validation_cross_entropy"] < last["cross_entropy"]:
        st.caption(
            "Validation can lie below training: only in training are cells varied and parts of "
            "the network left out."
        )
    with st.popover("Parts of the loss, learning rate, all figures"):
        left, right = st.columns(2)
        with left:
            figure = _loss_parts(history)
            charts.show(figure, alt="Loss, prediction error and penalty", key=f"{run.run_id}_parts")
        with right:
            figure = _learning_rate(history)
            charts.show(figure, alt="Learning rate by epoch", key=f"{run.run_id}_rate")
        st.dataframe(history, hide_index=True)
        download_table(
            "History as CSV", history, f"{run.run_id}_history.csv", key=f"history_{run.run_id}"
        )


def _show_diagnoses(run: Run) -> None:
    """Each diagnosis with its evidence and advice, and the button that trains it repaired."""
    diagnoses, repaired = cache.diagnosed(run)
    if not diagnoses:
        st.caption(
            ":material/stethoscope: The run doctor finds no fault in how this run was set up, "
            "trained and measured. Whether its result is good enough is another question."
        )
        return
    with st.container(border=True):
        st.markdown(":material/stethoscope: **What the run doctor says**")
        for diagnosis in diagnoses:
            st.markdown(f"**{plain(diagnosis.title)}** {plain(diagnosis.evidence)}")
            st.caption(plain(diagnosis.advice))
        if repaired is not None:
            before, after = run.config.to_json(), repaired.to_json()
            changes = [
                f"{setting_words.NAMES[n]} {before[n]} → {after[n]}"
                for n in after
                if after[n] != before[n]
            ]
            locked = people.lacks(TRAIN)
            st.button(
                "Train it repaired",
                icon=":material/build:",
                type="primary",
                key=f"repair_{run.run_id}",
                on_click=_train,
                args=(repaired,),
                disabled=locked,
            )
            st.caption(f"The same run with {plain(', '.join(changes))}.")


def _train(repaired: RunConfig) -> None:
    with shown_errors():
        people.require(TRAIN)
        run = run_store.create(repaired)
        launcher.launch(run)
        look_at(run.run_id)


def _loss_parts(history: pd.DataFrame) -> go.Figure:
    figure = charts.by_epoch(len(history), 260)
    looks = {
        "loss": ("loss minimised", "solid"),
        "cross_entropy": ("prediction error", "dot"),
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
