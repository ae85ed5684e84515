"""The list of cases, each a click away."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.cases.case_store import CaseSummary
from core.reading.fields.summary import FEWEST_FOR_PERCENT

_KEY = "case_list"


def show(cases: Sequence[CaseSummary]) -> None:
    """Shows all cases; a row that is clicked opens its case."""
    if not cases:
        st.info(
            "There is no case yet. Drop pictures of one patient above, or keep a reading on "
            "Predict as a case."
        )
        return
    table = pd.DataFrame(
        {
            "Case": [case.name for case in cases],
            "State": [case.state for case in cases],
            "Changed": pd.to_datetime([case.changed for case in cases], utc=True),
            "Readers": [", ".join(case.readers) for case in cases],
            "Cells": [case.cells for case in cases],
            "Counted": [case.counted for case in cases],
            "Blasts": [case.blasts for case in cases],
            "Share": [None if case.share is None else round(case.share, 2) for case in cases],
        }
    )
    chosen = st.dataframe(
        table,
        key=_KEY,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        column_config={
            "Changed": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone="UTC"),
            "Share": st.column_config.NumberColumn(
                format="percent",
                help=f"Blasts over counted cells, from {FEWEST_FOR_PERCENT} cells on",
            ),
            "Counted": st.column_config.NumberColumn(
                help="White cells that were read, or decided by a reader"
            ),
        },
        placeholder="–",
        alt="All cases, a row each; choose one to open it",
    )
    if cells := chosen["selection"]["cells"]:
        row, _ = cells[0]
        st.query_params["case"] = cases[row].id
        st.rerun()
    st.caption("Click on a case to open it. Times are UTC.")
