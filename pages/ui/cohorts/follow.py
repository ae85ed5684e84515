"""A cohort on its way: progress, rate and time left, stop and resume."""

import streamlit as st

from core.cohort.cohort import Cohort
from core.jobs.job import Status
from core.people import SCORE
from core.report.cohorts import progress, so_far_in_words
from pages.ui.common import monitor
from pages.ui.common.choices.runs import names as run_names
from pages.ui.common.text import plain, sentence

CHOSEN = "cohort"  # of session and address: the cohort whose results are shown


def show(cohort: Cohort) -> None:
    """Follows a cohort live; redraws itself, not the page, until it ends, and then chooses it."""
    monitor.show(cohort, _draw, ended=lambda: st.session_state.update({CHOSEN: cohort}))


def _draw(cohort: Cohort, status: Status) -> None:
    plan = cohort.plan
    monitor.header(
        cohort,
        status,
        plain(cohort.name),
        f"{plain(plan.source.place)} · read by {plain(run_names().get(plan.run, plan.run))}",
        stop_help="What is scored is kept. Leaving this page does not stop it.",
        action=SCORE,
    )
    if status.unfinished:
        st.progress(status.share_done, text=sentence(progress(status)))
    if status.state != "succeeded" and (counts := so_far_in_words(status)):
        st.markdown(f"So far {counts}.")
    monitor.show_error(status)
