"""Cases: a patient's pictures, gone through cell by cell, signed and reported."""

import streamlit as st

from core.cases import case_store
from core.cases.tables import CaseRow
from core.errors import CaseError
from core.people import MAX_NAME, Person
from pages.ui.cases import events, new_case, parts, report, review, teach, verdict
from pages.ui.cases import list as case_list
from pages.ui.common import people
from pages.ui.common.choices import address
from pages.ui.common.frame import focus, printed
from pages.ui.common.text import plain, research_notice, shown_errors, title

CASE = "case"  # of the address: which case is open
LIST, TEACH = "Cases", "Teach a model"
NAME = "case_reader"  # the field for the name


def ask_for_name() -> None:
    """Asks for the name that decisions are recorded with."""
    with st.form("name", border=False), shown_errors():
        name = st.text_input(
            "Your name, recorded with what you decide", max_chars=MAX_NAME, key=NAME
        )
        if st.form_submit_button("Go on", type="primary"):
            people.call_me(name)
            st.rerun()
    focus.on(NAME)


def close() -> None:
    """Takes the case out of the address, and so back to the list."""
    st.query_params.pop(CASE, None)


def show_case(case: CaseRow, person: Person) -> None:
    """Shows one part of a case."""
    printed.shows_engines({one.run_id: one.engine_digest for one in case.pictures}, case.name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("All cases", icon=":material/arrow_back:", on_click=close)
        parts.show_name(case, person)
    parts.show_problem()
    part = parts.chosen(parts.REVIEW if case.cells else parts.PICTURES)
    if part == parts.REVIEW:
        review.show(case.id, person)
    elif part == parts.VERDICT:
        verdict.show(case, person)
    elif part == parts.REPORT:
        report.show(case)
    elif part == parts.PICTURES:
        new_case.show_pictures(case, person)
    else:
        events.show(case, person)


title("Cases", "Review a patient's cells and sign the verdict.")
with shown_errors():
    opened = st.query_params.get(CASE)
    person = people.current()
    if person is None:
        ask_for_name()
    elif opened is None:
        view = st.segmented_control(
            "View",
            default=LIST,
            required=True,
            label_visibility="collapsed",
            **address.choice("cases", "view", (LIST, TEACH)),
        )
        if view == TEACH:
            teach.show(case_store.cases())
        else:
            new_case.show(person)
            case_list.show(case_store.cases())
            report.show_check()
    else:
        try:
            case = case_store.get(opened)
        except CaseError as error:
            st.error(plain(str(error)), icon=":material/error:")
            st.button("All cases", on_click=close)
        else:
            show_case(case, person)
research_notice()
