"""The limits of a reading: the gravest first, and none lost."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.reading.cell_reading import CellReading
from core.reading.neighbours import Seen
from core.reading.reader import Reader
from core.report.cell.limits import NO_INTERVAL, limits
from core.report.cell.track_record import RecordInWords
from core.runs.calibration import Calibration, Review
from core.runs.run_store import Run

RECORD = RecordInWords(
    {"ALL": "Calls.", "HEM": "Calls.", "review": "Calls."}, "Off.", "Real.", None
)
NONE = RecordInWords({}, "", "", None)


@pytest.fixture(scope="module")
def cell(request: pytest.FixtureRequest, demo_root: Path) -> CellReading:
    run: Run = request.getfixturevalue("_workspace") and Run(
        request.getfixturevalue("_workspace") / "runs" / "run-cnn-16"
    )
    (reading,) = Reader(run).read(sorted(demo_root.rglob("*.bmp"))[0]).cells
    return replace(reading, interval=(0.2, 0.8), close=False, call="ALL", seen=None)


def with_seen(cell: CellReading, part: str) -> CellReading:
    return replace(cell, seen=Seen(part=part, image_id="a.bmp", exact=True))


def test_nothing_limits_a_reading_without_a_limit(cell: CellReading) -> None:
    fitted = Calibration(temperature=1.0, threshold=0.5, reason="")
    assert limits(replace(cell, gate=replace(cell.gate, unchecked={})), fitted, NONE) == []


def test_the_gravest_is_first_and_all_are_said(cell: CellReading) -> None:
    band = Review(low=0.0, high=1.0)
    fitted = Calibration(temperature=1.0, threshold=0.5, reason="", review=band)
    gate = replace(cell.gate, unchecked={"scale": "No scale.", "known": "No scale."})
    worst = replace(cell, gate=gate, interval=None, call="review")
    for part, place in (("train", 0), ("validation", 2), ("test", -1)):
        said = limits(with_seen(worst, part), fitted, RECORD)
        assert len(said) == 7 and "a.bmp" in said[place]
        rest = [text for text in said if "a.bmp" not in text]
        assert "review band" in rest[0] and rest[1] == "Real."
        assert rest[2:] == ["Not all was checked. No scale.", "Off.", "Calls.", NO_INTERVAL]
