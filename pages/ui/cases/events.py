"""What happened to a case: its events, as the chain has them."""

import pandas as pd
import streamlit as st

from core.cases import case_store
from core.cases.tables import CaseRow


def show(case: CaseRow) -> None:
    """Shows the events of a case, the newest first."""
    rows = [
        {
            "No.": event.number,
            "Time (UTC)": event.time[:19].replace("T", " "),
            "Person": event.person,
            "Verified": event.verified,
            "What": event.kind,
            "Hash": event.hash[:16],
        }
        for event in reversed(case_store.events(case.id))
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The events of this case, a row each")
    st.caption(
        "Each event carries the hash of the one before it. `blastlens cases verify` finds any that "
        "was changed, dropped, reordered or back-dated."
    )
