"""The top of the Compare page: alarms, verdict and table."""

import pandas as pd
import streamlit as st

from core.audit import plausibility
from core.data.pixel_cache import said_of
from core.evaluation.test_set import TestSet
from core.metrics.bootstrap import RESAMPLES
from core.metrics.classification import BINS
from core.report import comparison, comparison_tables, phrases
from core.report.comparison import ComparedRun
from core.report.glossary import explain
from core.runs import about, run_store
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.choices import address
from pages.ui.common.choices import runs as runs_by_name
from pages.ui.common.downloads import download_table
from pages.ui.common.frame import printed
from pages.ui.common.numbers import number
from pages.ui.common.text import plain, shown_errors

NEWEST = 6
PREVALENCE = 0.5
SYNTHETIC = (
    ":material/warning: Runs on synthetic cells show how BlastLens works; they prove nothing."
)
_TIMED = "compare_timed"


def choose() -> list[Run]:
    """Lets the user choose the runs to compare; by default the newest that stand alone."""
    finished = {run.run_id: run for run in run_store.finished()}
    if not finished:
        st.info("No run has finished yet.")
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        return []
    options = runs_by_name.choice("runs", finished.values())
    alone = [name for name in options["options"] if run_store.stands_alone(finished[name])]
    chosen = st.multiselect(
        "Runs",
        default=alone[:NEWEST],
        label_visibility="collapsed",
        placeholder="Choose runs",
        **options,
    )
    return [finished[name] for name in chosen]


def load(runs: list[Run]) -> list[TestSet]:
    """Returns the test sets of runs; shows the error of one that cannot be compared."""
    test_sets = []
    for run in runs:
        with shown_errors():
            test_sets.append(cache.measured(run))
    printed.shows(runs)
    return test_sets


def show(runs: list[TestSet]) -> list[ComparedRun]:
    """Shows alarms, verdict and table; returns the rows of the table."""
    labels = about.among(run.run for run in runs)
    for run in runs:
        _show_alarm(run, labels[run.run_id])
    st.markdown(f"**{plain(comparison.verdict(runs, labels))}**")
    rows = _show_table(runs)
    _show_settings(runs, labels)
    _show_method(phrases.item(runs))
    return rows


def _show_alarm(run: TestSet, name: str) -> None:
    alarm = plausibility.audit(run)
    if alarm is None:
        return
    box = st.error if alarm.explained else st.warning
    failed, passed = alarm.answers(passed=False), alarm.answers(passed=True)
    box(
        f"**{plain(name)}: too good to be true? {plain(alarm.conclusion)}**  \n"
        f"{plain(' '.join(alarm.above))}"
        + (f"  \n**Found:** {plain(failed)}" if failed else "")
        + (f"  \n**In order:** {plain(passed)}" if passed else ""),
        icon=":material/policy:",
    )


def _show_table(runs: list[TestSet]) -> list[ComparedRun]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            "Figures",
            default="Calls",
            required=True,
            label_visibility="collapsed",
            **address.choice("figures", "table", list(comparison_tables.VIEWS)),
        )
        prevalence = PREVALENCE
        if view == "At your share of blasts":
            prevalence = number(
                st.container(width=280),
                "Share of ALL in what you read",
                (0, 1),
                PREVALENCE,
                excluded=True,
                step=0.05,
                format="%.3f",
                key="prevalence",
                **address.BOUND,
            )
        if view == "Cost":
            reading_time_button(runs, "table")
        download = st.container(width="content")
    rows = comparison.rows(runs, prevalence)
    if not rows:
        return rows
    shown = comparison_tables.text(rows, view, milliseconds(runs))
    measured_on = ""
    if shown["Measured on"].nunique() == 1:
        measured_on = f"All measured on {plain(shown.pop('Measured on').iloc[0])}. "
    st.dataframe(
        shown,
        hide_index=True,
        height="content",
        column_config={
            "Model": st.column_config.TextColumn(width=185),
            "Measured on": st.column_config.TextColumn(width=170),
            "Against the best": st.column_config.TextColumn(width=170),
            **{
                name: st.column_config.TextColumn(help=explain(name))
                for name in comparison_tables.LABELS.values()
            },
            "Training, s": st.column_config.NumberColumn(format="%.0f"),
            "Reading, ms": st.column_config.NumberColumn(format="%.1f"),
            "Parameters": st.column_config.NumberColumn(format="localized"),
        },
        placeholder="–",
        alt=f"Runs and their figures: {view}",
    )
    everything = comparison_tables.numbers(rows, milliseconds(runs))
    download_table("Table as CSV", everything, "comparison.csv", place=download)
    st.caption(measured_on + comparison_tables.note(rows, view))
    if any(run.synthetic for run in runs):
        st.markdown(SYNTHETIC)
    return rows


def reading_time_button(runs: list[TestSet], key: str) -> None:
    """The button that measures the time of a reading with each run."""
    if st.button("Measure reading time", icon=":material/timer:", key=f"time_{key}"):
        st.session_state[_TIMED] = st.session_state.get(_TIMED, set()) | {r.run_id for r in runs}


def milliseconds(runs: list[TestSet]) -> dict[str, float]:
    """Returns the reading times by run, of the runs chosen by the button."""
    times = {}
    for run in runs:
        if run.run_id in st.session_state.get(_TIMED, set()):
            with shown_errors():
                times[run.run_id] = cache.milliseconds(run.run)
    return times


def _show_settings(runs: list[TestSet], labels: dict[str, str]) -> None:
    differing = comparison.settings_that_differ(runs)
    if not differing or len(runs) < 2:
        return
    with st.expander(f"Settings that differ: {', '.join(differing)}"):
        settings = pd.DataFrame(differing).rename(index=labels).T.rename_axis("Setting")
        st.dataframe(settings, height="content", alt="Settings that differ between the runs")
        download_table("Settings as CSV", settings, "settings.csv", index=True)


def _show_method(item: str) -> None:
    with st.expander("How this was measured"):
        words = (
            "- Everything is measured anew from the runs' own predictions of their test cells, at "
            "the threshold each run calls ALL with. Undefined figures are a dash, never 0.\n"
            f"- Intervals: Student's t from {RESAMPLES:,} resamples that draw whole groups of "
            "subjects, since cells of one patient are not independent; the fewer groups, the "
            "wider. None with fewer than 3 groups of a class, and none of the calibration "
            "error, which chance raises.\n"
            f"- Better beyond chance: {plain(comparison.METHOD)}\n"
            "- PR AUC is the average precision; probability error the Brier score. Calibration "
            f"error (ECE): {BINS} bins of equal width of the probability of ALL. PPV and NPV "
            "follow by Bayes' rule from sensitivity, specificity and the share of ALL you set.\n"
            "- Always ALL: what calling every cell ALL, with certainty, scores on the same cells."
        )
        st.markdown(said_of(words, item))
