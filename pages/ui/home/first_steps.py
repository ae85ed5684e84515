"""The five steps from an example to a model of one's own: the next one, the others on a click."""

import streamlit as st

from core.report import first_steps
from core.report.first_steps import FirstStep


def show() -> None:
    """Links to the next step, and in a popover to all; nothing once all are done."""
    steps = first_steps.first_steps()
    upcoming = first_steps.next_step(steps)
    if upcoming is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _link(upcoming, f"Next: {upcoming.title.lower()}", "arrow_circle_right")
        with st.popover(f"Step {steps.index(upcoming) + 1} of {len(steps)}", type="tertiary"):
            for number, step in enumerate(steps, start=1):
                done = ": done" * step.done
                icon = "check_circle" if step.done else "radio_button_unchecked"
                _link(step, f"{number} {step.title}{done}", icon)


def _link(step: FirstStep, label: str, icon: str) -> None:
    page = f"pages/{step.page}.py"
    st.page_link(page, label=label, icon=f":material/{icon}:", width="content")
