"""The verdict on a case, what is in the way of a signature, and the signatures."""

import streamlit as st

from core.cases import case_store, review, signing
from core.cases.agreement import agreements
from core.cases.case_store import MAX_NAME, MOST_CELLS, SIGNED
from core.cases.labels import LABELS
from core.cases.tables import CaseRow
from core.cases.verdict import verdict
from core.people import DELETE, SIGN, Person
from core.report import phrases
from core.report.case import words
from core.report.case.content import ReportedFigures
from pages.ui.cases import cache
from pages.ui.common import people
from pages.ui.common.text import plain, sentence, shown_errors


def show(case: CaseRow, person: Person) -> None:
    """Shows what the case says, and lets the person sign it."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show_verdict(case)
        _show_agreement(case)
    with right:
        _show_signatures(case, person)
        _show_settings(case, person)


def _show_verdict(case: CaseRow) -> None:
    figures = ReportedFigures.parse(verdict(case).to_json())
    counts = f"{figures.blasts:,} of {figures.cells:,}"
    share = f" ({figures.share:.0%})" if figures.share and words.in_percent(figures) else ""
    st.metric("Blasts among the cells that count", f"{counts}{share}", border=True)
    for label, value in words.verdict(figures):
        st.markdown(f"**{label}.** {plain(sentence(value))}")
    st.caption("Of the cells on these pictures, as readers and, if none did, a model called them.")


def _show_agreement(case: CaseRow) -> None:
    for pair in agreements(case):
        st.markdown(
            f"**{plain(pair.first)} and {plain(pair.second)}** agree on {pair.equal} of "
            f"{pair.cells} cells, {words.how(pair.blind)}; Cohen's kappa "
            f"{phrases.full(pair.kappa)}."
        )


def _show_signatures(case: CaseRow, person: Person) -> None:
    st.markdown("**Signatures**")
    for one in case.signatures:
        st.markdown(f":material/draw: {plain(one.person)}, {words.when(one.time)}")
        st.caption(words.vouched(one.verified))
    for text in signing.hindrances(case) if case.state != SIGNED else ():
        st.markdown(f":material/block: {text}")
    _show_disagreements(case, person)
    signed = any(one.person == person.name for one in case.signatures)
    hindered = case.state != SIGNED and bool(signing.hindrances(case))
    may_not = people.lacks(SIGN)
    with shown_errors():
        if not signed and st.button(
            "Sign as a second reader" if case.state == SIGNED else "Sign",
            type="primary",
            icon=":material/draw:",
            disabled=hindered or may_not,
            help="Your name, the time and the verdict are recorded; the case is closed.",
        ):
            signing.sign(person, case.id, case.version)
            st.rerun()
        if case.state == SIGNED and st.button(
            "Open it again", disabled=may_not, help="Its signatures are void then."
        ):
            signing.reopen(person, case.id, case.version)
            st.rerun()


def _show_disagreements(case: CaseRow, person: Person) -> None:
    """Lets a supervisor settle the cells on which readers of a blind case differ."""
    for cell in review.disagreements(case):
        said = [
            f"{plain(one.reader)}: {one.label}"
            for one in case.decisions
            if one.cell_id == cell.id and one.label
        ]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.image(cache.picture(case.id, cell.files["context"]), width=84)
            st.markdown("; ".join(said))
            label = st.selectbox(
                "It is", LABELS, key=f"settle_{cell.id}", label_visibility="collapsed", width=140
            )
            may_not = not people.may(SIGN)
            if st.button("Settle", key=f"settled_{cell.id}", disabled=may_not):
                review.settle(person, case.id, label, {cell.id: cell.version})
                st.rerun()


def _show_settings(case: CaseRow, person: Person) -> None:
    with st.expander("Name, minimum, deletion", icon=":material/settings:"):
        with st.form(f"settings_{case.id}", border=False), shown_errors():
            name = st.text_input("Name", case.name, max_chars=MAX_NAME)
            minimum = st.number_input("Cells it should rest on", 1, MOST_CELLS, case.minimum_cells)
            blind = st.toggle("Read blind", case.blind)
            if st.form_submit_button("Keep", disabled=case.state == SIGNED):
                case_store.change(
                    person, case.id, case.version, name=name, minimum_cells=minimum, blind=blind
                )
                st.rerun()
        sure = st.checkbox("Delete its pictures and decisions for good", key=f"sure_{case.id}")
        lacking = people.lacks(DELETE)
        with shown_errors():
            if st.button("Delete the case", disabled=not sure or lacking, key=f"delete_{case.id}"):
                case_store.delete(person, case.id)
                cache.forget()
                st.query_params.clear()
                st.rerun()
