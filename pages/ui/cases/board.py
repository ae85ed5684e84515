"""The board of a case's cells, on which a reader decides by key or click: see board.js."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_FOLDER = Path(__file__).parent


def script(name: str) -> str:
    """The script of a component that knows what is unsent: see unsent.js."""
    return "".join((_FOLDER / one).read_text(encoding="utf-8") for one in ("unsent.js", name))


_BOARD = st.components.v2.component(
    "blastlens_board",
    js=script("board.js"),
    css=(_FOLDER / "board.css").read_text(encoding="utf-8"),
)
DECIDE, UNDO = "decide", "undo"


@dataclass(frozen=True)
class BoardCell:
    """A cell on the board.

    note: one line below it. call: ALL or HEM if the model said so, and the
    reader may know. label: what was decided, and by whom. version: as decisions take it.
    """

    id: str
    name: str
    note: str
    call: str | None
    label: str | None
    by: str | None
    version: int


@dataclass(frozen=True)
class Action:
    """What a reader did in a case: decide cells to be `label`, or undo.

    person: the name of the reader. key: no other action has it. version: of the case that the board
    showed. cells: the versions of those that it showed, by identifier.
    """

    case: str
    person: str
    key: str
    version: int
    kind: str
    label: str
    cells: Mapping[str, int]


def actions(documents: Sequence[Mapping[str, Any]]) -> tuple[Action, ...]:
    """What a browser has sent. What is no action, as one that another version kept, is left out."""
    found = []
    for one in documents:
        with suppress(KeyError, TypeError, ValueError, AttributeError, OverflowError):
            found.append(
                Action(
                    str(one["case"]),
                    str(one["person"]),
                    str(one["key"]),
                    int(one["version"]),
                    str(one["kind"]),
                    str(one.get("label", "")),
                    {str(cell): int(version) for cell, version in one.get("cells", {}).items()},
                )
            )
    return tuple(found)


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
    case: str,
    version: int,
    person: str,
    current: str | None,
    acknowledged: Sequence[str],
    locked: bool,
    blind: bool,
    height: int,
    on_said: Callable[[], None],
) -> None:
    """Shows rows of cells with their titles, in a frame of `height` pixels.

    `pictures` returns a data URL by cell; the browser gets them once. `current` is the first cell
    looked at; `acknowledged` are the keys of the actions that came last, which were taken. `locked`
    boards take no decisions, `blind` ones have no "confirm". `on_said` is called when the reader
    has moved or acted: see `said`.
    """
    shown = [{"title": title, "cells": [asdict(cell) for cell in cells]} for title, cells in rows]
    with st.container(height=height, border=True):
        _BOARD(
            key=key,
            data={
                "rows": shown,
                "pictures": None if said(key).has_pictures else dict(pictures()),
                "case": case,
                "version": version,
                "person": person,
                "current": current,
                "acknowledged": list(acknowledged),
                "locked": locked,
                "blind": blind,
            },
            on_said_change=on_said,
        )


def said(key: str) -> Said:
    """What the reader has said last on the board with that key."""
    state: Mapping[str, Any] = st.session_state.get(key) or {}
    document = state.get("said") or {}
    acted = actions(document.get("actions", ()))
    return Said(document.get("current"), acted, bool(document.get("has_pictures")))
