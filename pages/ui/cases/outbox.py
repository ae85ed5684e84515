"""Takes, on any page, what readers did on the board of a case and the board could not send."""

from itertools import groupby
from operator import attrgetter

import streamlit as st

from core.people import Person
from pages.ui.cases import board
from pages.ui.common import people

_KEY, _TAKEN = "outbox", "outbox_taken"
_OUTBOX = st.components.v2.component("blastlens_outbox", js=board.script("outbox.js"))


def show() -> None:
    """To be called by the app beside each page: another page keeps it, and what it has to send.

    When a page is left, Streamlit forgets what the components of that page have just sent.
    """
    if person := people.current():
        taken = st.session_state.get(_TAKEN, [])
        _OUTBOX(
            key=_KEY,
            data={"person": person.name, "taken": taken},
            height=0,
            on_unsent_change=take,
        )


def take() -> None:
    """Does what the person who is logged in has sent, and has the browser forget it."""
    from pages.ui.cases import review  # with the database, which other pages do without

    unsent = (st.session_state.get(_KEY) or {}).get("unsent") or {}
    sent = unsent.get("actions", ())
    person = people.current()
    if isinstance(person, Person):
        # Another may have logged in since the browser sent them.
        own = [action for action in board.actions(sent) if action.person == person.name]
        for case_id, of_case in groupby(sorted(own, key=attrgetter("case")), attrgetter("case")):
            review.take(case_id, person, list(of_case))
        st.session_state[_TAKEN] = [
            one.get("key") for one in sent if one.get("person") == person.name
        ]
