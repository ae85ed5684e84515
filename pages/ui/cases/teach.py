"""Teaching a model with decided cells: cases chosen, counted, trained on, compared, promoted."""

from collections.abc import Sequence
from pathlib import PurePath

import streamlit as st

from core.cases.case_store import SIGNED, CaseSummary
from core.errors import NotAllowedError
from core.jobs.job import Status
from core.metrics.estimate import Estimate
from core.people import PROMOTE, TRAIN, Person
from core.report import phrases
from core.runs import about, active_model, run_store
from core.runs.run_store import Run
from core.teaching import comparison, dataset, decided, learning_curve, lesson
from core.teaching.comparison import TaughtComparison
from core.teaching.decided import Decided
from core.teaching.features import features
from core.teaching.learning_curve import LearningCurve
from core.teaching.lesson import Need
from pages.ui.common import charts, monitor, people
from pages.ui.common.choices.runs import choice
from pages.ui.common.downloads import download_table
from pages.ui.common.progress import run_progress
from pages.ui.common.text import plain, section, shown_errors
from pages.ui.train import run_monitor

_CURVES, _COMPARED = "teach_curves", "teach_compared"


def show(cases: Sequence[CaseSummary]) -> None:
    """Choose cases, see what they are worth, train on them, and compare what came of it."""
    st.markdown(
        "Decided cells become a data set, one patient a case, and a model is trained on it. The "
        "model that reads now stays in use until you choose another."
    )
    chosen = _choose(cases)
    if chosen is not None:
        found = decided.collect([case.id for case in chosen], open_too=True)
        needs = lesson.needs(found)
        _show_needs(found, needs)
        with shown_errors():
            _show_curve(found)
        with shown_errors():
            _show_training(found, lesson.hindrances(needs))
    with shown_errors():
        _show_training_run()
        _show_taught()


def _choose(cases: Sequence[CaseSummary]) -> list[CaseSummary] | None:
    """The cases to teach with: signed ones, unless a person wants open ones too."""
    open_too = st.toggle("Cases that are not signed, too", key="teach_open_too")
    offered = {case.id: case for case in cases if open_too or case.state == SIGNED}
    if not offered:
        st.info("No case is signed yet. Decide the cells of a case and sign it.")
        return None
    chosen = st.multiselect(
        "Cases to teach with",
        list(offered),
        default=list(offered),
        format_func=lambda case_id: offered[case_id].name,
        key=f"teach_cases_{open_too}",
    )
    return [offered[case_id] for case_id in chosen]


def _show_needs(found: Decided, needs: Sequence[Need]) -> None:
    """How many cells and patients there are, against what is needed."""
    for need in needs:
        icon = "check" if need.met else "close" if need.required else "remove"
        asked = f"{need.need:,} {'needed' if need.required else 'wanted'}"
        st.markdown(f":material/{icon}: **{need.have:,} {need.what}**, {asked}: {need.why}.")
    if found.left_out:
        said = ", ".join(f"{count} {reason}" for reason, count in found.left_out.items())
        st.caption(f"Cells left out: {said}.")


def _show_curve(found: Decided) -> None:
    """What more cells would bring, measured when it is asked for."""
    kept: dict[object, LearningCurve] = st.session_state.setdefault(_CURVES, {})
    active = active_model.active()
    key = (active.run_id, found.cells)
    if st.button("What would more cells bring?", icon=":material/trending_up:") and key not in kept:
        with st.spinner("Measuring the learning curve…"):
            _, pooled = features(active, found)
            kept.clear()
            kept[key] = learning_curve.measure(pooled, found.labels, found.groups)
    if (curve := kept.get(key)) is not None:
        if curve.points:
            _draw(curve)
        st.markdown(curve.sentence)
        st.caption(
            f"A head on the features of {plain(about.called(active))}, trained on growing shares "
            "of the patients and measured on others. Intervals are over patients."
        )


def _draw(curve: LearningCurve) -> None:
    estimates: list[Estimate] = [point.roc_auc for point in curve.points]
    figure = charts.empty(260, yaxis_title="ROC AUC, held-out patients")
    figure.update_xaxes(title="decided cells")
    figure.add_scatter(
        x=[point.cells for point in curve.points],
        y=[estimate.value for estimate in estimates],
        error_y=charts.error_bars(estimates),
        mode="lines+markers",
        line={"color": charts.SERIES[0]},
    )
    said = ", ".join(
        f"{point.cells:.0f} cells: {phrases.brief(point.roc_auc)}" for point in curve.points
    )
    charts.show(figure, alt=f"Learning curve, ROC AUC by cells. {said}", key="teach_curve")


def _show_training(found: Decided, missing: Sequence[str]) -> None:
    """The name of the data set and the button that writes it and starts a training on it."""
    for sentence in missing:
        st.warning(sentence, icon=":material/block:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name of the data set", placeholder="by the date", key="teach_name")
        pressed = st.button(
            "Teach a model",
            type="primary",
            icon=":material/school:",
            disabled=bool(missing) or people.lacks(TRAIN),
        )
    st.caption(plain(lesson.method(active_model.active())))
    if pressed:
        person = _acting()
        with st.spinner("Writing the cells…"):
            written = dataset.write(person, found, name or None)
        wanted = lesson.configure(written.root, len(found.cells), active_model.active())
        run = lesson.start(person, wanted)
        run_monitor.look_at(run.run_id)
        st.rerun()


def _show_training_run() -> None:
    """The newest taught run while it trains, or if it came to no good end."""
    run = comparison.newest()
    if run is not None and run.status.state != "succeeded":
        with st.container(border=True):
            monitor.show(run, _draw_run)
            st.page_link(
                "pages/train.py", label="Its curves, on Train", icon=":material/model_training:"
            )


def _draw_run(run: Run, status: Status) -> None:
    trained_on = PurePath(run.config.dataset).name
    monitor.header(run, status, plain(about.called(run)), f"Taught with {plain(trained_on)}")
    if status.unfinished:
        st.progress(status.share_done, text=run_progress(status))
    monitor.show_error(status)


def _show_taught() -> None:
    """A taught model beside the one that reads, and the button that makes it read."""
    runs = {run.run_id: run for run in comparison.taught_runs()}
    if not runs:
        return
    section("Taught models")
    run = runs[st.selectbox("Taught model", **choice("taught", runs.values()))]
    active = active_model.active()
    if run == active:
        st.info(f"{plain(about.called(run))} reads now.")
        return
    compared = _compared(run, active)
    if compared is None:
        return
    st.markdown(plain(compared.verdict))
    st.dataframe(
        comparison.table(compared), hide_index=True, alt="The taught model and the one that reads"
    )
    st.caption(
        f"{compared.cells} cells of {compared.patients} patients that the taught model was not "
        "trained on. Metrics are of all these cells, also of those that a model would not read."
    )
    st.markdown("**By patient**, those on which the two differ most first")
    table = comparison.patients_table(compared)
    st.dataframe(
        table, hide_index=True, alt="How many cells of each patient each model tells right"
    )
    download_table("Patients as CSV", table, "patients.csv", key="teach_patients")
    st.caption(
        "Right: cells that the taught model, and the one that reads now, call as readers decided. "
        "Differ: cells that the two call differently. A patient with a cell decided ALL is of "
        "class ALL."
    )
    if st.button("Use it for readings", icon=":material/check:", disabled=people.lacks(PROMOTE)):
        comparison.promote(_acting(), run)
        st.rerun()


def _compared(run: Run, active: Run) -> TaughtComparison | None:
    """The comparison, once it was asked for."""
    kept: dict[object, TaughtComparison] = st.session_state.setdefault(_COMPARED, {})
    key = (run.run_id, active.run_id)
    if st.button("Compare with what reads now", icon=":material/compare_arrows:"):
        with st.spinner("Reading the held-out cells with both…"):
            kept[key] = comparison.compare(run_store.get(run.run_id), active)
    return kept.get(key)


def _acting() -> Person:
    """Who uses the page. Raises `NotAllowedError` before a name is known."""
    person = people.current()
    if person is None:
        raise NotAllowedError("Your name is missing. Type it at the top of the page first.")
    return person
