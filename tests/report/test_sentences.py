"""The sentences that open a reading."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.explain.heat_map import scaled
from core.explain.overlay import stamp
from core.explain.trust import SUPPORTED, UNRELIABLE, WEAK, Figures, Judgement
from core.reading.cell_reading import CellReading
from core.reading.description import Description
from core.reading.neighbours import Neighbour
from core.reading.reader import Reader
from core.report import comparison_tables, glossary
from core.report.cell import sentences
from core.runs.run_store import Run


@pytest.fixture(scope="module")
def cell(_workspace: Path, demo_root: Path) -> CellReading:
    reader = Reader(Run(_workspace / "runs" / "run-cnn-16"))
    (reading,) = reader.read(sorted(demo_root.rglob("*.bmp"))[0]).cells
    return replace(reading, call="ALL", leaning="ALL", close=False)


def neighbours(*labels: str) -> tuple[Neighbour, ...]:
    return tuple(Neighbour("a.bmp", label, None, None, 0.1, None) for label in labels)


def test_a_call_says_whether_a_person_should_look(cell: CellReading) -> None:
    assert sentences.advice(cell) == ""
    assert sentences.advice(replace(cell, close=True)) == ", but doubtful: have it looked at"
    assert "leans to ALL" in sentences.advice(replace(cell, call="review", close=True))


def test_only_what_stands_out_is_said(cell: CellReading) -> None:
    usual = Description("texture", 0.02, "Usual chromatin.")
    large = Description("diameter_px", 300, "Large.", brief="large (300 px across)")
    pale = Description("density", 0.1, "Pale stain.", brief="pale stain (density 0.10)")
    assert sentences.unusual(replace(cell, findings=(usual,))) == ""
    assert sentences.unusual(replace(cell, findings=(usual, large, pale))) == (
        "Unusual among its reference cells: large (300 px across) and pale stain (density 0.10)."
    )


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ((), ""),
        (("ALL", "ALL", "HEM"), ""),
        (("ALL", "HEM"), ""),
        (("HEM", "ALL", "HEM"), "2 of the 3 reference cells most like it are HEM."),
        (("HEM", "HEM", "HEM"), "All 3 reference cells most like it are HEM."),
    ],
)
def test_neighbours_that_contradict_the_call_are_remarked_on(
    cell: CellReading, labels: tuple[str, ...], said: str
) -> None:
    assert sentences.contradicted(replace(cell, similar=neighbours(*labels))) == said
    assert sentences.contradicted(replace(cell, similar=None)) == ""


def test_a_scale_bar_is_round_and_at_most_a_third_of_the_picture(cell: CellReading) -> None:
    assert sentences.scale_bar(cell) is None  # C-NMC's pictures have no scale
    side = cell.image.shape[1]
    for um_per_px in (0.03, 0.06, 0.5, 3.0):
        figures = cell.gate.figures | {"um_per_px": um_per_px, "enlargement": 1.0}
        scaled = replace(cell, gate=replace(cell.gate, figures=figures))
        bar = sentences.scale_bar(scaled)
        assert bar is not None
        length, pixels = bar
        assert length == pytest.approx(pixels * um_per_px) and side / 7.5 < pixels <= side / 3
        assert f"{length:e}"[0] in "125" and float(f"{length:.0e}") == pytest.approx(length)


def test_a_picture_of_a_map_that_failed_says_so(cell: CellReading) -> None:
    figures = Figures(1.0, 0.0, 0.0, None)  # type: ignore[arg-type]
    for badge in (SUPPORTED, WEAK, UNRELIABLE):
        judged = Judgement("grad-cam", badge, "", figures)
        stamped = cell.stamped(judged)
        changed = np.flatnonzero((stamped != cell.overlay).any(axis=(1, 2)))
        assert (badge == SUPPORTED) == (not len(changed))
        assert ("passed its checks" in sentences.heat_map(cell, judged)) == (badge == SUPPORTED)
        if len(changed):  # a band along the lower edge
            assert changed.min() > 0.8 * len(stamped) and changed.max() == len(stamped) - 1
    unchecked = Judgement("", WEAK, "No white cell was found.", None)
    assert sentences.heat_map(cell, unchecked) == "The heat map was not checked."
    without = replace(cell, heat_map=scaled(np.zeros((7, 7))))
    assert sentences.heat_map(without, unchecked) == "There is no heat map."


@pytest.mark.parametrize("side", [160, 448])
def test_a_stamp_stays_within_the_picture(side: int) -> None:
    image = np.zeros((side, side, 3), np.uint8)
    stamped = stamp(image, "HEAT MAP: DO NOT RELY ON IT")
    white = np.argwhere((stamped > 200).all(axis=2))
    assert len(white) and not image.any()
    assert white.min() > 0 and white.max() < side - 1


def test_a_term_is_explained_and_an_unknown_one_is_named() -> None:
    assert glossary.explain("HEM").startswith("**HEM**: healthy")
    with pytest.raises(KeyError, match="Blub"):
        glossary.explain("Blub")


def test_every_figure_of_a_comparison_is_explained() -> None:
    assert set(comparison_tables.LABELS.values()) <= set(glossary.TERMS)
