"""The pictures of a cohort: the worst, or a random sample, behind filters."""

import streamlit as st

from core.cohort import browse
from core.cohort.browse import SAMPLE, RowFilter, ShownRow
from core.cohort.cohort import Cohort
from core.errors import BlastLensError
from core.report.cohorts import REFUSALS
from pages.ui.cohorts import cache
from pages.ui.common.choices import address
from pages.ui.common.downloads import download_table
from pages.ui.common.text import CALLS, plain
from pages.ui.common.tiles import WIDTH

SHOWN = 28
_SAMPLES = 1000
_AGAIN = "drawn"  # of the address: which of the random samples


def show(cohort: Cohort) -> None:
    """Filters, then small pictures with what was said of each."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        order = st.selectbox(
            "Order",
            width=260,
            **address.choice("cohort_order", "order", [SAMPLE, *browse.ORDERS]),
        )
        call = st.segmented_control("Call", **address.choice("call", "call", browse.CALLS))
        gate = None
        if call == browse.REFUSED:
            gate = st.selectbox(
                "Reason",
                index=None,
                placeholder="Any reason",
                width=300,
                **address.choice("reason", "reason", REFUSALS),
            )
        subject = st.text_input(
            "Patient", placeholder="any", width=120, key="patient", **address.BOUND
        ).strip()
        seed = address.place(_AGAIN, _SAMPLES)
        if order == SAMPLE and st.button("Draw again", icon=":material/casino:"):
            seed = (seed + 1) % _SAMPLES
            address.go(_AGAIN, seed)
    chosen = RowFilter(call, gate, subject or None)
    with st.spinner("Looking through the parts…"):
        rows = cache.looked_through(cohort, order, chosen, SHOWN, seed, cohort.status.heartbeat)
    if not rows:
        st.info("No picture matches these filters.")
        return
    with st.container(horizontal=True, gap="small"):
        for row in rows:
            with st.container(width=WIDTH, gap="xxsmall"):
                _tile(cohort, row)
    download_table("These as CSV", browse.table(rows), "pictures.csv")


def _tile(cohort: Cohort, row: ShownRow) -> None:
    try:
        st.image(cache.picture(cohort, row), width="stretch", alt=f"Picture {row.path}")
    except BlastLensError:
        st.container(height=WIDTH, border=True).caption("no picture")
    said = CALLS[row.call] if row.call else ":gray[refused]"
    share = "" if row.probability is None else f" {row.probability:.0%}"
    st.markdown(f"{said}{share}", help=plain(row.words) or None)
    st.caption(f"{plain(row.name)}{'' if row.subject is None else f' · {plain(row.subject)}'}")
