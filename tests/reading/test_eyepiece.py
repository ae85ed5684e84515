"""Pictures taken through an eyepiece."""

from pathlib import Path

import numpy as np
import pytest

from core.cells.detection.tiles import Excerpt, Whole
from core.data.images import decode, encode
from core.data.synthetic.smear_field import draw_field
from core.reading import picture as pictures
from core.reading.picture import FieldImage, read_picture
from core.reading.preparing.eyepiece import open_picture, part_within_disc, within_disc
from core.reading.reader import Reader
from core.runs.run_store import Run
from tests.conftest import PROJECT

SIZE, PIXELS = (900, 1200), 0.4


def through_an_eyepiece(
    image: np.ndarray, middle: tuple[float, float], radius: float
) -> np.ndarray:
    """The image (H, W, 3) with all but a disc as dark as a telephone's camera makes it."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    away = np.hypot(columns - middle[0], rows - middle[1]) / radius
    light = np.where(away < 1, 1.05 - 0.2 * away**2, 0)[..., None]
    noise = np.random.default_rng(0).normal(6, 2, image.shape)
    return np.clip(image * light + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return draw_field(seed=3, blasts=6, lymphocytes=4, size=SIZE, scale=PIXELS).image


@pytest.mark.parametrize(
    ("middle", "radius"), [((600, 450), 430), ((500, 400), 300), ((640, 450), 560)]
)
def test_the_square_inside_the_disc_is_found(
    field: np.ndarray, middle: tuple[float, float], radius: float
) -> None:
    picture = through_an_eyepiece(field, middle, radius)
    inside, (said,) = within_disc(picture)
    height, width = inside.shape[:2]
    assert "eyepiece" in said and f"{width} x {height} pixels" in said
    assert 1.2 * radius < width < 1.42 * radius
    assert height == min(width, field.shape[0]) or abs(height - width) < 3
    assert (inside.max(axis=2) > 60).mean() > 0.98  # nothing of the rim


def test_a_field_and_a_cell_on_black_are_left_alone(field: np.ndarray) -> None:
    cell = decode(sorted((PROJECT / "artifacts" / "examples").glob("*.png"))[0])
    for image in (field, cell, np.zeros((100, 100, 3), np.uint8)):
        same, said = within_disc(image)
        assert same is image and said == ()


def test_a_nearly_straight_edge_is_no_disc() -> None:
    rows, columns = np.ogrid[:300, :300]
    away = np.hypot(columns - 800, rows - 800)  # the circle's middle lies far outside
    image = np.where((away < 850)[:, :, None], np.uint8(180), np.uint8(0)).repeat(3, axis=2)
    found, said = within_disc(image)
    assert found is image and said == ()


def test_a_large_picture_is_read_within_its_disc_too(
    field: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished_run: Run
) -> None:
    whole = through_an_eyepiece(field, (600, 450), 430)
    assert part_within_disc(plain := Whole(field)) is plain
    part = part_within_disc(Whole(whole))
    assert isinstance(part, Excerpt)
    (said,), (height, width) = part.notes, part.shape
    left, top = map(int, said.split("(")[1].split(")")[0].split(","))
    assert np.array_equal(
        part.read(3, 5, width - 3, height - 5),
        whole[top + 5 : top + height, left + 3 : left + width],
    )
    square, _ = within_disc(whole)
    assert abs(height - square.shape[0]) < 8 and abs(width - square.shape[1]) < 8
    file = tmp_path / "phone.png"
    file.write_bytes(encode(whole))
    monkeypatch.setattr(pictures, "SCAN_FROM", 1000)
    found = read_picture(Reader(finished_run), file, "phone.png")
    assert isinstance(found, FieldImage) and found.notes == part.notes
    assert found.reading.field.shape == part.shape and found.cells


def test_it_is_read_as_the_field_it_shows(finished_run: Run, field: np.ndarray) -> None:
    picture = encode(through_an_eyepiece(field, (600, 450), 430))
    reading = Reader(finished_run).read(picture, "phone.png")
    assert reading.gate.code == "field", reading.gate
    assert "eyepiece" in open_picture(picture, "phone.png")[1][0]


def test_its_opened_field_says_where_its_boxes_count_from(
    field: np.ndarray, tmp_path: Path
) -> None:
    file = tmp_path / "phone.png"
    file.write_bytes(encode(through_an_eyepiece(field, (600, 450), 430)))
    with pictures.open_field(file, file.name, None, lambda done, total: None) as (region, _):
        assert "read within its bright disc" in pictures.notes_of(region)[0]


def test_no_real_field_or_cell_is_taken_for_one(real_data: Path) -> None:
    files = sorted(real_data.rglob("*.bmp"))[::9] + sorted(real_data.rglob("*.jpg"))[::9]
    assert len(files) > 40
    assert [file for file in files if within_disc(decode(file))[1]] == []
