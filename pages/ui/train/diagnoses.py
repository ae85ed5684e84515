"""What the run doctor says of an ended run, and the repaired one at a click."""

from typing import Any

import streamlit as st

from core.runs import run_store
from core.runs.config import RunConfig
from core.runs.run_store import Run
from core.workers import launcher
from pages.ui.common import cache
from pages.ui.common.text import plain


def show(run: Run) -> None:
    """Each diagnosis with its evidence and advice, and the button that trains it repaired."""
    found, repaired = cache.diagnoses(run)
    if not found:
        st.caption(":material/stethoscope: The run doctor finds nothing wrong with this run.")
        return
    with st.container(border=True):
        st.markdown(":material/stethoscope: **What the run doctor says**")
        for diagnosis in found:
            st.markdown(f"**{plain(diagnosis.title)}** {plain(diagnosis.evidence)}")
            st.caption(plain(diagnosis.advice))
        if repaired is not None:
            changes = _changes(run.config.to_json(), repaired.to_json())
            st.button(
                "Train it repaired",
                icon=":material/build:",
                type="primary",
                key=f"repair_{run.run_id}",
                on_click=_start,
                args=(repaired,),
            )
            st.caption(f"The same run with {plain(changes)}.")


def _changes(before: dict[str, Any], after: dict[str, Any]) -> str:
    changed = [name for name in after if after[name] != before[name]]
    return ", ".join(f"{name} {before[name]} → {after[name]}" for name in changed)


def _start(repaired: RunConfig) -> None:
    run = run_store.create(repaired)
    launcher.launch(run)
    st.session_state["looked_at_run"] = run.run_id
