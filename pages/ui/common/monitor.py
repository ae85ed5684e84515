"""Background jobs on the pages: followed live, stopped and resumed. Only here a page refreshes."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.jobs.job import STATE_WORDS, Job, Status
from core.people import TRAIN, who_may
from core.workers import launcher
from pages.ui.common import people
from pages.ui.common.text import plain, section, shown_errors

STATES = {
    state: (f":material/{icon}:", STATE_WORDS[state])
    for state, icon in {
        "queued": "hourglass_empty",
        "running": "sync",
        "succeeded": "check_circle",
        "failed": "error",
        "cancelled": "cancel",
        "interrupted": "warning",
    }.items()
}
J = TypeVar("J", bound=Job)


def show(
    job: J, draw: Callable[[J, Status], None], ended: Callable[[], None] | None = None
) -> None:
    """Draws a job; until it ends, again every second. `ended` is called when it does."""
    if job.status.unfinished:
        follow([job], lambda: draw(job, job.status), ended=ended)
    else:
        draw(job, job.status)


def follow(
    jobs: Sequence[Job],
    draw: Callable[[], None],
    *,
    until: Callable[[Iterable[bool]], bool] = all,
    every: float = 1.0,
    ended: Callable[[], None] | None = None,
) -> None:
    """Calls `draw` every few seconds, alone; draws the page anew once all or `any` jobs ended."""

    def over() -> bool:
        if until(job.deleted or not job.status.unfinished for job in jobs):
            if ended:
                ended()
            return True
        draw()
        return False

    repeat(over, every)


def repeat(step: Callable[[], bool], every: float) -> None:
    """Calls `step` every few seconds, alone, until it returns True; then draws the page anew."""

    def live() -> None:
        with shown_errors():
            if step():
                st.rerun()  # the page as a whole, which then no longer refreshes itself

    st.fragment(live, run_every=every)()


def header(
    job: Job,
    status: Status,
    title: str,
    caption: str = "",
    *,
    help: str | None = None,
    stop_help: str | None = None,
    action: str = TRAIN,
) -> None:
    """The job's title and state beside its Stop or Resume button; `action` as in `stop_button`."""
    icon, state = STATES[status.state]
    head, place = st.columns([5, 1], vertical_alignment="center")
    section(f"{icon} {title}: {state}", head, help=help)
    if caption:
        head.caption(caption)
    if status.unfinished:
        stop_button([job], f"stop_{job.name}", place, help=stop_help, action=action)
    elif status.state != "succeeded":
        start_button(
            job,
            "Resume",
            f"resume_{job.name}",
            place,
            icon=":material/replay:",
            help="What has finished is kept; it goes on from there.",
            action=action,
        )


def show_error(status: Status) -> None:
    """Why a job failed, if it did."""
    if status.error:
        st.error(plain(status.error), icon=":material/error:")


def stop_button(
    jobs: Sequence[Job],
    key: str,
    place: DeltaGenerator | None = None,
    *,
    label: str = "Stop",
    help: str | None = None,
    action: str = TRAIN,
) -> None:
    """Asks the jobs to stop when it is pressed; says so until they have.

    `action` is what a person must be allowed to do, to stop or start such jobs.
    """
    asked = all(job.stop_requested for job in jobs)
    (place or st).button(
        "Stopping…" if asked else label,
        icon=":material/stop:",
        disabled=asked or not any(job.status.unfinished for job in jobs) or not people.may(action),
        width="stretch" if place else "content",
        key=key,
        on_click=_stop,
        args=(jobs, action),
        help=help if people.may(action) else who_may(action),
    )


def _stop(jobs: Sequence[Job], action: str) -> None:
    with shown_errors():
        people.require(action)
        for job in jobs:
            job.request_stop()


def start_button(
    job: Job,
    label: str,
    key: str,
    place: DeltaGenerator | None = None,
    *,
    icon: str,
    help: str | None = None,
    action: str = TRAIN,
) -> None:
    """Starts or resumes the job when it is pressed, and draws the page anew."""
    pressed = (place or st).button(
        label,
        icon=icon,
        width="stretch" if place else "content",
        key=key,
        help=help if people.may(action) else who_may(action),
        disabled=not people.may(action),
    )
    if pressed:
        people.require(action)
        launcher.start(job)
        st.rerun()
