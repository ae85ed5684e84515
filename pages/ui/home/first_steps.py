"""The five steps from an example to a model of one's own, in one row of links."""

import streamlit as st

from core.report import first_steps


def show() -> None:
    """Links to each step; done ones have a tick, the next one an arrow and its word."""
    steps = first_steps.first_steps()
    upcoming = first_steps.next_step(steps)
    with st.container(horizontal=True, gap="small"):
        for number, step in enumerate(steps, start=1):
            icon, words = "radio_button_unchecked", f"{number} {step.title}"
            if step.done:
                icon, words = "check_circle", f"{words}: done"
            elif step == upcoming:
                icon, words = "arrow_circle_right", f"**{words}: next**"
            page = f"pages/{step.page}.py"
            st.page_link(page, label=words, icon=f":material/{icon}:", width="content")
