"""Compare: the verdict in one sentence; the table; then the pictures."""

from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation import compare, metrics
from core.runs import store
from core.runs.store import Run
from pages.ui import charts
from pages.ui.messages import shown_errors, title


def choose() -> list[Run]:
    """The runs to compare: the newest six unless chosen otherwise."""
    finished = {run.run_id: run for run in store.finished()}
    if not finished:
        st.info("No run has finished yet.")
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        return []
    chosen = st.multiselect("Runs", list(finished), default=list(finished)[:6])
    return [finished[name] for name in chosen]


def active_run() -> Run | None:
    """The run that reads now; None, with the reason on the page, if it is gone."""
    with shown_errors():
        return store.active()
    return None


def show_table(rows: list[dict[str, Any]]) -> None:
    """The verdict, then every figure."""
    st.markdown(f"**{compare.verdict(rows)}**")
    if any(row["dataset"]["synthetic"] for row in rows):
        st.caption("Runs on the synthetic demo set show how BlastLens works; they prove nothing.")
    table = pd.DataFrame(compare.flat(rows))
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        table, hide_index=True, column_config=dict.fromkeys(metrics.NAMES.values(), number)
    )
    st.download_button(
        "Table as CSV", table.to_csv(index=False), "comparison.csv", on_click="ignore"
    )


def show_pictures(runs: list[Run], rows: list[dict[str, Any]]) -> None:
    """Metrics with intervals, then the learning curves."""
    charts.show(
        charts.metrics_of_runs(rows),
        alt="Test metrics of each run with 95% intervals, beside always answering ALL",
        key="metrics",
    )
    st.caption(
        "Test part; bars are 95% intervals from a bootstrap over subject groups. The cross is "
        "what always answering ALL would score on the first run's test cells."
    )
    histories = {run.run_id: run.history for run in runs}
    quantities = {"cross_entropy": "cross-entropy", "accuracy": "accuracy"}
    for column, (quantity, label) in zip(st.columns(2), quantities.items(), strict=True):
        with column:
            figure = charts.learning_curves(histories, quantity, label)
            charts.show(figure, alt=f"{label.capitalize()} of each run by epoch", key=quantity)


def show_confusion(run: Run, row: dict[str, Any], *, active: bool) -> None:
    """A run's calls against the truth, and the button that makes it read."""
    st.markdown(f"**{run.run_id}**")
    counts = row["test"]["confusion"]
    alt = "{tp} ALL found, {fn} missed; {tn} HEM found, {fp} called ALL".format(**counts)
    charts.show(charts.confusion(counts), alt=alt, key=f"confusion_{run.run_id}")
    words = "Used for readings" if active else "Use for readings"
    if st.button(words, disabled=active, key=f"use_{run.run_id}", width="stretch"):
        store.promote(run)
        st.rerun()


title("Compare", "Which model is better, how certain is that, and may the number be believed?")
with shown_errors():
    runs = choose()
    rows = compare.rows(runs)
    if rows:
        show_table(rows)
        show_pictures(runs, rows)
        active = active_run()
        for column, run, row in zip(st.columns(max(3, len(runs))), runs, rows, strict=False):
            with column:
                show_confusion(run, row, active=run == active)
