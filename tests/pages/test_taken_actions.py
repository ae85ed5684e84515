"""What a browser sends from the board of a case is taken."""

import pytest
import streamlit as st

from core.cases import case_store, review
from core.people import own_machine
from pages.ui.cases import board, outbox
from pages.ui.cases import review as case_review
from pages.ui.cases.board import Action
from tests.factories import cases


def test_a_refusal_stands_while_the_reader_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = cases.make([cases.field(("ALL", "ALL"))])
    case = case_store.get(case_id)
    first, second = (cell.id for cell in case.cells)
    review.decide(cases.SECOND, case_id, "HEM", {first: 0})
    acts = iter("abcd")

    def act(cell: str, version: int) -> str:
        key = next(acts) * 32
        sent = Action(case_id, "Dr One", key, case.version, "decide", "ALL", {cell: version})
        case_review.take(case_id, own_machine("Dr One"), [sent])
        said: str = st.session_state[f"review_{case_id}"].problem[0]
        return said

    assert "is HEM, by reader two" in act(first, 0)
    assert "is HEM, by reader two" in act(second, 0)  # which was taken
    monkeypatch.setattr(case_review.time, "monotonic", lambda: 1e9)
    assert act(second, 0) == ""  # its own decision is no other's
    assert [cell.label for cell in case_store.get(case_id).cells] == ["HEM", "ALL"]


def test_an_error_that_nobody_foresaw_loses_nothing_that_came_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case_id = cases.make([cases.field(("ALL", "ALL", "ALL"))])
    case = case_store.get(case_id)
    sent = [
        Action(case_id, "Dr One", key * 32, case.version, "decide", "HEM", {cell.id: 0})
        for key, cell in zip("abc", case.cells, strict=True)
    ]

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(review, "decide", fails)
        with pytest.raises(ZeroDivisionError):
            case_review.take(case_id, own_machine("Dr One"), sent)
    # What the browser has not been told to forget it sends again.
    told = st.session_state[f"review_{case_id}"].acknowledged
    again = [action for action in sent if action.key not in told]
    assert again == sent[1:]
    case_review.take(case_id, own_machine("Dr One"), again)
    assert [cell.label for cell in case_store.get(case_id).cells] == [None, "HEM", "HEM"]


def test_nobody_is_made_to_decide_what_another_has_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = cases.make([cases.field(("ALL", "ALL"))])
    case = case_store.get(case_id)
    sent = [
        {"case": case_id, "person": f"Dr {name}", "key": key * 32, "version": case.version}
        | {"kind": "decide", "label": "ALL", "cells": {cell.id: 0}}
        for name, key, cell in zip(("One", "Two"), "ab", case.cells, strict=True)
    ]
    kept_before = {"person": "Dr Two", "key": "c" * 32, "n": 1}
    monkeypatch.setattr(outbox.people, "current", lambda: own_machine("Dr Two"))
    unsent = {"unsent": {"actions": [*sent, kept_before]}}
    monkeypatch.setitem(st.session_state, "outbox", unsent)
    outbox.take()
    assert [cell.label for cell in case_store.get(case_id).cells] == [None, "ALL"]
    assert st.session_state["outbox_taken"] == ["b" * 32, "c" * 32]


@pytest.mark.parametrize(
    "wrong", [{"version": "x"}, {"version": float("inf")}, {"cells": [1]}, {"cells": {"a": None}}]
)
def test_what_is_no_action_is_left_out(wrong: dict[str, object]) -> None:
    sent = {"case": "c", "person": "Dr One", "key": "a" * 32, "version": 1, "kind": "undo"}
    assert board.actions([sent | wrong, sent]) == (
        Action("c", "Dr One", "a" * 32, 1, "undo", "", {}),
    )
