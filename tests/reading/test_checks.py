"""The checks before a reading, in their order, each with its own reason and way out."""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.data.geometry import window
from core.data.images import decode, encode
from core.reading.checked_picture import CheckedPicture, Gate, examine
from core.reading.checks import CHECKS
from core.reading.reader import Reader
from tests.conftest import PROJECT

PURPLE = (90, 40, 110)


def judge(reader: Reader, image: np.ndarray) -> Gate:
    return reader.read(encode(image), "picture.png").gate


def on_black(
    *discs: tuple[int, int, int], side: int = 450, colour: tuple = PURPLE, grain: float = 60
) -> np.ndarray:
    """Grainy discs (x, y, radius) on black."""
    rng = np.random.default_rng(0)
    shape = np.zeros((side, side), np.uint8)
    for x, y, radius in discs:
        cv2.circle(shape, (x, y), radius, 1, cv2.FILLED)
    noise = cv2.GaussianBlur(rng.normal(0, grain + 1e-9, (side, side)), (0, 0), 2)[:, :, None]
    return (np.clip(np.array(colour) + noise, 20, 255) * shape[:, :, None]).astype(np.uint8)


@pytest.mark.parametrize(
    ("picture", "code", "words"),
    [
        (on_black(), "stained", "the image is black"),
        (np.full((450, 450, 3), 230, np.uint8), "stained", "no stained white cell"),
        (
            np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8),
            "stained",
            "no stained white cell",
        ),
        (on_black((225, 225, 100), colour=(255, 255, 255)), "stained", "purple"),
        (on_black((225, 225, 100), colour=(40, 160, 60)), "stained", "purple"),
        (on_black((225, 225, 100), colour=(90, 90, 90)), "stained", "purple"),
        (on_black((225, 225, 100), grain=0), "stained", "one even colour"),
        (on_black((130, 225, 80), (320, 225, 80)), "field", "more than one region"),
        (on_black((225, 225, 20)), "scale", "smaller than any cell"),
        (on_black((270, 270, 235), side=540), "scale", "larger than any cell"),
    ],
)
def test_what_is_no_single_stained_cell_is_refused_with_its_reason_and_a_way_out(
    reader: Reader, picture: np.ndarray, code: str, words: str
) -> None:
    reading = reader.read(encode(picture), "picture.png")
    assert reading.kind == "refused" and reading.cells == ()
    assert (reading.gate.code, reading.gate.passed) == (code, False)
    assert words in (reading.gate.reason or "")
    assert reading.gate.way_out and reading.reason == reading.gate.sentence
    before = list(CHECKS)[: list(CHECKS).index(code)]
    assert list(reading.gate.checks) == before  # those after it were not made


def test_files_that_give_no_picture_are_the_first_refusals(reader: Reader) -> None:
    assert reader.read(b"no picture", "a.png").gate.code == "unreadable"
    assert reader.read(encode(on_black((9, 9, 8), side=20)), "b.png").gate.code == "too small"


def test_a_usual_cell_passes_every_check_in_their_order(reader: Reader, cell: np.ndarray) -> None:
    gate = judge(reader, cell)
    assert gate.passed and gate.sentence is None
    assert list(gate.checks) == list(CHECKS) and gate.unchecked == {}
    figures = gate.figures
    assert figures["least_diameter_px"] < figures["diameter_px"] < figures["most_diameter_px"]
    assert figures["focus"] >= figures["least_focus"]
    assert 0 <= figures["distance"] <= figures["distance_limit"] <= 2
    assert gate.cell_share == figures["cell_share"] > 0.02


def test_a_cell_is_refused_at_another_scale_blurred_cut_off_or_overexposed(
    reader: Reader, cell: np.ndarray
) -> None:
    small = cv2.resize(cell, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    assert judge(reader, small).code == "scale"
    blurred = cv2.GaussianBlur(cell, (0, 0), 6) * (cell.max(axis=2, keepdims=True) > 16)
    assert judge(reader, blurred).code == "sharp"
    rows = np.flatnonzero(cell.max(axis=(1, 2)) > 16)
    cut = cell[rows[0] + (rows[-1] - rows[0]) // 4 :]
    gate = judge(reader, cut)
    assert gate.code == "sharp" and "cut off" in (gate.reason or "")
    bright = np.where(cell > 16, np.clip(cell.astype(int) * 4, 0, 255), cell).astype(np.uint8)
    assert not judge(reader, bright).passed


def test_a_tight_crop_is_not_taken_for_a_cell_that_is_cut_off(
    reader: Reader, cell: np.ndarray
) -> None:
    y, x = np.nonzero(cell.max(axis=2) > 16)
    tight = cell[y.min() : y.max() + 1, x.min() : x.max() + 1]
    gate = judge(reader, tight)
    assert gate.code != "sharp", gate.reason
    assert 0 < gate.figures["cut_off"] <= 0.35


def test_a_cell_beside_the_middle_is_moved_there_and_read_as_if_it_had_stood_there(
    reader: Reader, cell: np.ndarray
) -> None:
    wide = np.zeros((1200, 1200, 3), np.uint8)
    wide[700:1150, 700:1150] = window(cell, 450)
    reading = reader.read(encode(wide), "wide.png")
    assert reading.prepared is not None and "Moved to the middle" in reading.prepared.words[0]
    assert reading.picture is not None and reading.picture.shape == (448, 448, 3)
    x, y, w, h = reading.cells[0].bbox
    assert x >= 700 and y >= 700 and x + w <= 1150 and y + h <= 1150  # in the picture as it came
    there = reader.read(encode(cell), "cell.png").cells[0]
    # Not by its frame but by its box: that may be some pixels aside.
    assert reading.cells[0].logit == pytest.approx(there.logit, abs=0.5)


def test_what_an_older_run_did_not_keep_is_said_not_passed_over(
    reader: Reader, cell: np.ndarray
) -> None:
    subject = CheckedPicture(cell, reader._geometry, None, reader._engine)
    gate = examine(subject, CHECKS)
    assert gate.passed and set(gate.unchecked) == {"scale", "sharp", "appearance", "known"}
    assert all("train it again" in why for why in gate.unchecked.values())
    assert set(gate.checks) == set(CHECKS) - set(gate.unchecked)


@pytest.mark.parametrize("by", [0.1, 1e-5])
def test_a_distance_just_beyond_its_limit_is_told_apart_from_it(
    by: float, reader: Reader, cell: np.ndarray
) -> None:
    assert reader._reference is not None
    limit = judge(reader, cell).figures["distance"] - by
    kept = replace(reader._reference, limit=limit)
    gate = examine(CheckedPicture(cell, reader._geometry, kept, reader._engine), CHECKS)
    said = re.search(r"distance (\d\.\d\d+), at most (-?\d\.\d\d+)\)", gate.reason or "")
    assert said is not None and float(said[1]) > float(said[2])


def test_a_model_without_a_limit_says_why(reader: Reader, cell: np.ndarray) -> None:
    assert reader._reference is not None
    kept = replace(reader._reference, limit=None, reason="there are cells of 1 groups")
    gate = examine(CheckedPicture(cell, reader._geometry, kept, reader._engine), CHECKS)
    assert gate.passed and gate.unchecked == {"known": "there are cells of 1 groups"}


def test_what_the_model_has_never_seen_is_refused_last(reader: Reader, cell: np.ndarray) -> None:
    assert reader._reference is not None
    kept = replace(reader._reference, limit=1e-6)
    gate = examine(CheckedPicture(cell, reader._geometry, kept, reader._engine), CHECKS)
    assert gate.code == "known" and "unlike the reference cells" in (gate.reason or "")
    assert list(gate.checks) == list(CHECKS)[:-1]


def test_the_order_is_the_one_that_is_promised() -> None:
    assert list(CHECKS) == [
        "stained",
        "field",
        "natural background",
        "channels",
        "scale",
        "sharp",
        "appearance",
        "known",
    ]


def test_shipped_examples_pass(reader: Reader) -> None:
    examples = sorted((PROJECT / "artifacts" / "examples").glob("*.png"))
    gates = [reader.read(file).gate for file in examples]
    checks = list(CHECKS)[:-1]  # the model of this test has seen few cells
    assert examples and all(list(gate.checks)[: len(checks)] == checks for gate in gates)


@pytest.mark.slow
def test_real_cells_pass_and_real_fields_do_not(reader: Reader, real_data: Path) -> None:
    """By the pixels; `python -m benchmarks gate` measures distances in a model of real cells."""
    by_pixels = {name: check for name, check in CHECKS.items() if name != "known"}

    def judged(file: Path) -> str | None:
        subject = CheckedPicture(decode(file), reader._geometry, reader._reference, reader._engine)
        return examine(subject, by_pixels).code

    cells = sorted((real_data / "cnmc_sample").rglob("*.bmp"))
    assert len(cells) == 55
    assert sum(judged(file) is None for file in cells) >= 0.95 * len(cells)
    smears = sorted((real_data / "smears").glob("*.jpg"))
    codes = [judged(file) for file in smears]
    assert codes[:16] == ["field"] * 16
    assert not {"stained", "field"} & set(codes[16:])
