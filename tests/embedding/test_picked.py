"""Outlines on a map: which cells are inside, and the text of a link that gives the same ones."""

import numpy as np
import pandas as pd
import pytest

from core.embedding import picked

# A grid of 11 by 11 cells, a unit apart, whose corner lies at (5, -20).
PLACED = pd.DataFrame([(5.0 + n % 11, -20.0 + n // 11) for n in range(121)], columns=["x", "y"])
SQUARE = np.array([(5.5, -19.5), (8.5, -19.5), (8.5, -17.5), (5.5, -17.5)])  # 3 by 2 cells


def test_the_cells_inside_an_outline_are_picked() -> None:
    found = picked.drawn("map", [SQUARE], PLACED)
    assert found.rows(PLACED).tolist() == [12, 13, 14, 23, 24, 25]
    np.testing.assert_allclose(found.places(PLACED)[0], SQUARE)
    far = SQUARE + np.array([100, 0])
    assert picked.drawn("map", [far], PLACED).rows(PLACED).tolist() == []
    both = picked.drawn("map", [SQUARE, np.array([(14.5, -10.5), (16, -10.5), (15, -9)])], PLACED)
    assert both.rows(PLACED).tolist() == [12, 13, 14, 23, 24, 25, 120]


def test_a_hollow_outline_picks_what_is_within_its_line_alone() -> None:
    # The letter U: its gap is outside.
    letter = np.array(
        [
            (4, -21),
            (10.5, -21),
            (10.5, -9),
            (8.5, -9),
            (8.5, -18.5),
            (6.5, -18.5),
            (6.5, -9),
            (4, -9),
        ]
    )
    rows = picked.drawn("map", [letter], PLACED).rows(PLACED)
    expected = [
        row
        for row, (x, y) in enumerate(zip(PLACED["x"], PLACED["y"], strict=True))
        if x < 6.5 or 8.5 < x < 10.5 or (x < 10.5 and y < -18.5)
    ]
    assert rows.tolist() == expected


def test_a_link_gives_the_same_cells_and_stays_short() -> None:
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 700)
    reach = 4 + 0.3 * np.sin(9 * angles) + rng.normal(0, 0.02, 700)
    lasso = np.column_stack((10 + reach * np.cos(angles), -15 + reach * np.sin(angles)))
    found = picked.drawn("a1b2c3d4", [lasso], PLACED)
    assert len(found.text) < 500 and len(found.outlines[0]) <= picked.MOST_POINTS
    again = picked.parse(found.text, "a1b2c3d4")
    assert again is not None and again.text == found.text
    assert again.rows(PLACED).tolist() == found.rows(PLACED).tolist()
    near = np.hypot(PLACED["x"] - 10, PLACED["y"] + 15)
    assert (
        set(np.flatnonzero(near < 3.6))
        <= set(found.rows(PLACED))
        <= set(np.flatnonzero(near < 4.4))
    )
    assert picked.drawn("a1b2c3d4", [], PLACED).text == ""


@pytest.mark.parametrize(
    "text",
    [
        *("", "map", "other~1_2_3_4_5_6", "map~1_2_3_4", "map~1_2_3_4_5", "map~1_2_3_4_5_x"),
        *("map~~", f"map~{'_'.join('1' * 200)}", "map" + 9 * "~1_2_3_4_5_6"),
        "map~1_2_3_4_5_6_7777777_8",
    ],
)
def test_a_text_of_another_map_or_of_none_picks_nothing(text: str) -> None:
    assert picked.parse(text, "map") is None
    assert picked.parse("map~1_2_3_4_5_6", "map") is not None


def test_cells_that_all_lie_in_one_place_can_be_picked() -> None:
    same = PLACED.assign(x=1.0, y=2.0)
    around = np.array([(0, 1), (2, 1), (2, 3), (0, 3)], float)
    assert len(picked.drawn("map", [around], same).rows(same)) == 121
