"""Joining lobes: gaps against all pairs of points, what is one cell, many things at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.cells.detection import joining

RED_CELL = 20.0


def discs(*places: tuple[int, int, int], shape: tuple[int, int] = (120, 160)) -> np.ndarray:
    """Parts 1... at (x, y, radius), int32 (H, W)."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    parts = np.zeros(shape, np.int32)
    for number, (x, y, radius) in enumerate(places, 1):
        parts[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = number
    return parts


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1), max_size=8)
)
def testgaps_are_the_least_distances_between_two_outlines(
    places: list[list[tuple[int, int]]],
) -> None:
    outlines = [np.array(points) for points in places]
    expected = []
    for b, second in enumerate(outlines):
        for a, first in enumerate(outlines[:b]):
            apart = np.linalg.norm(first[:, None] - second[None], axis=2).min()
            if apart <= 14:
                expected.append((round(float(apart), 3), a, b))
    found = [(round(gap, 3), a, b) for gap, a, b in joining.gaps(outlines, 14)]
    assert sorted(found) == sorted(expected)


def test_lobes_in_one_cell_are_one_nucleus_and_those_of_two_cells_are_two() -> None:
    parts = discs((40, 40, 7), (58, 40, 7), (100, 40, 7), (118, 40, 7))
    cells = discs((49, 40, 20), (100, 40, 8), (118, 40, 8)) > 0
    joined = joining.gather(parts, np.where(cells, 1, -1).astype(np.float32), RED_CELL)
    assert joined[40, 40] == joined[40, 58]
    assert len({joined[40, x] for x in (40, 100, 118)}) == 3


def test_a_platelet_is_no_nucleus() -> None:
    parts = discs((40, 40, 7), (100, 40, 4))
    joined = joining.gather(parts, np.ones(parts.shape, np.float32), RED_CELL)
    assert joined.max() == 1 and joined[40, 100] == 0


def test_parts_wider_than_a_nucleus_stay_apart_though_the_cell_is_everywhere() -> None:
    parts = discs(*((x, 40, 9) for x in range(12, 150, 25)))
    joined = joining.gather(parts, np.ones(parts.shape, np.float32), RED_CELL)
    for number in range(1, int(joined.max()) + 1):
        columns = np.nonzero((joined == number).any(axis=0))[0]
        assert np.ptp(columns) <= joining.WIDEST * RED_CELL
