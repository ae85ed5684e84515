"""Synthetic fields keep to their seed, and their truth to their pixels."""

from functools import cache

import cv2
import numpy as np
import pytest

from core.data.synthetic.smear_field import (
    LOOKS,
    SIZE,
    SyntheticField,
    draw_field,
)
from core.data.synthetic.style import HOME, Laboratory, subject_style
from core.errors import ConfigError

SEEDS = range(8)


@cache
def drawn(seed: int, look: str = "c-nmc") -> SyntheticField:
    return draw_field(seed=seed, look=look)


def white(field: SyntheticField) -> list:
    return [it for it in field.objects if it.label is not None]


def of_kind(field: SyntheticField, kind: str) -> list:
    return [it for it in field.objects if it.kind == kind]


def box_of(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(cv2.boundingRect(mask.astype(np.uint8)))


def test_a_field_depends_on_its_arguments_alone():
    small = {"size": (240, 320), "scale": 0.4}
    first = draw_field(seed=5, blasts=1, lymphocytes=1, **small)
    draw_field(seed=6, **small)
    again = draw_field(seed=5, blasts=1, lymphocytes=1, **small)
    for name in ("image", "mask", "instances"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.objects == again.objects
    for other in (
        draw_field(seed=6, blasts=1, lymphocytes=1, **small),
        draw_field(seed=5, blasts=2, lymphocytes=1, **small),
        draw_field(seed=5, blasts=1, lymphocytes=1, look="warm", **small),
    ):
        assert not np.array_equal(first.image, other.image)


def test_a_look_changes_the_colours_and_not_the_truth():
    assert drawn(3).objects == drawn(3, "bright").objects == drawn(3, "warm").objects
    np.testing.assert_array_equal(drawn(3).mask, drawn(3, "bright").mask)


@pytest.mark.parametrize(
    ("blasts", "lymphocytes", "size", "scale"),
    [
        (0, 0, SIZE, 0.8),
        (3, 2, SIZE, 0.8),
        (0, 6, SIZE, 0.8),
        (1, 0, (250, 300), 0.8),
        (9, 9, SIZE, 0.4),
        (2, 1, (500, 700), 1.0),
    ],
)
def test_a_field_has_the_size_and_the_white_cells_that_were_asked_for(
    blasts, lymphocytes, size, scale
):
    field = draw_field(seed=1, blasts=blasts, lymphocytes=lymphocytes, size=size, scale=scale)
    assert field.image.shape == (*size, 3) and field.image.dtype == np.uint8
    assert field.mask.shape == size and field.mask.dtype == np.uint8
    assert field.instances.shape == size and field.instances.dtype == np.int32
    assert len(of_kind(field, "blast")) == blasts
    assert len(of_kind(field, "lymphocyte")) == lymphocytes
    assert field.instances.max() == len(white(field)) == blasts + lymphocytes


@pytest.mark.parametrize("seed", SEEDS)
def test_masks_boxes_and_instances_agree(seed):
    field = drawn(seed)
    assert set(np.unique(field.mask)) <= {0, 128, 255}
    np.testing.assert_array_equal(field.mask > 0, field.instances > 0)
    cells = white(field)
    assert cells and list(field.objects[: len(cells)]) == cells
    for number, cell in enumerate(cells, start=1):
        mask = field.instances == number
        assert cell.bbox == box_of(mask)
        assert cell.label == {"blast": 1, "lymphocyte": 0}[cell.kind]
        nucleus = mask & (field.mask == 255)
        assert 0.6 < nucleus.sum() / mask.sum() < 0.99
        assert mask.sum() > 0.25 * np.pi / 4 * 140**2  # recognisable, even where it is cut


@pytest.mark.parametrize("seed", SEEDS)
def test_cut_means_reaching_the_border(seed):
    field = drawn(seed)
    height, width = field.mask.shape
    for it in field.objects:
        x, y, w, h = it.bbox
        assert w > 0 and h > 0 and x >= 0 and y >= 0 and x + w <= width and y + h <= height
        assert it.cut == (x == 0 or y == 0 or x + w == width or y + h == height)


@pytest.mark.parametrize("seed", SEEDS)
def test_touching_white_cells_touch_and_the_others_do_not(seed):
    field = drawn(seed)
    for number, cell in enumerate(white(field), start=1):
        around = cv2.dilate((field.instances == number).astype(np.uint8), np.ones((3, 3))) > 0
        near = set(np.unique(field.instances[around])) - {0, number}
        assert cell.touching == bool(near)


def test_cells_that_touch_or_are_cut_occur_and_are_not_the_rule():
    cells = [cell for seed in SEEDS for cell in white(drawn(seed))]
    for flags in ([cell.touching for cell in cells], [cell.cut for cell in cells]):
        assert 0 < np.mean(flags) < 0.5


def test_a_smear_is_full_of_red_cells_that_are_smaller_than_white_ones():
    sizes: dict[str, list[float]] = {}
    for seed in SEEDS:
        field = drawn(seed)
        assert len(of_kind(field, "red cell")) >= 5
        for it in field.objects:
            if not it.cut:
                sizes.setdefault(it.kind, []).append(np.sqrt(it.bbox[2] * it.bbox[3]))
    median = {kind: np.median(values) for kind, values in sizes.items()}
    assert 170 < median["blast"] < 230
    assert 130 < median["lymphocyte"] < 200
    assert 80 < median["red cell"] < 120
    assert 25 < median["platelet"] < 60
    assert median["lymphocyte"] < median["blast"]


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_red_cells_and_platelets_stand_out_from_the_glass_but_not_in_the_mask(look):
    for seed in SEEDS:
        field = drawn(seed, look)
        outside = field.mask == 0
        glass = outside.copy()
        for it in field.objects:
            x, y, w, h = it.bbox
            glass[y : y + h, x : x + w] = False
        clear = np.median(field.image[glass], axis=0)
        for it in field.objects:
            x, y, w, h = it.bbox
            within = outside[y : y + h, x : x + w]
            if it.label is None:
                assert within.mean() > 0.3  # a box may reach round a white cell, the object not
                shown = field.image[y : y + h, x : x + w][within]
                assert (
                    np.percentile(shown[:, 1], 20) < 0.98 * clear[1]
                )  # uneven light: the lamp falls off


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_nuclei_are_darker_and_bluer_than_red_cells_and_these_than_glass(look):
    for seed in SEEDS:
        field = drawn(seed, look)
        red = np.zeros_like(field.mask)
        for it in of_kind(field, "red cell"):
            x, y, w, h = it.bbox
            cv2.ellipse(red, (x + w // 2, y + h // 2), (w // 3, h // 3), 0, 0, 360, 1, -1)
        nucleus = np.median(field.image[field.mask == 255], axis=0)
        cell = np.median(field.image[(red > 0) & (field.mask == 0)], axis=0)
        clear = np.median(field.image[(red == 0) & (field.mask == 0)], axis=0)
        assert nucleus[1] < 0.8 * cell[1] < 0.8 * clear[1]
        assert nucleus[2] / nucleus[0] > cell[2] / cell[0] + 0.1


def test_the_light_is_uneven_but_not_by_much():
    field = draw_field(seed=2, blasts=0, lymphocytes=0)
    coarse = cv2.resize(field.image, (8, 6), interpolation=cv2.INTER_AREA)[..., 1].astype(float)
    assert 0.0 < np.ptp(np.sort(coarse.ravel())[-12:]) < 0.25 * coarse.max()


def find_white_cells(image: np.ndarray) -> list[tuple[int, ...]]:
    """A plain detector: saturation in the purple hues, Otsu, close, open."""
    hue, saturation, _ = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    purple = np.where((hue > 110) & (hue < 152), saturation, 0).astype(np.uint8)
    threshold, _ = cv2.threshold(purple, 0, 255, cv2.THRESH_OTSU)
    found = (purple > 0.7 * threshold).astype(np.uint8)
    for step, side in ((cv2.MORPH_CLOSE, 15), (cv2.MORPH_OPEN, 21)):
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        found = cv2.morphologyEx(found, step, disc)
    _, _, stats, _ = cv2.connectedComponentsWithStats(found)
    return [tuple(box) for *box, area in stats[1:].tolist() if area > 0.01 * found.size]


def iou(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_a_plain_detector_finds_the_white_cells_as_it_does_in_real_smears(look):
    hits, correct, found = [], 0, 0
    for seed in range(12):
        field = drawn(seed, look)
        boxes = find_white_cells(field.image)
        found += len(boxes)
        for cell in white(field):
            hit = any(iou(cell.bbox, box) >= 0.5 for box in boxes)
            correct += hit
            if not cell.cut and not cell.touching:
                hits.append(hit)
    assert len(hits) >= 20
    assert np.mean(hits) >= 0.8  # it runs two cells into one where a red cell lies between them
    assert correct / found >= 0.8


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ({"seed": -1}, "-1"),
        ({"blasts": -2}, "-2"),
        ({"lymphocytes": -3}, "-3"),
        ({"blasts": 40}, "40"),
        ({"lymphocytes": 3, "size": (250, 250)}, "250 x 250"),
        ({"size": (100, 640)}, "640 x 100"),
        ({"size": (480, 9000)}, "9000 x 480"),
        ({"scale": 0.01}, "0.01"),
        ({"scale": float("nan")}, "nan"),
        ({"look": "jet"}, "jet"),
    ],
)
def test_an_impossible_field_is_refused_by_name(arguments, value):
    with pytest.raises(ConfigError, match=value):
        draw_field(**({"seed": 0} | arguments))


def test_a_subject_s_style_shows_in_all_its_fields_and_its_laboratory_s_tone_too() -> None:
    home, elsewhere = (
        subject_style("P1", 0, laboratory) for laboratory in (HOME, Laboratory(tone=0.5))
    )
    own, plain = draw_field(seed=3, style=home), draw_field(seed=3)
    assert (own.image != plain.image).any() and own.objects != ()
    brighter = draw_field(seed=3, style=elsewhere)
    assert (brighter.instances == own.instances).all()
    expected = 255 * (own.image / 255) ** 0.5
    assert abs(brighter.image - expected).max() < 12  # of the darkest levels, rounded before
    assert brighter.image.mean() > own.image.mean() + 20
