"""The tabs of the Compare page."""

import pandas as pd
import streamlit as st

from core.data import datasets
from core.evaluation import compare, literature, repeats, subgroups
from core.evaluation.test_set import TestSet
from core.metrics import classification
from core.people import PROMOTE
from core.report import comparison_tables
from core.report.comparison import ComparedRun
from core.report.glossary import explain
from core.runs import about, active_model
from pages.ui.common import cache, charts, people
from pages.ui.common.choices import address
from pages.ui.common.downloads import download_table
from pages.ui.common.text import plain, section, shown_errors
from pages.ui.compare import gallery, overview, plots, subject_plots

Rows = list[ComparedRun]
QUANTITIES = {"cross_entropy": "prediction error", "accuracy": "accuracy"}
MATRICES = 3
BANDED = 2  # more bands hide one another


def show_accuracy(runs: list[TestSet], rows: Rows) -> None:
    """Shows one metric of each run, the confusion matrices, and accuracy against cost."""
    metric = st.selectbox(
        "Metric",
        index=list(classification.NAMES).index(compare.METRIC),
        width=260,
        help=explain(*classification.NAMES.values()),
        **address.choice("metric", "metric", classification.NAMES),
    )
    repeat_runs = repeats.find(runs)
    charts.show(
        plots.one_metric(rows, repeat_runs, metric),
        alt=f"{classification.NAMES[metric]} of each run with its 95% interval, beside always ALL",
        key="one_metric",
    )
    if repeat_runs:
        st.dataframe(
            comparison_tables.repeats_text(repeat_runs),
            hide_index=True,
            height="content",
            alt="Seeds and folds",
        )
        _table("Seeds and folds", comparison_tables.repeats_numbers(repeat_runs), shown=False)
        st.caption("In brackets: the lowest and the highest run, which are not an interval.")
    with st.expander("What was called what", expanded=gallery.is_any_open(runs)):
        _show_matrices(runs)
    with st.expander("Accuracy against compute"):
        _show_compute(runs, rows, metric)


def _show_matrices(runs: list[TestSet]) -> None:
    labels, active = about.among(run.run for run in runs), _active()
    for start in range(0, len(runs), MATRICES):
        row = runs[start : start + MATRICES]
        for column, run in zip(st.columns(MATRICES, gap="medium"), row, strict=False):
            with column:
                gallery.show_confusion(run, labels[run.run_id])
                _promote_button(run, active=run.run_id == active)
        gallery.show_open(row, labels)


def _active() -> str | None:
    """The run that readings use; None, with the error on the page, if it is gone."""
    with shown_errors():
        return active_model.active().run_id
    return None


def _promote_button(run: TestSet, *, active: bool) -> None:
    words = "Used for readings" if active else "Use for readings"
    locked = people.lacks(PROMOTE)
    pressed = st.button(
        words, disabled=locked or active, key=f"use_{run.run_id}", icon=":material/biotech:"
    )
    if pressed:
        people.require(PROMOTE)
        active_model.promote(run.run)
        st.rerun()


def _show_compute(runs: list[TestSet], rows: Rows, metric: str) -> None:
    kinds = {
        "seconds": "training time, seconds",
        "parameters": "parameters",
        "reading": "reading time, milliseconds",
    }
    kind = st.segmented_control(
        "Compute",
        default="seconds",
        required=True,
        label_visibility="collapsed",
        **address.choice("cost", "cost", kinds),
    )
    costs: dict[str, float | None] = {}
    if kind == "reading":
        overview.reading_time_button(runs, "chart")
        costs |= overview.milliseconds(runs)
    else:
        costs |= {row.run_id: row.cost(kind) for row in rows}
    if not any(costs.values()):
        st.info("Not measured yet.")
        return
    charts.show(
        plots.against_compute(rows, metric, costs, kinds[kind]),
        alt=f"{classification.NAMES[metric]} of each run against its {kinds[kind]}",
        key="compute",
    )
    if kind == "seconds":
        st.caption(comparison_tables.TRAINING_TIMES)


def show_curves(runs: list[TestSet], rows: Rows) -> None:
    """Shows ROC and precision-recall curves with bands, and the reliability diagram."""
    labels = {row.run_id: row.name for row in rows}
    by_name = {labels[run.run_id]: cache.curves(run) for run in runs}
    banded = st.pills(
        "With bands",
        default=list(by_name)[:BANDED],
        selection_mode="multi",
        **address.choice("bands", "run", list(by_name)),
    )
    left, right = st.columns(2)
    for column, kind, title in (
        (left, "roc", "Blasts found against false alarms (ROC)"),
        (right, "pr", "How many calls of ALL are right (PPV)"),
    ):
        pairs = {n: (roc if kind == "roc" else pr) for n, (roc, pr, _) in by_name.items()}
        defined = {name: curve for name, curve in pairs.items() if curve is not None}
        with column:
            section(title)
            figure = plots.curves(defined, kind, banded)
            charts.show(figure, alt=f"{title}, of each run, with its band", key=kind)
    section("Do the probabilities mean what they say?")
    bins = {name: reliability for name, (_, _, reliability) in by_name.items()}
    charts.show(
        plots.reliability(bins, banded),
        alt="Share of ALL against the predicted probability, for each run",
        key="reliability",
    )
    st.caption(
        "The area stands in brackets. A band is what resampled groups of subjects make likely at "
        "each place, not an interval that holds the whole curve; in the last figure "
        "larger marks stand for more. " + protocols(rows),
        help=explain("ROC AUC", "PPV", "PR AUC", "Calibration error"),
    )


def show_subjects(runs: list[TestSet], rows: Rows) -> None:
    """Shows results by subject, official fold, quality flag and cell size."""
    labels = {row.run_id: row.name for row in rows}
    tables = {labels[run.run_id]: subgroups.by_subject(run) for run in runs}
    for run, (name, table) in zip(runs, tables.items(), strict=True):
        worst = comparison_tables.worst_subject(name, table, run.run.config.items)
        st.markdown(f"- {plain(worst)}")
    charts.show(
        subject_plots.subjects(tables),
        alt="Share of each subject called correctly, a strip for each run",
        key="subjects",
    )
    st.caption(protocols(rows))
    _table("Subjects", pd.concat(tables, names=["model"]).reset_index(level=0), shown=False)
    _show_kinds(runs, labels)


def _show_kinds(runs: list[TestSet], labels: dict[str, str]) -> None:
    tables = {}
    for run in runs:
        with shown_errors():
            root = datasets.resolve(run.run.config.dataset)
            tables[labels[run.run_id]] = cache.by_kind(run, cache.index(root))
    tables = {name: table for name, table in tables.items() if not table.empty}
    if not tables:
        st.info("The data sets of these runs are not here, so their cells' kinds are not known.")
        return
    whole = pd.concat(tables, names=["model"]).reset_index(level=0)
    left, right = st.columns(2)
    by = left.segmented_control(
        "By",
        default=whole["by"].iloc[0],
        required=True,
        **address.choice("by", "kind", list(dict.fromkeys(whole["by"]))),
    )
    metric = right.segmented_control(
        "Metric",
        default=subgroups.SHOWN[0],
        required=True,
        **address.choice(
            "of", "metric", {name: classification.NAMES[name] for name in subgroups.SHOWN}
        ),
    )
    chosen = {name: table[table["by"] == by] for name, table in tables.items()}
    charts.show(
        plots.parts(chosen, metric),
        alt=f"{classification.NAMES[metric]} by {by}, run beside run",
        key="parts",
    )
    _table("Parts", whole, shown=False)
    st.caption("Sizes are thirds of each run's test part. No interval under 3 groups of a class.")


def show_learning(runs: list[TestSet], rows: Rows) -> None:
    """Shows the learning curves; seeds and folds as mean and band."""
    labels = {row.run_id: row.name for row in rows}
    repeat_runs = repeats.find(runs)
    histories = {labels[run.run_id]: run.run.history for run in runs}
    for column, (quantity, label) in zip(st.columns(2), QUANTITIES.items(), strict=True):
        with column:
            figure = charts.learning_curves(histories, quantity, label)
            charts.show(figure, alt=f"{label.capitalize()} of each run by epoch", key=quantity)
            if repeat_runs:
                tables = {
                    repeat.name: repeat.history(f"validation_{quantity}") for repeat in repeat_runs
                }
                figure = plots.bands(tables, f"validation {label}", len(runs))
                alt = f"Validation {label} of seeds and folds: mean, and lowest to highest"
                charts.show(figure, alt=alt, key=f"band_{quantity}")
    st.caption("Of the validation part, which chose the weights; the test part was not used.")


def show_literature(runs: list[TestSet], rows: Rows) -> None:
    """Shows the runs beside the original study and the published subject-level results."""
    metric = st.segmented_control(
        "Metric",
        default=literature.SUBJECT_LEVEL[0].metric,
        required=True,
        label_visibility="collapsed",
        **address.choice(
            "beside",
            "metric",
            {result.metric: classification.NAMES[result.metric] for result in literature.RESULTS},
        ),
    )
    st.markdown(
        "Numbers from other cells and other splits cannot be ranked against yours; they only "
        "give an idea of what has been reached. **The original study split by image, with "
        "patients on both sides.**"
    )
    charts.show(
        plots.beside_published(rows, metric),
        alt=f"{classification.NAMES[metric]} of these runs beside published results",
        key="published",
    )
    _table("Results", comparison_tables.beside_literature(rows, metric))
    st.caption(
        "An open mark was measured on patients that stood on both sides of its split. A result "
        f"with “{literature.UNVERIFIED}” was not read in the publication itself."
    )


def protocols(rows: Rows) -> str:
    """What the runs were measured on, in a sentence."""
    protocols = dict.fromkeys(row.protocol for row in rows)
    return f"Measured on: {plain('; '.join(protocols))}."


def _table(label: str, table: pd.DataFrame, *, shown: bool = True) -> None:
    if shown:
        st.dataframe(table, hide_index=True, height="content", alt=label)
    download_table(f"{label} as CSV", table, f"{label.lower()}.csv")
