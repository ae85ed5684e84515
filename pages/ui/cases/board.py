"""The board of a case's cells, on which a reader decides by key or click: see board.js."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent
_BOARD = st.components.v2.component(
    "blastlens_board",
    js=(_FOLDER / "board.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "board.css").read_text(encoding="utf-8"),
)
DECIDE, UNDO = "decide", "undo"


@dataclass(frozen=True)
class BoardCell:
    """A cell on the board.

    note: one line below it. call: ALL or HEM if the model said so, and the
    reader may know. label: what was decided, and by whom.
    """

    id: str
    name: str
    note: str
    call: str | None
    label: str | None
    by: str | None


@dataclass(frozen=True)
class Action:
    """What a reader did: decide cells to be `label`, or undo. n: counts from 1 in a session."""

    n: int
    kind: str
    label: str = ""
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """The cell that the reader looks at, and the actions that were not acknowledged yet.

    has_pictures: whether the browser has the pictures of the cells.
    """

    current: str | None
    actions: tuple[Action, ...]
    has_pictures: bool


def show(
    rows: Sequence[tuple[str, Sequence[BoardCell]]],
    pictures: Callable[[], Mapping[str, str]],
    key: str,
    *,
    person: str,
    current: str | None,
    acknowledged: int,
    locked: bool,
    blind: bool,
    height: int,
    on_said: Callable[[], None],
) -> None:
    """Shows rows of cells with their titles, in a frame of `height` pixels.

    `pictures` returns a data URL by cell; the browser gets them once. `current` is the first cell
    looked at; `acknowledged` the number of the last action that was taken. `locked` boards take no
    decisions, `blind` ones have no "confirm". `on_said` is called when the reader has moved or
    acted: see `said`.
    """
    shown = [{"title": title, "cells": [asdict(cell) for cell in cells]} for title, cells in rows]
    with st.container(height=height, border=True):
        _BOARD(
            key=key,
            data={
                "rows": shown,
                "pictures": None if said(key).has_pictures else dict(pictures()),
                "person": person,
                "current": current,
                "acknowledged": acknowledged,
                "locked": locked,
                "blind": blind,
            },
            on_said_change=on_said,
        )


def said(key: str) -> Said:
    """What the reader has said on the board with that key since it was acknowledged."""
    state: Mapping[str, Any] = st.session_state.get(key) or {}
    document = state.get("said") or {}
    actions = tuple(
        Action(one["n"], one["kind"], one.get("label", ""), tuple(one.get("cells", ())))
        for one in document.get("actions", ())
    )
    return Said(document.get("current"), actions, bool(document.get("has_pictures")))
