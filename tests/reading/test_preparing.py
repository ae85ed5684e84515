"""What is done to a picture before it is checked, and what is said of it."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.cells.masks import bounding_box, cell_mask
from core.cells.scale import CNMC_SIDE, UM_PER_PX
from core.data.geometry import Geometry
from core.data.images import decode, encode
from core.reading import checks
from core.reading.cell_reading import Reading
from core.reading.checked_picture import CheckedPicture
from core.reading.picture import FieldImage, read_picture
from core.reading.preparing import channels, doubts, plain_background, surroundings
from core.reading.preparing.options import ReadingOptions
from core.reading.reader import Reader
from core.reading.table import CELL, doubt, read_as

COLOURS = [(255, 255, 255), (255, 255, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)]


@pytest.fixture(scope="session")
def real_cells(real_data: Path) -> list[np.ndarray]:
    return [decode(file) for file in sorted((real_data / "cnmc_sample").rglob("*.bmp"))]


def read(reader: Reader, image: np.ndarray) -> Reading:
    return reader.read(encode(image), "picture.png")


def swap(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, :, ::-1])


def on_colour(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.where(cell_mask(image)[:, :, None], image, np.uint8(colour))


def alone(image: np.ndarray) -> CheckedPicture:
    """A picture for what needs no model."""
    return CheckedPicture(image, Geometry(), None, None)  # type: ignore[arg-type]


def draw(image: np.ndarray, what: str, colour: tuple[int, int, int]) -> np.ndarray:
    """The picture with a scale bar, a caption or a frame burnt into it."""
    image = image.copy()
    x, y, w, h = bounding_box(cell_mask(image))
    match what:
        case "bar":
            cv2.rectangle(image, (330, 430), (430, 436), colour, cv2.FILLED)
        case "caption":
            cv2.putText(image, "UID 11, ALL", (5, 25), 0, 0.7, colour, 2, cv2.LINE_AA)
        case "frame":
            cv2.rectangle(image, (4, 4), (445, 445), colour, 1)
        case "bar on the cell":
            cv2.rectangle(
                image, (x + w // 2 - 40, y + h - 20), (x + w // 2 + 40, y + h), colour, -1
            )
        case "caption on the cell":
            cv2.putText(image, "ALL", (x + w // 4, y + h // 2), 0, 1, colour, 2, cv2.LINE_AA)
    return image


def test_a_picture_that_was_taken_as_it_is_has_no_notes(reader: Reader, cell: np.ndarray) -> None:
    assert read(reader, cell).prepared is None


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_cell_of_few_significant_bits_is_read_and_the_reading_says_so(
    reader: Reader, cell: np.ndarray, bits: int
) -> None:
    samples = np.round(cell[:, :, ::-1] / 255 * ((1 << bits) - 1)).astype(np.uint16)
    reading = reader.read(cv2.imencode(".png", samples)[1].tobytes(), "camera.png")
    (as_it_was,) = read(reader, cell).cells
    assert reading.cells[0].probability == pytest.approx(as_it_was.probability, abs=0.02)
    assert reading.prepared is not None and read_as(reading) == CELL
    assert f"{bits} significant bits" in reading.prepared.words[0]
    document = reading.to_json(reader.judge)
    assert document["prepared"] == list(reading.prepared.words)


@pytest.mark.parametrize("colour", [(255, 255, 255), (200, 180, 210), (0, 0, 255), (20, 20, 20)])
def test_a_background_of_one_colour_becomes_black_and_the_reading_says_so(
    reader: Reader, cell: np.ndarray, colour: tuple[int, int, int]
) -> None:
    picture = on_colour(cell, colour)
    reading = read(reader, picture)
    (as_it_was,) = read(reader, cell).cells
    assert reading.cells[0].probability == pytest.approx(as_it_was.probability, abs=0.01)
    assert reading.prepared is not None and f"RGB {colour}" in reading.prepared.words[0]
    assert np.array_equal(reading.prepared.original, picture)


@pytest.mark.parametrize("colour", [(255, 255, 255), (128, 128, 128), (90, 160, 60)])
def test_the_pixels_of_a_hard_edged_cell_stay_as_they_are(
    cell: np.ndarray, colour: tuple[int, int, int]
) -> None:
    picture = alone(on_colour(cell, colour))
    assert plain_background.take_away(picture)
    mask = cell_mask(cell)
    assert (picture.image[~mask] == 0).all()
    same = (picture.image == cell).all(axis=2)[mask]
    assert same.mean() > 0.99  # but for pixels of the very colour of the background, at the rim


def test_of_a_smooth_edge_no_light_rim_is_left(cell: np.ndarray) -> None:
    share = cv2.GaussianBlur(cell_mask(cell).astype(np.float32), (0, 0), 1)[:, :, None]
    picture = alone((cell * share + 255 * (1 - share)).astype(np.uint8))
    assert plain_background.take_away(picture)
    assert np.percentile(picture.image.max(axis=2), 99.9) <= cell.max() + 40


def test_two_cells_on_white_are_not_taken_for_one(reader: Reader, cell: np.ndarray) -> None:
    x, y, w, h = bounding_box(cell_mask(cell))
    one = cell[y : y + h, x : x + w]
    wide = np.zeros((h + 80, 2 * w + 120, 3), np.uint8)
    wide[40 : 40 + h, 40 : 40 + w] = wide[40 : 40 + h, 80 + w : 80 + 2 * w] = one
    lit = wide.max(axis=2, keepdims=True) > 16
    assert not read(reader, np.where(lit, wide, np.uint8(255))).cells


def test_no_real_smear_is_taken_for_a_plain_background(real_data: Path) -> None:
    fields = sorted((real_data / "bccd_fields").rglob("*.jpg"))[::20]
    smears = sorted((real_data / "smears").glob("*.jpg"))
    crops = sorted((real_data / "wbc_masks").rglob("*.bmp"))[::4]
    taken = [
        f.name for f in fields + smears + crops if plain_background.take_away(alone(decode(f)))
    ]
    assert taken == []


def test_swapped_red_and_blue_are_refused_with_an_offer_that_has_the_cell_read(
    reader: Reader, cell: np.ndarray, tmp_path: Path
) -> None:
    data = encode(swap(cell))
    reading = reader.read(data, "bgr.png")
    assert reading.gate.code == "channels" and "red and blue are swapped" in reading.reason
    offer = reading.gate.offer
    assert offer == ReadingOptions(swap_red_blue=True) and "--swap-red-blue" in reading.gate.way_out
    swapped = reader.read(data, "bgr.png", offer)
    assert swapped.cells[0].logit == read(reader, cell).cells[0].logit
    assert swapped.prepared is not None and "swapped, as told" in swapped.prepared.words[0]
    assert reader.read(encode(cell), "rgb.png", offer).gate.code == "channels"
    (tmp_path / "bgr.png").write_bytes(data)
    options = read_picture(reader, tmp_path / "bgr.png", "bgr.png", swap_red_blue=True)
    assert isinstance(options, Reading) and options.cells[0].logit == swapped.cells[0].logit
    field = read_picture(reader, tmp_path / "bgr.png", "bgr.png", as_field=True, swap_red_blue=True)
    assert isinstance(field, FieldImage)


def test_red_varies_more_than_blue_and_swapping_turns_it_round() -> None:
    rng = np.random.default_rng(0)
    dye = rng.uniform(0.5, 2, (90, 90))
    light = np.exp(-dye[:, :, None] * np.array([0.6, 1.0, 0.3]))  # red, green, blue absorbed
    image = (255 * light).astype(np.uint8)
    mask = np.ones((90, 90), bool)
    straight, turned = channels.balance(image, mask), channels.balance(swap(image), mask)
    assert straight.varies == pytest.approx(2, rel=0.1)
    assert turned.varies == pytest.approx(1 / straight.varies, rel=1e-4)
    assert turned.red == pytest.approx(1 / straight.red, rel=1e-4)
    assert turned.swapped and not straight.swapped
    # A yellow lamp makes all redder, but no swap.
    yellow = (image * np.array([1, 0.8, 0.4])).astype(np.uint8)
    assert not channels.balance(yellow, mask).swapped


def test_real_cells_are_in_order_and_swapped_ones_are_found(
    real_data: Path, real_cells: list[np.ndarray]
) -> None:
    masks = [cell_mask(image) for image in real_cells]
    pairs = list(zip(real_cells, masks, strict=True))
    assert not any(channels.balance(image, mask).swapped for image, mask in pairs)
    found = sum(channels.balance(swap(image), mask).swapped for image, mask in pairs)
    assert found >= 0.9 * len(pairs)
    for file in sorted((real_data / "wbc_masks").rglob("*.bmp"))[::3]:
        mask = decode(file.with_suffix(".png"))[:, :, 0] > 0
        assert not mask.any() or not channels.balance(decode(file), mask).swapped, file


@pytest.mark.parametrize("what", ["bar", "caption", "frame"])
@pytest.mark.parametrize("colour", COLOURS)
def test_what_is_burnt_in_beside_the_cell_moves_nothing_and_is_named(
    reader: Reader, cell: np.ndarray, what: str, colour: tuple[int, int, int]
) -> None:
    reading = read(reader, draw(cell, what, colour))
    before = read(reader, cell).cells[0].probability
    assert reading.cells[0].probability == pytest.approx(before, abs=0.01)
    assert reading.prepared is not None and "left out" in reading.prepared.words[0]


@pytest.mark.parametrize("colour", COLOURS[:5])
@pytest.mark.parametrize("what", ["bar on the cell", "caption on the cell"])
def test_what_is_drawn_on_the_cell_is_refused(
    reader: Reader, cell: np.ndarray, what: str, colour: tuple[int, int, int]
) -> None:
    gate = read(reader, draw(cell, what, colour)).gate
    assert gate.code == "stained" and "drawn on the cell" in (gate.reason or "")


def test_real_cells_have_nothing_beside_them_and_lose_what_is_drawn_there(
    real_cells: list[np.ndarray],
) -> None:
    for image in real_cells:
        picture = alone(image)
        assert surroundings.leave_out(picture) is None and picture.prepared is None
    for image in real_cells[::6]:
        for what in ("bar", "caption"):
            picture = alone(draw(image, what, (255, 255, 0)))
            if surroundings.leave_out(picture) is None:
                assert np.array_equal(picture.pixels, alone(image).pixels)


def test_a_frame_made_smaller_is_refused_with_the_scale_at_which_it_is_read(
    reader: Reader, cell: np.ndarray
) -> None:
    small = encode(cv2.resize(cell, (224, 224), interpolation=cv2.INTER_AREA))
    reading = reader.read(small, "half.png")
    offer = reading.gate.offer
    assert reading.gate.code == "scale" and offer is not None
    assert offer.um_per_px == pytest.approx(CNMC_SIDE / 224 * UM_PER_PX, abs=1e-4)
    assert f"--um-per-px {offer.um_per_px:g}" in reading.gate.way_out
    options = reader.read(small, "half.png", offer)
    assert options.cells and options.prepared is not None
    assert "Detail that the smaller picture had lost" in options.prepared.words[0]
    assert options.gate.figures["diameter_px"] == pytest.approx(
        read(reader, cell).gate.figures["diameter_px"], rel=0.02
    )


def test_a_picture_smaller_than_a_frame_says_that_its_scale_is_assumed(
    reader: Reader, cell: np.ndarray
) -> None:
    assert read(reader, cell).prepared is None
    middle = read(reader, cell[75:375, 75:375])
    assert middle.prepared is not None
    assert "It is 300 x 300 pixels, smaller than a frame of 450" in middle.prepared.words[0]


def test_a_scale_that_cannot_be_or_would_invent_pixels_is_refused(
    reader: Reader, cell: np.ndarray
) -> None:
    data = encode(cell)
    assert "out of range" in reader.read(data, "a.png", ReadingOptions(um_per_px=5)).reason
    assert "too few pixels" in reader.read(data, "a.png", ReadingOptions(um_per_px=0.3)).reason
    same = reader.read(data, "a.png", ReadingOptions(um_per_px=UM_PER_PX))
    assert same.cells and same.prepared is None
    crumb = encode(cv2.resize(cell, (64, 64), interpolation=cv2.INTER_AREA))
    assert reader.read(crumb, "b.png").gate.offer is None


def test_a_cell_with_something_attached_goes_to_review_and_the_reason_is_said(
    reader: Reader, real_data: Path
) -> None:
    (file,) = (real_data / "cnmc_sample").rglob("UID_11_1_2_all.bmp")
    picture = reader.picture(decode(file))
    answer, reasons = doubts.answer(picture, reader.calibration)
    assert answer.call == "review" and answer.leaning in ("ALL", "HEM")
    assert "attached to the cell" in reasons[0] and "27%" in reasons[0]
    reading = reader.read(file)
    for found in reading.cells:
        assert found.call == "review" and found.doubts == reasons
        assert doubt(found, reader.calibration).startswith(reasons[0])
    assert picture.reference is not None
    stricter = replace(picture, reference=replace(picture.reference, limit=0.0))
    refusal = checks.known(stricter)
    assert refusal is not None and reasons[0] in refusal.reason


def test_few_real_cells_and_no_usual_one_are_doubted(
    reader: Reader, cell: np.ndarray, real_cells: list[np.ndarray]
) -> None:
    assert doubts.doubts(reader.picture(cell)) == ()
    assert sum(bool(doubts.doubts(alone(image))) for image in real_cells) <= 6
