"""Burst cells, told from the others of their field."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.cells.detection.detect import Cell, compared, detect
from core.cells.detection.red_cells import RED_CELL_UM
from core.cells.detection.smudges import FEWEST, smudged
from core.cells.detection.tiles import Whole, detect_tiled
from core.data.synthetic.smear_field import draw_field

WHOLE = [(0.8, 0.5), (0.7, 0.5), (0.9, 0.48), (0.8, 0.52)]


def told(*cells: tuple[float, float]) -> list[bool]:
    purple, red_share = np.array(cells, float).reshape(-1, 2).T
    return [bool(it) for it in smudged(purple, red_share)]


def test_only_what_is_both_paler_and_less_blue_than_the_others_burst():
    assert told(*WHOLE, (0.5, 0.35)) == [False] * 4 + [True]
    assert told(*WHOLE, (0.3, 0.5)) == [False] * 5  # a blast: pale, but as blue
    assert told(*WHOLE, (0.8, 0.3)) == [False] * 5  # pink, but dense
    assert told() == []


def test_stronger_stain_or_another_camera_changes_nothing():
    cells = [*WHOLE, (0.5, 0.35)]
    assert told(*((3 * a, 0.6 * b) for a, b in cells)) == told(*cells)


def test_too_few_cells_say_nothing():
    few = [*WHOLE[: FEWEST - 2], (0.2, 0.1)]
    assert len(few) < FEWEST and not any(told(*few))


def field_with(colour: tuple[int, int, int]) -> np.ndarray:
    """Four dark violet nuclei, and one of `colour`."""
    image = np.full((200, 700, 3), 235, np.uint8)
    for number in range(5):
        middle = 80 + 135 * number, 100
        cv2.circle(image, middle, 38, (190, 175, 215), -1, cv2.LINE_AA)
        shown = colour if number == 2 else (95, 50, 140)
        cv2.circle(image, middle, 30, shown, -1, cv2.LINE_AA)
    return image


@pytest.mark.parametrize(
    ("colour", "burst"), [((95, 50, 140), False), ((190, 90, 190), True), ((112, 62, 145), False)]
)
def test_a_pale_pink_nucleus_among_dark_ones_is_marked(colour, burst):
    image = field_with(colour)
    for field in (
        detect(image, um_per_px=RED_CELL_UM / 42),
        detect_tiled(Whole(image), um_per_px=RED_CELL_UM / 42, tile=300),
    ):
        cells = sorted(field.cells, key=lambda cell: cell.bbox)
        assert [cell.smudged for cell in cells] == [False, False, burst, False, False]


@pytest.mark.slow
def test_no_drawn_cell_is_marked():
    for seed in range(3):
        field = detect(draw_field(seed=seed, blasts=3, lymphocytes=3, scale=0.4).image)
        assert len(field.cells) >= FEWEST and not any(cell.smudged for cell in field.cells)


def test_marking_keeps_order_and_all_else():
    mask = np.ones((4, 4), bool)
    cells = [
        Cell((n, 0, 4, 4), mask, mask, 16, 1.0, False, *values)
        for n, values in enumerate([*WHOLE, (0.5, 0.35)])
    ]
    marked = compared(cells)
    assert [cell.smudged for cell in marked] == [False] * 4 + [True]
    assert [replace(cell, smudged=False).bbox for cell in marked] == [cell.bbox for cell in cells]
