"""What stands above an open case: its name, and its parts, of which the page shows one."""

from collections.abc import Callable

import streamlit as st

from core.cases import case_store
from core.cases.case_store import MAX_NAME, SIGNED
from core.cases.tables import CaseRow
from core.errors import BlastLensError
from core.people import Person
from pages.ui.common.choices import address
from pages.ui.common.text import plain, section

REVIEW, VERDICT, REPORT = "Review", "Verdict and signature", "Report"
PICTURES, EVENTS = "Pictures", "What happened"
_PARTS = (REVIEW, VERDICT, REPORT, PICTURES, EVENTS)
_KEY = "step"  # of the address
_PROBLEM = "case_problem"  # of the last action
_SENT = "step_sent"  # whether a button has just chosen one


def chosen(first: str) -> str:
    """The part that the user has chosen; `first` until then."""
    part: str = st.segmented_control(
        "Part",
        # Streamlit warns of a default beside a value that was set.
        default=None if st.session_state.pop(_SENT, False) else first,
        required=True,
        label_visibility="collapsed",
        **address.choice(_KEY, "part", _PARTS),
    )
    return part


def go_to(part: str) -> None:
    """Shows another part; to be called ahead of a run of the page, by the click of a button."""
    st.session_state[_KEY] = part
    st.session_state[_SENT] = True


def show_name(case: CaseRow, person: Person) -> None:
    """The name of a case, which can be changed until the case is signed."""
    state = " :green-badge[signed]" if case.state == SIGNED else ""
    blind = " :gray-badge[read blind]" if case.blind else ""
    section(f"{plain(case.name)}{state}{blind}")
    if case.state != SIGNED:
        with st.popover("Rename", icon=":material/edit:", type="tertiary"):
            key = f"name_{case.id}_{case.version}"
            st.text_input("Name of the case", case.name, max_chars=MAX_NAME, key=key)
            st.button("Keep the name", on_click=act, args=(_rename, person, case, key))


def _rename(person: Person, case: CaseRow, key: str) -> None:
    case_store.change(
        person,
        case.id,
        case.version,
        name=st.session_state[key],
        minimum_cells=case.minimum_cells,
        blind=case.blind,
    )


def act(action: Callable[..., object], *arguments: object) -> None:
    """Acts on what the page showed when the button was pressed, which may have changed since."""
    try:
        action(*arguments)
    except BlastLensError as error:
        st.session_state[_PROBLEM] = str(error)


def show_problem() -> None:
    """Says why the last action was refused, if it was."""
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(plain(problem), icon=":material/error:")
