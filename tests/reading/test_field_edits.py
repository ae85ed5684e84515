"""Cells of a field that a person adds, removes or draws anew."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from core.cells.detection.detect import Field
from core.cells.detection.tiles import Whole
from core.errors import DataError
from core.reading.fields.edits import Edit, mark
from core.reading.fields.reader import read_field
from core.reading.fields.reading import CUT, FieldReading
from core.reading.reader import Reader
from tests.factories.small_fields import UM_PER_PX, around, states


def test_removing_a_cell_reads_none_anew(
    reader: Reader,
    image: np.ndarray,
    field: Field,
    reading: FieldReading,
    engine_saw: list[int],
) -> None:
    edits = (Edit("remove", 2),)
    after = read_field(reader, Whole(image), field, "field.png", edits=edits, before=reading)
    assert engine_saw == [] and [one.number for one in after.cells] == [1, 3, 4, 5, 6]
    assert {n: s for n, s in states(reading).items() if n != 2} == states(after)


def test_an_added_cell_gets_a_number_of_its_own_and_is_the_only_one_read(
    reader: Reader, image: np.ndarray, field: Field, engine_saw: list[int]
) -> None:
    missing, *others = (cell for cell in field.cells if not cell.touches_border)
    known = replace(field, cells=tuple(others))
    before = read_field(reader, Whole(image), known, "field.png")
    engine_saw.clear()
    edits = (Edit("add", None, around(missing)),)
    after = read_field(reader, Whole(image), known, "field.png", edits=edits, before=before)
    assert len(engine_saw) == 1 and engine_saw[0] <= 1
    added = after.cells[-1]
    assert added.number == len(others) + 1 and added.marked.user_drawn
    x, y, w, h = (max(0, side) for side in missing.bbox)
    a, b, c, d = added.cell.bbox
    across = min(x + w, a + c) - max(x, a)
    down = min(y + h, b + d) - max(y, b)
    assert across * down > 0.6 * w * h
    assert after.cells[:-1] == before.cells


def test_a_redrawn_cell_keeps_its_number_and_is_the_only_one_read(
    reader: Reader, image: np.ndarray, field: Field, reading: FieldReading, engine_saw: list[int]
) -> None:
    number = next(one.number for one in reading.cells if one.state != CUT)
    edits = (Edit("redraw", number, around(field.cells[number - 1])),)
    after = read_field(reader, Whole(image), field, "field.png", edits=edits, before=reading)
    assert len(engine_saw) == 1 and engine_saw[0] <= 1
    assert after.find(number).marked.user_drawn
    same = [(a, b) for a, b in zip(after.cells, reading.cells, strict=True) if a.number != number]
    assert all(a == b for a, b in same) and len(same) == 5


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ((Edit("remove", 9),), "no cell No. 9"),
        ((Edit("remove", 1), Edit("redraw", 1, (0, 0, 50, 50))), "no cell No. 1"),
        ((Edit("add", None, (10, 10, 3, 3)),), "leaves less than"),
        ((Edit("add", None, (700, 10, 50, 50)),), "leaves less than"),
        ((Edit("move", 1),), "is not an edit"),
    ],
)
def test_an_edit_that_cannot_be_made_says_why(
    image: np.ndarray, field: Field, edits: Sequence[Edit], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        mark(field, Whole(image), edits, UM_PER_PX)


def test_a_cell_is_not_counted_twice_and_empty_glass_is_no_cell(
    image: np.ndarray, field: Field
) -> None:
    number, cell = next((n, c) for n, c in enumerate(field.cells, 1) if not c.touches_border)
    with pytest.raises(DataError, match=f"lies cell No. {number}"):
        mark(field, Whole(image), (Edit("add", None, around(cell)),), UM_PER_PX)
    glass = np.full_like(image, 225)
    with pytest.raises(DataError, match="stained like a nucleus"):
        mark(field, Whole(glass), (Edit("add", None, (100, 100, 80, 80)),), UM_PER_PX)
