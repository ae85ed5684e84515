"""What stands out in a data set, in words, and the way to look at it."""

import pandas as pd
import streamlit as st

from core.data import explore
from core.data.indexing import Index
from pages.ui.common import cache
from pages.ui.common.text import plain
from pages.ui.dataset import duplicates

# What a finding can show: the button, and what it chooses on this page.
LOOK_AT = {
    "copies": (
        "Look at these pairs",
        "difference",
        {"view": "Copies", "pairs_of": duplicates.WHICH[1]},
    ),
    "flagged": (
        "Look at the flagged cells",
        "flag",
        {"view": "Cells", "quality": explore.ANY_FLAG},
    ),
}


def show(index: Index, measured: pd.DataFrame | None) -> None:
    """What stands out: what would mislead first, then the rest."""
    issues = cache.findings(index, measured)
    for box, icon, serious in ((st.warning, "warning", True), (st.info, "info", False)):
        told = [issue for issue in issues if issue.serious == serious]
        if told:
            box("  \n".join(plain(issue.text) for issue in told), icon=f":material/{icon}:")
        _offer([issue.shows for issue in told if issue.shows])


def _offer(shown: list[str]) -> None:
    with st.container(horizontal=True):
        for shows in shown:
            label, icon, chosen = LOOK_AT[shows]
            st.button(
                label,
                icon=f":material/{icon}:",
                type="tertiary",
                on_click=st.session_state.update,
                args=(chosen,),
            )
