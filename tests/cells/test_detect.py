from functools import cache

import cv2
import numpy as np
import pytest

from core.cells.detection import boundary
from core.cells.detection import detect as detection
from core.cells.detection.detect import Cell, Field, detect
from core.cells.detection.red_cells import RED_CELL_UM, Ruler
from core.cells.scale import CNMC_SIDE, UM_PER_PX, AskForMagnification, scale_of, to_model
from core.data.synthetic import smear_field
from core.data.synthetic.smear_field import LOOKS, draw_field
from core.errors import DataError

SEEDS = range(4)


@cache
def drawn(seed: int, look: str = "c-nmc") -> smear_field.SyntheticField:
    return draw_field(seed=seed, look=look, scale=0.5)


@cache
def found(seed: int, look: str = "c-nmc") -> Field:
    return detect(drawn(seed, look).image)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def iou(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    across = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    down = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    return across * down / (a[2] * a[3] + b[2] * b[3] - across * down)


def laid_out(field: Field, part: str) -> np.ndarray:
    whole = np.zeros(field.shape, bool)
    for cell in field.cells:
        x, y, w, h = cell.bbox
        whole[y : y + h, x : x + w] |= getattr(cell, part)
    return whole


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_every_white_cell_of_a_drawn_field_is_found_once_and_nothing_else(look):
    matched = count = cells = 0
    for seed in SEEDS:
        white = [it for it in drawn(seed, look).objects if it.label is not None]
        truth = [it for it in white if not it.cut]  # of a cut one, a sliver may be left
        boxes = [cell.bbox for cell in found(seed, look).cells]
        matched += sum(max((iou(it.bbox, box) for box in boxes), default=0) > 0.5 for it in truth)
        count, cells = count + len(truth), cells + len(boxes) - len(white) + len(truth)
    assert matched >= 0.9 * count
    assert cells <= 1.1 * count


@pytest.mark.slow
def test_masks_agree_with_the_drawn_ones():
    for part, least, above in (("mask", 0.8, 0), ("nucleus", 0.8, 128)):
        shares = [dice(laid_out(found(s, "warm"), part), drawn(s).mask > above) for s in SEEDS]
        assert np.mean(shares) > least, (part, shares)


@pytest.mark.slow
def test_a_cell_s_parts_fit_together():
    for seed in SEEDS:
        field = found(seed)
        assert field.shape == drawn(seed).image.shape[:2] and field.complete
        for cell in field.cells:
            x, y, w, h = cell.bbox
            assert cell.mask.shape == cell.nucleus.shape == (h, w)
            assert cell.mask.any(axis=0).all() or cell.mask.any(axis=1).all()
            assert not (cell.nucleus & ~cell.mask).any()
            assert cell.area_px == cell.mask.sum() and 0.5 <= cell.score <= 1
            edges = x == 0 or y == 0 or x + w == field.shape[1] or y + h == field.shape[0]
            assert cell.touches_border == edges


def test_a_reported_box_leaves_a_margin_within_the_field():
    shape = (200, 300)
    disc = np.ones((80, 120), bool)
    for corner, framed in (
        ((50, 60), (45, 55, 130, 90)),  # 5 % of 100 pixels on each side
        ((0, 120), (0, 115, 125, 85)),
        ((179, 1), (174, 0, 126, 86)),
    ):
        cell = Cell((*corner, 120, 80), disc, disc, int(disc.sum()), 1.0, False)
        assert Field((cell,), Ruler(None, 0), shape).frame(cell) == framed


def test_a_field_without_white_cells_has_none():
    for look in LOOKS:
        empty = draw_field(seed=1, look=look, blasts=0, lymphocytes=0, scale=0.5)
        assert detect(empty.image).cells == ()
    assert detect(np.full((100, 120, 3), 230, np.uint8)).cells == ()
    assert detect(np.zeros((64, 64, 3), np.uint8)).cells == ()


def test_platelets_are_no_white_cells_where_too_few_red_cells_are_whole_to_tell_the_scale():
    for seed, size in ((2, (480, 640)), (3, (300, 300)), (4, (480, 640)), (5, (480, 640))):
        empty = detect(draw_field(seed=seed, blasts=0, lymphocytes=0, size=size).image)
        assert empty.ruler.diameter is None and empty.cells == ()


def test_twice_the_size_gives_the_same_cells_twice_as_large():
    for seed in range(2):
        image = drawn(seed).image
        large = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        once, twice = found(seed), detect(large)
        assert len(once.cells) == len(twice.cells)
        for cell in once.cells:
            box = tuple(2 * value for value in cell.bbox)
            assert max(iou(box, other.bbox) for other in twice.cells) > 0.85


def test_a_warmer_or_darker_lamp_changes_little():
    image = drawn(1).image
    for lamp in ((1.0, 0.92, 0.8), (0.75, 0.75, 0.75)):
        lit = (image * np.array(lamp)).astype(np.uint8)
        assert len(detect(lit).cells) == len(found(1).cells)
        assert dice(laid_out(detect(lit), "mask"), laid_out(found(1), "mask")) > 0.93


def test_two_round_cells_that_touch_are_two():
    image = np.full((200, 300, 3), 235, np.uint8)
    for x in (110, 186):
        cv2.circle(image, (x, 100), 38, (190, 175, 215), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 100), 30, (95, 50, 140), -1, cv2.LINE_AA)
    field = detect(image, um_per_px=RED_CELL_UM / 42)
    assert len(field.cells) == 2
    for cell, x in zip(sorted(field.cells, key=lambda it: it.bbox), (110, 186), strict=True):
        assert iou(cell.bbox, (x - 38, 62, 77, 77)) > 0.85
        assert dice_of_disc(cell, (x, 100), 30) > 0.93


def dice_of_disc(cell: Cell, centre: tuple[int, int], radius: float) -> float:
    x, y, w, h = cell.bbox
    rows, columns = np.ogrid[y : y + h, x : x + w]
    disc = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 <= radius**2
    return dice(cell.nucleus, disc)


def test_two_lobes_in_one_cytoplasm_are_one_cell():
    image = np.full((200, 200, 3), 235, np.uint8)
    cv2.circle(image, (100, 100), 50, (200, 180, 215), -1, cv2.LINE_AA)
    for x in (80, 122):
        cv2.circle(image, (x, 100), 17, (95, 50, 140), -1, cv2.LINE_AA)
    (cell,) = detect(image, um_per_px=RED_CELL_UM / 60).cells
    assert iou(cell.bbox, (50, 50, 101, 101)) > 0.85


def test_platelets_and_red_cells_are_left_out():
    image = np.full((240, 320, 3), 235, np.uint8)
    for x in range(40, 320, 70):
        cv2.circle(image, (x, 60), 22, (225, 160, 170), -1, cv2.LINE_AA)
        cv2.circle(image, (x, 180), 7, (120, 70, 160), -1, cv2.LINE_AA)
    field = detect(image)
    assert field.cells == ()
    assert field.ruler.diameter == pytest.approx(45, rel=0.08)


def test_the_ruler_is_the_red_cells_median_diameter():
    for seed in SEEDS:
        ruler = found(seed).ruler
        assert ruler.diameter is not None and ruler.diameter == pytest.approx(62, rel=0.15)
        assert ruler.um_per_px == pytest.approx(UM_PER_PX / 0.5, rel=0.18)


def test_without_red_cells_the_magnification_is_asked_for():
    image = np.full((200, 200, 3), 235, np.uint8)
    cv2.circle(image, (100, 100), 40, (95, 50, 140), -1, cv2.LINE_AA)
    field = detect(image)
    assert field.ruler.diameter is None and len(field.cells) == 1
    asked = scale_of(field)
    assert isinstance(asked, AskForMagnification) and "micrometres" in asked.reason
    assert scale_of(field, 0.1) == 0.1
    assert isinstance(scale_of(field, 7.0), AskForMagnification)
    assert scale_of(Field((), Ruler(75.0, 5), (9, 9))) == pytest.approx(0.1)


def test_a_cell_comes_into_the_model_s_domain_centred_on_black_at_scale():
    image = np.full((100, 120, 3), 200, np.uint8)
    rows, columns = np.ogrid[:41, :41]
    disc = (rows - 20) ** 2 + (columns - 20) ** 2 <= 20**2
    cell = Cell((30, 10, 41, 41), disc, disc, int(disc.sum()), 1.0, False)
    for um_per_px, factor in ((UM_PER_PX, 1), (0.3, 5), (0.03, 0.5)):
        seen = to_model(image, cell, um_per_px)
        assert seen.shape == (CNMC_SIDE, CNMC_SIDE, 3) and seen.dtype == np.uint8
        lit = seen.any(axis=2)
        assert lit.sum() == pytest.approx(disc.sum() * factor**2, rel=0.08)
        middle = np.argwhere(lit).mean(axis=0)
        assert np.abs(middle - CNMC_SIDE / 2).max() < 2
    assert to_model(image, cell, 1.0).all(axis=2).mean() > 0.9  # too large: cut at the border


def test_another_kind_of_array_is_refused():
    for wrong in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)):
        with pytest.raises(DataError, match="RGB uint8"):
            detect(wrong)


@pytest.mark.slow
def test_real_fields_are_found_about_as_well_as_measured(real_data):
    """Every twelfth field of BCCD, if it is there; `python -m benchmarks cells` measures all."""
    from benchmarks import boxes, cells

    fields = list(boxes.fields(real_data / "bccd_fields"))[1::12]
    scored = boxes.score([(cells.ours(image), true, image.shape[:2]) for image, true in fields])
    assert scored["recall"] >= 0.95 and scored["precision"] >= 0.93 and scored["mean_iou"] >= 0.78


def test_overlap_and_dice_by_hand():
    from benchmarks import boxes as benchmark
    from benchmarks.cells import dice

    assert benchmark.iou((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(50 / 150)
    field = [((0, 0, 10, 10), (50, 50, 9, 9), (90, 0, 10, 10))]
    (boxes,) = field
    scored = benchmark.score([(list(boxes), [(1, 0, 10, 10), (20, 20, 5, 5)], (100, 100))])
    assert scored["boxes"] == 2 and scored["recall"] == 0.5
    assert scored["precision"] == 0.5  # the cut one counts neither way
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    one[:2], other[1:3] = True, True
    assert dice(one, other) == 0.5


@pytest.mark.parametrize("look", LOOKS)
def test_an_outline_ends_where_the_cell_does(look):
    """Classifiers were trained on tight cut-outs: a seam of glass or red cells would mislead."""
    ratios = []
    for seed in SEEDS:
        truth = drawn(seed, look)
        for cell in found(seed, look).cells:
            x, y, w, h = cell.bbox
            numbers, counts = np.unique(
                truth.instances[y : y + h, x : x + w][cell.mask], return_counts=True
            )
            own = numbers[counts.argmax()]
            if own and not cell.touches_border:
                ratios.append(np.sqrt(cell.area_px / (truth.instances == own).sum()))
    assert len(ratios) >= 6 and np.median(ratios) == pytest.approx(1, abs=0.03)
    assert np.percentile(ratios, 80) < 1.06


def test_the_outline_of_a_cell_cut_by_the_border_stays_near_it():
    image = np.full((200, 300, 3), 235, np.uint8)
    cv2.circle(image, (290, 190), 60, (95, 50, 140), -1, cv2.LINE_AA)
    (cell,) = detect(image, um_per_px=RED_CELL_UM / 60).cells
    assert cell.touches_border and iou(cell.bbox, (230, 130, 70, 70)) > 0.85


def test_nuclei_pressed_on_each_other_are_two_cells():
    image = np.full((200, 300, 3), 235, np.uint8)
    for x in (115, 183):
        cv2.ellipse(image, (x, 100), (36, 46), 0, 0, 360, (120, 70, 160), -1, cv2.LINE_AA)
    field = detect(image, um_per_px=RED_CELL_UM / 42)
    assert len(field.cells) == 2
    for cell, x in zip(sorted(field.cells, key=lambda it: it.bbox), (115, 183), strict=True):
        assert iou(cell.bbox, (x - 36, 54, 73, 93)) > 0.8


def test_more_nuclei_than_a_field_can_hold_are_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    field = draw_field(seed=3, blasts=3, lymphocytes=2, scale=0.25, size=(480, 640)).image
    assert detect(field).cells
    monkeypatch.setattr(detection, "MOST_NUCLEI", 1)
    assert detect(field).cells == ()


def test_outlines_are_the_same_however_many_are_sought_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    field = draw_field(seed=3, blasts=3, lymphocytes=2, scale=0.25, size=(480, 640)).image
    whole = detect(field)
    monkeypatch.setattr(boundary, "MOST_ROWS", 50)
    for one, other in zip(whole.cells, detect(field).cells, strict=True):
        assert one.bbox == other.bbox and np.array_equal(one.mask, other.mask)
