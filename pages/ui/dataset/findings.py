"""What stands out in a data set, in words, and the way to look at it."""

import pandas as pd
import streamlit as st

from core.data import explore
from core.data.indexing import Index
from core.data.issues import DatasetIssue
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
        "Look at the flagged images",
        "flag",
        {"view": "Images", "quality": explore.ANY_FLAG},
    ),
}


def show(index: Index, measured: pd.DataFrame | None) -> None:
    """What stands out: what would mislead, and on a click the rest."""
    issues = cache.findings(index, measured)
    serious = [issue for issue in issues if issue.serious]
    others = [issue for issue in issues if not issue.serious]
    if serious:
        st.warning(_said(serious), icon=":material/warning:")
        _offer(serious)
    if others:
        more = " more" if serious else ""
        label = f"{len(others)}{more} finding{'s' * (len(others) > 1)}"
        with st.expander(label, icon=":material/info:"):
            st.markdown(_said(others))
            _offer(others)


def _said(issues: list[DatasetIssue]) -> str:
    return "  \n".join(plain(issue.text) for issue in issues)


def _offer(issues: list[DatasetIssue]) -> None:
    with st.container(horizontal=True):
        for shows in [issue.shows for issue in issues if issue.shows]:
            label, icon, chosen = LOOK_AT[shows]
            st.button(
                label,
                icon=f":material/{icon}:",
                type="tertiary",
                on_click=st.session_state.update,
                args=(chosen,),
            )
