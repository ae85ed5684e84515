"""Goes through the cells of a case: the board beside the cell that is looked at."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import streamlit as st

from core.cases import board as case_board
from core.cases import intake, review
from core.cases.board import BY_CALL, ORDERS, Listed, ListedCell
from core.cases.case_store import SIGNED
from core.cases.labels import CALLED
from core.errors import BlastLensError
from core.people import Person
from core.teaching import order as teaching_order
from pages.ui.cases import board, cache, cell, parts
from pages.ui.cases.board import Action, BoardCell
from pages.ui.common.choices import address
from pages.ui.common.text import plain, shown_errors

_HEIGHT = 560  # pixels of the board
# A blind case has none but that of its pictures.
_ORDERS = ORDERS | {teaching_order.NAME: teaching_order.STATEMENT}
_TOLD_SECONDS = 8.0  # that a refusal stands, however fast the reader goes on
_AHEAD = 2  # cells whose pictures are loaded before they are looked at


@dataclass
class ReviewState:
    """What a browser session knows of a case that is gone through.

    acknowledged: the keys of the actions that came last. taken: of all that came. own: versions of
    cells, by identifier, that these have made. problem: why some were refused, and when (s).
    """

    current: str | None = None
    acknowledged: tuple[str, ...] = ()
    taken: set[str] = field(default_factory=set)
    own: set[tuple[str, int]] = field(default_factory=set)
    problem: tuple[str, float] = ("", 0.0)

    def seen(self, cell: str, version: int) -> int:
        """The version of a cell that a reader knows who saw `version` and acted since."""
        while (cell, version + 1) in self.own:
            version += 1
        return version


def look_at(case_id: str, cell_id: str) -> None:
    """Shows a cell on the board; to be called ahead of a run of the page."""
    _state(case_id).current = cell_id
    parts.go_to(parts.REVIEW)


def _state(case_id: str) -> ReviewState:
    state: ReviewState = st.session_state.setdefault(f"review_{case_id}", ReviewState())
    return state


@st.fragment
def show(case_id: str, person: Person) -> None:
    """Shows board and cell; a decision runs this part of the page alone."""
    with shown_errors():
        state = _state(case_id)
        listed = case_board.listed(case_id, person.name)
        if not listed.cells:
            st.info("The case has no cell yet. Add pictures.")
            return
        left, right = st.columns([5, 4], gap="medium")
        with left:
            if state.problem[0]:
                st.warning(plain(state.problem[0]), icon=":material/sync_problem:")
            cells = _show_board(listed, person, state)
        place = next((at for at, one in enumerate(cells) if one.id == state.current), 0)
        current = cells[place]
        with right:
            hidden = listed.case.blind and not current.own
            cell.show(case_board.whole(current.id), hidden=hidden, blind=listed.case.blind)
        for one in cells[place + 1 : place + 1 + _AHEAD]:
            cache.ahead(cell.load, one.id)
        if (
            current.state == review.REVIEW
            and current.seen_by is None
            and listed.case.state != SIGNED
        ):
            review.see(person, case_id, [current.id])


def _show_board(listed: Listed, person: Person, state: ReviewState) -> list[ListedCell]:
    """Shows the board and returns the cells in its order."""
    case, order = listed.case, BY_CALL
    if not case.blind:
        order = st.segmented_control(
            "Order",
            default=BY_CALL,
            required=True,
            label_visibility="collapsed",
            **address.choice("cells_by", "order", list(_ORDERS)),
        )
    rows = (
        teaching_order.rows(listed)
        if order == teaching_order.NAME
        else case_board.rows(listed, order)
    )
    key = f"board_{case.id}"
    shown = [one for _, cells in rows for one in cells]
    if state.current is None:  # begins where others, or this reader, have left off
        left = (one for one in shown if (one.own if case.blind else one.label) is None)
        state.current = next(left, shown[0]).id
    board.show(
        [(title, [_tile(listed, one) for one in cells]) for title, cells in rows],
        partial(_tiles, case.id, listed.cells),
        key,
        case=case.id,
        version=case.version,
        person=person.name,
        current=state.current,
        acknowledged=state.acknowledged,
        locked=case.state == SIGNED,
        blind=case.blind,
        height=_HEIGHT,
        on_said=partial(_hear, case.id, person, state, key),
    )
    if statement := _ORDERS[order]:
        st.caption(statement)
    return shown


def _tile(listed: Listed, one: ListedCell) -> BoardCell:
    blind = listed.case.blind
    hidden = blind and not one.own
    return BoardCell(
        id=one.id,
        name=f"No. {one.number} of {one.picture}",
        note="" if hidden or one.probability is None else f"{one.probability:.0%}",
        call=one.state if one.state in CALLED and not hidden else None,
        label=one.own if blind else one.label,
        by=None if blind else one.label_by,
        version=one.version,
    )


def _tiles(case_id: str, cells: Sequence[ListedCell]) -> dict[str, str]:
    pictures = cache.tiles(case_id, tuple(one.files[intake.CONTEXT] for one in cells))
    return dict(zip((one.id for one in cells), pictures, strict=True))


def _hear(case_id: str, person: Person, state: ReviewState, key: str) -> None:
    said = board.said(key)
    state.current = said.current
    take(case_id, person, said.actions)


def take(case_id: str, person: Person, actions: Sequence[Action]) -> None:
    """Does what a reader has done in a case, in that order, each once.

    After an error that nobody foresaw, the browser sends what came behind it again.
    """
    state = _state(case_id)
    new = [action for action in actions if action.key not in state.taken]
    state.acknowledged = tuple(action.key for action in actions if action not in new)
    problems = []
    for action in new:
        state.acknowledged += (action.key,)
        try:
            sent = review.Sent(action.key, action.version, frozenset(state.taken))
            state.taken.add(action.key)
            if action.kind == board.UNDO:
                made = review.undo(person, case_id, sent)
            else:
                seen = {cell: state.seen(cell, one) for cell, one in action.cells.items()}
                made = review.decide(person, case_id, action.label, seen, sent)
            state.own |= made.items()
        except BlastLensError as error:
            problems.append(str(error))
    now = time.monotonic()
    if problems or (new and now - state.problem[1] > _TOLD_SECONDS):
        state.problem = " ".join(problems), now
