"""What a cohort came to: counts, refusals, patients, and where its tables lie."""

import pandas as pd
import streamlit as st

from core.cohort.cohort import Cohort
from core.cohort.plan import CohortSummary
from core.report import cohorts
from pages.ui.common.downloads import download, download_table
from pages.ui.common.text import plain, section

_SHARES = ("As called", "Corrected", "From", "To")
_HEIGHT = 420  # pixels: of a long table


def show_summary(summary: CohortSummary) -> None:
    """Counts by call, and what was refused."""
    st.markdown(cohorts.sentence(summary))
    with st.container(horizontal=True, gap="large"):
        for name, count in (
            ("▲ ALL", summary.calls["ALL"]),
            ("● HEM", summary.calls["HEM"]),
            ("◆ review", summary.calls["review"]),
            ("Refused", sum(summary.refused_by.values())),
            ("Patients", summary.patients),
        ):
            st.metric(name, f"{count:,}", width="content")
    refused = cohorts.refusals(summary)
    if refused.empty:
        st.success("Nothing was refused.", icon=":material/check_circle:")
        return
    section("Refused, by reason")
    st.dataframe(refused, hide_index=True, height="content", alt="How many each check refused")
    download_table("Refusals as CSV", refused, "refusals.csv")


def show_patients(cohort: Cohort, summary: CohortSummary) -> None:
    """Each patient's counts and share of blasts, as called and corrected; sorted at a click."""
    table = pd.read_parquet(cohort.patients_file)
    if table.empty:
        st.info(
            "No patient is known. Name a column of patients, a pattern of file names or a level of "
            "folders when you score it."
        )
        return
    percent = st.column_config.NumberColumn(format="percent")
    called = st.column_config.NumberColumn(
        format="percent",
        help=f"Of the {summary.item}s read, those on the side of ALL; from 20 on",
    )
    st.dataframe(
        cohorts.patients(table, summary.item),
        hide_index=True,
        height="content" if len(table) <= 10 else _HEIGHT,
        column_config=dict.fromkeys(_SHARES, percent) | {"As called": called},
        placeholder="–",
        alt="A row each patient: cells by call, and the share of blasts with its interval",
    )
    st.caption(
        f"Corrected: the share of ALL among the {summary.item}s read, corrected for how often "
        f"this model calls {summary.item}s of unseen patients wrongly; from and to are its 95% "
        "interval. Copies of a picture count once."
    )
    download_table("Patients as CSV", table, "patients.csv")


def show_files(cohort: Cohort) -> None:
    """Where everything lies, for other programs."""
    st.markdown(
        f"- All readings, a row each picture and each cell of a field: Parquet parts in "
        f"`{cohort.parts_place}`, which pandas, DuckDB or Spark read as one table\n"
        f"- Patients: `{cohort.patients_file}`\n"
        f"- Pictures that are copies of others: `{cohort.copies_file}`\n"
        f"- Plan and list of pictures: `{cohort.path}`"
    )
    with st.container(horizontal=True, gap="small"):
        if cohort.summary_file.exists():
            download("Summary as JSON", cohort.summary_file.read_bytes(), "summary.json")
            copies = pd.read_parquet(cohort.copies_file)
            download_table(f"Copies as CSV ({len(copies):,})", copies, "copies.csv")
    st.caption(f"Run {plain(cohort.plan.run)}, engine {cohort.plan.engine[:12]}.")
