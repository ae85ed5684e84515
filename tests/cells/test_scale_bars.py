"""Scale bars, captions and panels in a field: what is found, what is left of the search."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from core.cells.detection import scale_bars
from core.cells.detection.detect import Field, detect
from core.cells.detection.tiles import Whole, detect_tiled
from core.data.images import decode
from core.data.synthetic.smear_field import draw_field

BLACK, WHITE, YELLOW, BLUE = (0, 0, 0), (255, 255, 255), (255, 255, 0), (0, 0, 255)
LENGTH, THICK, MARGIN = 120, 6, 20


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return draw_field(seed=4, blasts=2, lymphocytes=2, size=(700, 900)).image


def with_bar(
    image: np.ndarray, colour: tuple[int, int, int], panel: tuple[int, int, int] | None = None
) -> np.ndarray:
    """The field with a scale bar and its caption at the lower right, on a panel if it has one."""
    marked = image.copy()
    y, x = image.shape[0] - MARGIN, image.shape[1] - MARGIN - LENGTH
    if panel is not None:
        marked[y - 50 :, x - 40 :] = panel
    marked[y : y + THICK, x : x + LENGTH] = colour
    cv2.putText(marked, "20 um", (x + 20, y - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2)
    return marked


def middles(found: Field, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """The middles of the cells that lie outside of where the bar is."""
    places = [(x + w / 2, y + h / 2) for x, y, w, h in (cell.bbox for cell in found.cells)]
    return [
        (round(x / 8), round(y / 8))
        for x, y in places
        if x < shape[1] - 2 * LENGTH or y < shape[0] - 5 * MARGIN
    ]


@pytest.mark.parametrize(
    ("colour", "panel"),
    [(BLACK, None), (BLACK, WHITE), (WHITE, BLACK), (YELLOW, None), (YELLOW, BLUE), (WHITE, BLUE)],
)
def test_a_bar_is_measured_and_changes_no_cell(
    field: np.ndarray, colour: tuple[int, int, int], panel: tuple[int, int, int] | None
) -> None:
    marked = with_bar(field, colour, panel)
    found, plain = detect(marked), detect(field)
    assert found.ruler.bar_px == pytest.approx(LENGTH, abs=1) and plain.ruler.bar_px is None
    assert middles(found, field.shape) == middles(plain, field.shape) != []


@pytest.mark.parametrize("detector", [detect, lambda image: detect_tiled(Whole(image), tile=300)])
def test_a_bar_in_a_jpeg_is_found(field: np.ndarray, detector: Callable[..., Field]) -> None:
    data = cv2.imencode(".jpg", with_bar(field, BLACK)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    bar_px = detector(decode(data[1].tobytes())).ruler.bar_px
    assert bar_px is not None and bar_px == pytest.approx(LENGTH, abs=3)


def test_nothing_is_drawn_in_a_photograph(field: np.ndarray) -> None:
    assert not scale_bars.find(field).mask.any()
    assert scale_bars.erased(field, scale_bars.find(field).mask) is field


def test_a_frame_and_a_disc_on_black_are_no_marks() -> None:
    rows, columns = np.ogrid[:300, :300]
    disc = (rows - 150) ** 2 + (columns - 150) ** 2 <= 140**2
    image = np.where(disc[:, :, None], np.uint8(200), np.uint8(0)).repeat(3, axis=2)
    noise = np.random.default_rng(0).integers(-9, 9, image.shape)
    eyepiece = np.clip(image + noise * disc[:, :, None], 0, 255).astype(np.uint8)
    assert not scale_bars.find(eyepiece).mask.any()


def test_strong_stain_is_no_mark() -> None:
    rng = np.random.default_rng(0)
    nuclei = np.clip(rng.normal((230, 25, 230), 25, (300, 300, 3)), 0, 255).astype(np.uint8)
    rows, columns = np.ogrid[:300, :300]
    image = np.full((300, 300, 3), 235, np.uint8) - rng.integers(0, 9, (300, 300, 3), np.uint8)
    disc = (rows - 150) ** 2 + (columns - 150) ** 2 <= 60**2
    image[disc] = nuclei[disc]
    assert not scale_bars.find(image).mask.any()


def test_the_erased_has_the_colour_of_the_glass(field: np.ndarray) -> None:
    marked = with_bar(field, YELLOW, BLUE)
    mask = scale_bars.find(marked).mask
    filled = np.unique(scale_bars.erased(marked, mask)[mask], axis=0)
    assert (
        len(filled) == 1 and (np.abs(filled[0].astype(int) - np.median(field, (0, 1))) < 40).all()
    )
    assert (marked[~mask] == field[~mask]).all()
