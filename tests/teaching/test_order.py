"""The order in which a review teaches a model most."""

from typing import Any

import pytest

from core.cases import board, case_store
from core.cases.tables import CellRow, PictureRow
from core.teaching import order
from tests.factories.decided_cells import CaseMaker

MODEL = {"run": "one", "calibration": {"threshold": 0.5}}
LIMITS = {"one": 2.0}


def cell(name: str, picture: str = "", **columns: Any) -> CellRow:
    """A cell as the model left it: read at P(ALL) = 0.99 and near the training cells."""
    of = PictureRow(id=picture or name, model=MODEL)
    read = {"probability": 0.99, "distance": 0.2, "files": {"cut": "0"}, "adapted": False}
    return CellRow(id=name, picture=of, picture_id=of.id, **(read | columns))


def refused(name: str, code: str = "appearance", **columns: Any) -> CellRow:
    return cell(name, probability=None, distance=None, code=code, **columns)


def test_uncertainty_is_one_bit_at_the_threshold_and_falls_to_both_sides() -> None:
    at = cell("at", probability=0.5)
    assert order.uncertainty(at) == pytest.approx(1)
    assert order.uncertainty(cell("a", probability=0.8)) == pytest.approx(0.7219, abs=1e-4)
    assert order.uncertainty(cell("b", probability=0.2)) == pytest.approx(0.7219, abs=1e-4)
    at.picture.model = {"run": "one", "calibration": {"threshold": 0.8}}
    assert order.uncertainty(at) == pytest.approx(0.7219, abs=1e-4)


def test_unlikeness_is_the_share_of_the_limit() -> None:
    assert order.unlikeness(cell("a", distance=0.5), LIMITS) == pytest.approx(0.25)
    assert order.unlikeness(cell("b", distance=9.0), LIMITS) == 1
    assert order.unlikeness(refused("c", "known"), LIMITS) == 1
    assert order.unlikeness(cell("d"), {}) == 0


def test_refused_as_unlike_come_first_then_unsure_then_sure_then_what_cannot_be_taught() -> None:
    cells = [
        cell("sure"),
        refused("blurred", "sharp"),
        cell("decided", probability=0.9, distance=1.0, label="ALL"),
        cell("unsure", probability=0.5),
        refused("border", "border", files={}),
        refused("unlike"),
        cell("far", probability=0.9, distance=1.8),
    ]
    found = order.by_worth(cells, LIMITS)
    assert found.cells == ("unlike", "far", "unsure", "decided", "sure", "blurred", "border")
    assert "not an order of suspicion" in found.statement


def test_pictures_take_turns() -> None:
    cells = [refused(f"a{n}", picture="a") for n in range(3)] + [refused("b0", picture="b")]
    assert order.by_worth(cells, {}).cells[:2] == ("a0", "b0")


def test_a_case_read_by_a_model_that_is_gone_is_ordered(make_case: CaseMaker) -> None:
    case = case_store.get(make_case("one", [None, "ALL", None], sign=False))
    found = order.of_case(case).cells
    assert sorted(found) == sorted(cell.id for cell in case.cells)
    ((title, listed),) = order.rows(board.listed(case.id, "Supervisor"))
    assert title == "Teaches most first" and tuple(cell.id for cell in listed) == found
