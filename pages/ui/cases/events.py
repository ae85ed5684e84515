"""What happened to a case: its events, as the chain has them."""

import pandas as pd
import streamlit as st

from core.cases import case_store, review
from core.cases.tables import CaseRow
from core.people import Person
from core.report.case import history


def show(case: CaseRow, person: Person) -> None:
    """Shows the events of a case, the newest first.

    Of a case that is read blind, a reader who has not decided all cells is not told what others
    decided.
    """
    hidden = review.left_blind(case, person.name) > 0
    cells = {cell.id: cell for cell in case.cells}
    rows = [
        {
            "No.": event.number,
            "Time (UTC)": event.time[:19].replace("T", " "),
            "What": event.kind if hidden else history.said(event, cells),
            "Person": event.person,
            "Identity": "verified" if event.verified else "typed",
            "Hash": event.hash[:16],
        }
        for event in reversed(case_store.events(case.id))
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"What": st.column_config.TextColumn(width="large")},
        alt="The events of this case, a row each",
    )
    st.caption(
        "Each event carries the hash of the one before it. `blastlens cases verify` finds any that "
        "was changed, dropped, reordered or back-dated."
    )
