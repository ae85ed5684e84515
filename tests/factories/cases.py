"""Cases of drawn pictures with cells as a model would have read them; no model is needed."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from core.cases import case_store
from core.cases.intake import CONTEXT, CUT, FIELD, HEAT, NOT_JUDGED, ReadCell, ReadPicture
from core.cases.review import REVIEW
from core.cases.tables import CaseRow
from core.data.pixel_cache import CELL, IMAGE
from core.people import Person, own_machine
from core.reading.fields import reading

READER = own_machine("reader one")
SECOND = Person("reader two", verified=True, roles=frozenset({"supervisor"}))
STATES = ("ALL", "HEM", REVIEW, reading.NOT_READ, reading.CUT)
MODEL = {"run": "drawn", "engine_sha256": "e" * 64, "calibration": {}, "blastlens": "0"}
ACROSS, PITCH, RADIUS = 4, 80, 24  # cells a row, and their distance and size in pixels
_PALE, _PURPLE = (236, 224, 228), (122, 78, 160)
_PROBABILITIES = {"ALL": 0.93, "HEM": 0.08, REVIEW: 0.55}


def make(
    pictures: Sequence[ReadPicture] | None = None,
    *,
    name: str = "Case 1",
    person: Person = READER,
    minimum_cells: int = 200,
    blind: bool = False,
) -> str:
    """Creates a case of these pictures, or of one field of `STATES`; returns its identifier."""
    case_id = case_store.create(person, name, minimum_cells=minimum_cells, blind=blind)
    case_store.add(person, case_id, [field()] if pictures is None else pictures)
    return case_id


def versions(case: CaseRow, *numbers: int) -> dict[str, int]:
    """The versions of a case's cells by identifier, as decisions take them; all if no numbers."""
    return {cell.id: cell.version for cell in case.cells if not numbers or cell.number in numbers}


def field(
    states: Sequence[str] = STATES,
    *,
    name: str = "field.png",
    um_per_px: float | None = 0.25,
    seed: int = 0,
    model: dict[str, Any] = MODEL,
) -> ReadPicture:
    """A field with one drawn cell for each state; `seed` makes its pixels differ from others'."""
    rows = -(-len(states) // ACROSS)
    image = _background((max(1, rows) * PITCH, ACROSS * PITCH), seed)
    cells = []
    for number, state in enumerate(states, start=1):
        row, column = divmod(number - 1, ACROSS)
        middle = (column * PITCH + PITCH // 2, row * PITCH + PITCH // 2)
        line = _draw(image, middle)
        around = image[middle[1] - 36 : middle[1] + 36, middle[0] - 36 : middle[0] + 36]
        cells.append(_cell(number, state, line, around.copy()))
    facts = {"scale_by": None if um_per_px is None else "given", "um_per_px": um_per_px}
    return _picture(image, FIELD, name, tuple(cells), seed, model, facts)


def single(
    state: str = "ALL",
    *,
    name: str = "cell.png",
    seed: int = 0,
    model: dict[str, Any] = MODEL,
    kind: str = CELL,
) -> ReadPicture:
    """A picture of one drawn cell, or one that was read whole."""
    image = _background((96, 96), seed)
    line = _draw(image, (48, 48))
    cells = (_cell(1, state, line, image.copy()),)
    return _picture(image, kind, name, cells, seed, model, {"um_per_px": None, "scale_by": None})


def whole(state: str = "ALL", *, name: str = "whole.png", seed: int = 0) -> ReadPicture:
    """A picture that a model of whole images has read."""
    return single(state, name=name, seed=seed, model=MODEL | {"run": "of images"}, kind=IMAGE)


def _background(shape: tuple[int, int], seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-6, 7, (*shape, 3))
    return (np.array(_PALE) + noise).clip(0, 255).astype(np.uint8)


def _draw(image: np.ndarray, middle: tuple[int, int]) -> list[list[int]]:
    """Draws a cell and returns its closed outline."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    line = np.round(np.array(middle) + RADIUS * around).astype(np.int32)
    cv2.fillPoly(image, [line], _PURPLE)
    return [[int(x), int(y)] for x, y in (*line, line[0])]


def _cell(number: int, state: str, line: list[list[int]], around: np.ndarray) -> ReadCell:
    corners = np.array(line)
    x, y = corners.min(axis=0)
    width, height = corners.max(axis=0) - (x, y) + 1
    probability = _PROBABILITIES.get(state)
    columns: dict[str, Any] = {
        "number": number,
        "bbox": [int(x), int(y), int(width), int(height)],
        "outline": line,
        "area_px": round(np.pi * RADIUS**2),
        "state": state,
        "leaning": None if probability is None else "ALL" if probability >= 0.5 else "HEM",
        "probability": probability,
        "low": None if probability is None else round(probability - 0.05, 3),
        "high": None if probability is None else round(probability + 0.04, 3),
        "logit": None if probability is None else float(np.log(probability / (1 - probability))),
        "code": None,
        "reason": reading.BAND if state == REVIEW else "",
        "adapted": False,
        "badge": NOT_JUDGED if probability is None else "supported: drawn so.",
        "similar": [],
        "distance": None if probability is None else 0.1 * number,
    }
    images = {CONTEXT: around}
    if probability is None:
        refused = reading.BORDER if state == reading.CUT else reading.LATER
        columns |= {"code": refused.code, "reason": refused.sentence}
    else:
        heat = around.copy()
        heat[: heat.shape[0] // 2, :, 1] = 255
        images |= {CUT: around, HEAT: heat}
    return ReadCell(columns, images)


def _picture(
    image: np.ndarray,
    kind: str,
    name: str,
    cells: tuple[ReadCell, ...],
    seed: int,
    model: dict[str, Any],
    facts: dict[str, Any],
) -> ReadPicture:
    height, width = image.shape[:2]
    columns = {
        "name": name,
        "kind": kind,
        "input_sha256": f"{seed:064x}",
        "width": width,
        "height": height,
        "reason": None,
        "model": model,
    }
    return ReadPicture(image, columns | facts, cells)
