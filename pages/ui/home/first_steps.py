"""The next of the five steps from an example to a model of one's own, as a link."""

import streamlit as st

from core.report import first_steps


def show() -> None:
    """The link to the next step, all of them on hover; nothing once all are done."""
    steps = first_steps.first_steps()
    upcoming = first_steps.next_step(steps)
    if upcoming is None:
        return
    st.page_link(
        f"pages/{upcoming.page}.py",
        label=f"Step {steps.index(upcoming) + 1} of {len(steps)}: {upcoming.title.lower()}",
        icon=":material/arrow_circle_right:",
        help="\n".join(
            f"{number}. {step.title}{': done' * step.done}"
            for number, step in enumerate(steps, start=1)
        ),
    )
