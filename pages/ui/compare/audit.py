"""The section "May I believe it?": leakage meter, subject probe and controls of a run."""

import pandas as pd
import streamlit as st

from core.audit import ablations, subject_probe
from core.audit.ablations import AblationRuns
from core.data.datasets import DEMO
from core.data.pixel_cache import said_of
from core.errors import BlastLensError
from core.people import TRAIN
from core.report import audits
from core.report.audits import AuditResult
from core.runs import cost, run_store
from core.runs.about import called
from core.runs.run_store import Run
from core.workers import launcher
from pages.ui.common import cache, monitor, people
from pages.ui.common.choices.runs import choice
from pages.ui.common.downloads import download_table
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, shown_errors
from pages.ui.common.training import training_time

_TITLES = {
    "leakage": ":material/water_drop: Leakage meter",
    "probe": ":material/badge: Subject probe",
    "controls": ":material/rule: Controls",
}
_QUESTIONS = {
    "leakage": "How much of the result is recognition of patients?",
    "probe": "Can the patient be named from what the network sees?",
    "controls": "Does it see more in a cell than its size and outline?",
}
_BUTTONS = {
    "leakage": "Train under both splits",
    "probe": "Name the subjects",
    "controls": "Train on size and outline",
}
# By audit, and whether it raises a doubt (None: unknown).
_ANSWERS = {
    ("leakage", True): ":material/warning: Part of it is recognition of patients",
    ("leakage", False): ":material/check: No recognition of patients shown",
    ("leakage", None): ":material/question_mark: This cannot be decided",
    ("controls", True): ":material/warning: Not shown to see more than size or outline",
    ("controls", False): ":material/check: It sees more than size and outline",
    ("probe", True): ":material/warning: It carries who the patient is",
    ("probe", False): ":material/check: No more than by chance",
}
_METHODS = {
    "leakage": (
        "The recipe is trained over {folds} folds dealt by image, where cells of a test cell's "
        "patient are among those trained on, and over {folds} dealt by subject, where none is. "
        "Both have as many cells to train on, and each tests every cell once. The gap is the "
        "difference in balanced accuracy on the same cells; its interval is a paired bootstrap "
        "over groups of subjects. It does not cover the chance of another seed."
    ),
    "controls": "The recipe is trained over the same folds by subject on less than the cell: on its"
    " outline, filled with one grey, and on a centred disc of its area. The model beats a control "
    "only where the 95% interval of the difference in ROC AUC, a paired bootstrap over groups of "
    "subjects on the same cells, lies above zero. Only cells of one fold are ranked together.",
    "probe": (
        "Within one class, a logistic regression on the pooled features of this very run names "
        "the subject of cells it was not fitted on ({probe_folds} folds within each subject). "
        "Chance is the same probe on shuffled subjects; more than chance means above the highest "
        "of {shuffles} shuffles, a test at 5%. Cells of one subject also share lamp, stain and "
        "day. So a subject that can be named does not prove that the call rests on the subject: "
        "the leakage meter measures that."
    ),
}

_SYNTHETIC = "On synthetic cells: it shows how BlastLens works and proves nothing."
_FEW_CELLS = (
    " The demo set has six cells of each patient, hardly enough to recognise one. The Dataset page "
    "draws cells of few patients, whom the Compact CNN comes to recognise."
)


def show(runs: list[Run]) -> None:
    """Shows the three audits of one of the runs, which must have succeeded."""
    by_name = {run.run_id: run for run in runs if not run.config.is_control}
    if not by_name:
        return
    st.markdown(
        "A number is only as good as what it was measured on. Three audits test this one, "
        "each when you ask for it. The subject probe trains nothing; start with it."
    )
    name = next(iter(by_name))
    if len(by_name) > 1:
        name = st.selectbox("Run to doubt", **choice("doubt", by_name.values(), archived=True))
    run, existing = by_name[name], run_store.runs()
    results: dict[str, pd.DataFrame] = {}
    for column, audit in zip(st.columns(3), _TITLES, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.markdown(f"**{_TITLES[audit]}**")
            try:
                table = _probe(run) if audit == "probe" else _audit(run, audit, existing)
            except BlastLensError as error:  # the other audits may be possible
                st.caption(plain(str(error)))
                continue
            if table is not None:
                results[audit] = table
    _numbers(run, results)
    with st.expander("How this is measured"):
        for audit, title in _TITLES.items():
            numbers = {"probe_folds": subject_probe.FOLDS, "shuffles": subject_probe.SHUFFLES}
            if audit in ablations.AUDITS:
                numbers["folds"] = ablations.folds(run.config, audit)
            method = said_of(_METHODS[audit], run.config.item)
            st.markdown(f"**{title}** {method.format(**numbers)}")


def _show_result(audit: str, result: AuditResult) -> None:
    st.markdown(f"**{_ANSWERS[audit, result.doubt]}**")
    st.markdown(plain(audits.sentence(result)))


def _audit(run: Run, audit: str, existing: list[Run]) -> pd.DataFrame | None:
    """Shows the result and returns its table, or offers to compute it."""
    ablations.require_auditable(run, audit)
    ablation_runs = ablations.find(run, audit, existing)
    if ablation_runs.complete:
        result = cache.audit(audit, ablation_runs)
        _show_result(audit, result)
        if result.synthetic:
            few = audit == "leakage" and not result.doubt and run.config.dataset == DEMO
            st.caption(_SYNTHETIC + (_FEW_CELLS if few else ""))
        return audits.table(result)
    st.markdown(_QUESTIONS[audit])
    if ablation_runs.unfinished:
        monitor.follow(ablation_runs.unfinished, lambda: _draw_progress(run, audit), every=2.0)
        st.page_link("pages/train.py", label="See them train", icon=":material/model_training:")
        return None
    _offer(run, audit, ablation_runs)
    return None


def _offer(run: Run, audit: str, ablation_runs: AblationRuns) -> None:
    """The button that trains the missing runs, and their time."""
    costs = ablations.estimate(run, audit, ablation_runs)
    for other in ablation_runs.ended[:1]:
        status = other.status
        state = monitor.STATES[status.state][1]
        st.warning(plain(f"{called(other)}: {state}. {status.error or ''}"))
    locked = people.lacks(TRAIN)
    st.button(
        "Go on" if ablation_runs.ended else _BUTTONS[audit],
        icon=":material/play_arrow:",
        key=f"audit_{audit}_{run.run_id}",
        width="stretch",
        on_click=_start,
        args=(run, audit),
        disabled=locked,
    )
    st.caption(
        f"{ablation_runs.to_train} trainings one after another; {ablation_runs.done} have "
        f"finished. {plain(training_time.told(costs))}"
    )
    if cost.total(costs) is None:
        training_time.measure([run.config])


def _start(run: Run, audit: str) -> None:
    with shown_errors():
        people.require(TRAIN)
        launcher.start_audit(run, audit)


def _draw_progress(run: Run, audit: str) -> None:
    ablation_runs = ablations.find(run, audit)
    st.progress(
        ablation_runs.share_done,
        text=f"{ablation_runs.done} of {ablation_runs.total} trainings finished",
    )
    if ablation_runs.unfinished:
        monitor.stop_button(ablation_runs.unfinished, f"stop_{audit}_{run.run_id}")


def _probe(run: Run) -> pd.DataFrame | None:
    result = subject_probe.stored(run)
    if result is None:
        place = st.empty()
        with place.container():
            st.markdown(_QUESTIONS["probe"])
            clicked = st.button(
                _BUTTONS["probe"],
                icon=":material/play_arrow:",
                key=f"probe_{run.run_id}",
                width="stretch",
            )
            st.caption(
                f"Reads the run's {run.config.items} once and fits the probe; nothing is trained."
            )
        if not clicked:
            return None
        with place.container(), show_progress("Probing", run.config.items) as progress:
            result = subject_probe.measure(run, progress)
        place.empty()
    _show_result("probe", result)
    return audits.table(result)


def _numbers(run: Run, results: dict[str, pd.DataFrame]) -> None:
    """The tables of the results."""
    for audit, table in results.items():
        st.markdown(f"**{_TITLES[audit]}**")
        figures = table.select_dtypes("float").columns
        st.dataframe(
            table,
            hide_index=True,
            column_config=dict.fromkeys(figures, st.column_config.NumberColumn(format="%.3f")),
        )
        download_table(
            "Table as CSV", table, f"{run.run_id}_{audit}.csv", key=f"{audit}_csv_{run.run_id}"
        )
