"""The tab on patients: how many of them each run told right."""

import streamlit as st

from core.data.pixel_cache import said_of
from core.evaluation import patients as by_patient
from core.evaluation.test_set import TestSet
from core.report import patients, phrases
from core.report.comparison import ComparedRun
from pages.ui.common import charts
from pages.ui.common.downloads import download_table
from pages.ui.common.text import plain
from pages.ui.compare import subject_plots
from pages.ui.compare.sections import protocols


def show(runs: list[TestSet], rows: list[ComparedRun]) -> None:
    """Shows in words, as a strip of patients, and as a table what each run says of patients."""
    item = phrases.item(runs)
    measured = {row.name: by_patient.measure(row.run) for row in rows}
    for name, found in measured.items():
        words = patients.sentence(found) if found else patients.UNKNOWN
        st.markdown(f"- **{plain(name)}**: {words}")
    known = {name: found.table for name, found in measured.items() if found}
    if known:
        charts.show(
            subject_plots.patients(known),
            alt=said_of("Share of each patient's cells called ALL, a strip for each run", item),
            key="patients",
        )
    table = patients.table(measured)
    st.dataframe(table, hide_index=True, height="content", alt="Patients on the right side, by run")
    download_table("Patients as CSV", table, "patients.csv")
    words = (
        "Of the test part. In brackets exact 95% intervals (Clopper and Pearson "
        "1934): they show how little a few patients prove. The ROC AUC ranks "
        "patients by the mean log-odds of their cells. None of this is a diagnosis. "
    )
    st.caption(said_of(words, item) + protocols(rows))
