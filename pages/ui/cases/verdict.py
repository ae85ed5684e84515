"""The verdict on a case, what is in the way of a signature, and the signatures."""

import streamlit as st

from core.cases import case_store, review, signing
from core.cases.agreement import agreements
from core.cases.case_store import MOST_CELLS, SIGNED
from core.cases.labels import LABELS
from core.cases.tables import CaseRow
from core.cases.verdict import verdict
from core.people import DELETE, SIGN, Person
from core.report import phrases
from core.report.case import words
from core.report.case.content import ReportedFigures
from core.report.glossary import explain
from core.teaching import dataset
from pages.ui.cases import cache, parts
from pages.ui.cases.new_case import MINIMUM
from pages.ui.cases.review import look_at
from pages.ui.common import people
from pages.ui.common.numbers import number
from pages.ui.common.text import plain, section, sentence, shown_errors


def show(case: CaseRow, person: Person) -> None:
    """Shows what the case says, and lets the person sign it."""
    left, right = st.columns([3, 2], gap="large")
    undecided = review.left_blind(case, person.name)
    figures = ReportedFigures.parse(verdict(case).to_json())
    with left:
        if undecided:
            st.info(f"You still have to decide {undecided:,}; then the verdict is shown.")
        else:
            _show_verdict(figures)
            _show_agreement(case)
    with right:
        _show_signatures(case, person, figures)
        if not undecided:
            _show_disagreements(case, person)
        _show_settings(case, person)


def _show_verdict(figures: ReportedFigures) -> None:
    counts = f"{figures.blasts:,} of {figures.cells:,}"
    share = words.share(figures)
    if figures.cells or not figures.images:
        st.metric("Blasts among the cells that count", f"{counts}{share}", border=True)
    else:
        st.markdown(words.conclusion(figures))
    for label, value in words.verdict(figures):
        st.markdown(f"**{label}.** {plain(sentence(value))}")
    if figures.cells:
        st.caption(f"Of the cells on these pictures, {words.by_whom(figures)}.")


def _show_agreement(case: CaseRow) -> None:
    for pair in agreements(case):
        st.markdown(
            f"**{plain(pair.first)} and {plain(pair.second)}** agree on {words.agreed(pair)}, "
            f"{words.how(pair.blind)}; Cohen's kappa {phrases.full(pair.kappa)}.",
            help=explain("Cohen's kappa"),
        )


def _show_signatures(case: CaseRow, person: Person, figures: ReportedFigures) -> None:
    section("Signatures")
    for one in case.signatures:
        st.markdown(f":material/draw: {plain(one.person)}, {words.when(one.time)}")
        st.caption(words.vouched(one.verified))
    hindrances = [] if case.state == SIGNED else signing.hindrances(case)
    for text in hindrances:
        st.markdown(f":material/block: {text}")
    if case.state != SIGNED and (unseen := signing.unseen(case)):
        st.button(
            "Look at them",
            icon=":material/visibility:",
            on_click=look_at,
            args=(case.id, unseen[0].id),
        )
    st.button(
        "Read the report",
        icon=":material/description:",
        help="As it would be signed now, before you sign it.",
        on_click=parts.go_to,
        args=(parts.REPORT,),
    )
    signed = any(one.person == person.name for one in case.signatures)
    may_not = people.lacks(SIGN)
    if not signed:
        locked = bool(hindrances) or may_not
        title = "Sign as a second reader" if case.state == SIGNED else "Sign"
        with st.popover(title, type="primary", icon=":material/draw:", disabled=locked):
            for text in words.before_signing(figures):
                st.markdown(text)
            st.caption("Your name, the time and the verdict are recorded; the case is closed.")
            st.button(
                f"Sign as {plain(person.name)}",
                type="primary",
                disabled=locked,
                on_click=parts.act,
                args=(signing.sign, person, case.id, case.version),
            )
    if case.state == SIGNED:
        st.button(
            "Open it again",
            disabled=may_not,
            help="This voids its signatures.",
            on_click=parts.act,
            args=(signing.reopen, person, case.id, case.version),
        )


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
                "It is",
                LABELS,
                None,
                key=f"settle_{cell.id}",
                placeholder="It is …",
                label_visibility="collapsed",
                width=140,
            )
            st.button(
                "Settle",
                key=f"settled_{cell.id}",
                disabled=label is None or not people.may(SIGN),
                on_click=parts.act,
                args=(review.settle, person, case.id, label, {cell.id: cell.version}),
            )


def _show_settings(case: CaseRow, person: Person) -> None:
    with st.expander(f"{MINIMUM}, blind reading, deletion", icon=":material/settings:"):
        with st.form(f"settings_{case.id}", border=False):
            number(
                st.container(), MINIMUM, (1, MOST_CELLS), case.minimum_cells, key=f"least_{case.id}"
            )
            st.toggle("Read blind", case.blind, key=f"blind_{case.id}")
            st.form_submit_button(
                "Keep",
                disabled=case.state == SIGNED,
                on_click=parts.act,
                args=(_change, person, case),
            )
        if kept_in := dataset.datasets_with(case.id):
            names = ", ".join(plain(folder.name) for folder in kept_in)
            st.caption(f"Its cells are also in data sets made to teach a model: {names}.")
        sure = st.checkbox("Delete its pictures and decisions for good", key=f"sure_{case.id}")
        lacking = people.lacks(DELETE)
        with shown_errors():
            if st.button("Delete the case", disabled=not sure or lacking, key=f"delete_{case.id}"):
                case_store.delete(person, case.id)
                cache.forget()
                st.query_params.clear()
                st.rerun()


def _change(person: Person, case: CaseRow) -> None:
    state = st.session_state
    case_store.change(
        person,
        case.id,
        case.version,
        name=case.name,
        minimum_cells=state[f"least_{case.id}"],
        blind=state[f"blind_{case.id}"],
    )
