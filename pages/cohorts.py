"""Cohorts: folders or tables of pictures, up to millions, scored and summed up by patient."""

import streamlit as st

from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.runs import run_store
from pages.ui.cohorts import follow, pictures, results, start
from pages.ui.common.choices import address
from pages.ui.common.frame import printed
from pages.ui.common.text import research_notice, section, shown_errors, title
from pages.ui.reading import cell

SUMMARY, PATIENTS, PICTURES, FILES = VIEWS = ("Summary", "Patients", "Pictures", "Files")


def show(cohort: Cohort) -> None:
    """Shows a cohort that has ended, one view of it at a time."""
    follow.show(cohort)
    for run in run_store.models():
        if run.run_id == cohort.plan.run:
            cell.warn_of_synthetic(run)
    if not cohort.listed:
        return
    printed.shows_engines({cohort.plan.run: cohort.plan.engine}, cohort.name)
    view = st.segmented_control(
        "View",
        default=SUMMARY,
        required=True,
        label_visibility="collapsed",
        **address.choice("show", "view", VIEWS),
    )
    if view == PICTURES:
        pictures.show(cohort)
    elif view == FILES:
        results.show_files(cohort)
    elif (summary := cohort.summary) is None:
        st.info(
            "Results are summed up once all pictures are scored. Resume the cohort to get there."
        )
    elif view == PATIENTS:
        results.show_patients(cohort, summary)
    else:
        results.show_summary(summary)


title(
    "Cohorts",
    "Read many pictures, and sum them up by patient.",
)
with shown_errors():
    known = cohort_store.cohorts()
    unfinished = [cohort for cohort in known if cohort.status.unfinished]
    for cohort in unfinished:
        follow.show(cohort)
    with st.container(border=True) if not known else st.expander("Score another"):
        start.show()
    ended = [cohort for cohort in known if cohort not in unfinished]
    if ended:
        section("Results")
        show(
            st.selectbox(
                "Of",
                label_visibility="collapsed",
                **address.choice(
                    follow.CHOSEN, "cohort", {cohort: cohort.name for cohort in ended}
                ),
            )
        )
research_notice()
