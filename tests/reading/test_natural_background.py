"""Pictures with a background: what is no smear, what is a field, and one cell cut out of it."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.data.images import decode
from core.data.synthetic.smear_field import SyntheticField, draw_field
from core.ood.reference import Reference
from core.reading.checked_picture import CheckedPicture, Gate, examine
from core.reading.checks import CHECKS
from core.reading.picture import shows_field
from core.reading.preparing import natural_background
from core.reading.reader import Reader

SCALE = 0.6  # of a C-NMC image, in which a red cell measures 125 pixels
UNTIL_CUT = ("stained", "field", "natural background")
UNTIL_SCALE = (*UNTIL_CUT, "scale")


@pytest.fixture
def kept(reader: Reader) -> Reference:
    assert reader._reference is not None
    return reader._reference


@pytest.fixture(scope="module")
def close_up() -> SyntheticField:
    """One white cell among red cells."""
    return draw_field(seed=5, blasts=1, lymphocytes=0, size=(360, 360), scale=SCALE)


def judge(
    reader: Reader, kept: Reference | None, image: np.ndarray, names: tuple[str, ...] = UNTIL_CUT
) -> tuple[Gate, CheckedPicture]:
    subject = CheckedPicture(image, reader._geometry, kept, reader._engine)
    return examine(subject, {name: CHECKS[name] for name in names}), subject


def test_one_cell_is_cut_out_centred_on_black_at_the_scale_of_training(
    reader: Reader, kept: Reference, close_up: SyntheticField
) -> None:
    gate, subject = judge(reader, kept, close_up.image, UNTIL_SCALE)
    assert gate.checks[:3] == UNTIL_CUT and subject.prepared is not None
    found, truth = subject.prepared.mask, close_up.instances == 1
    assert (found & truth).sum() / (found | truth).sum() > 0.65
    assert gate.figures["enlargement"] == pytest.approx(1 / SCALE, rel=0.12)  # by few red cells
    assert gate.um_per_px == pytest.approx(7.5 / 125 / SCALE, rel=0.12)
    diameter, factor = gate.figures["diameter_px"], gate.figures["enlargement"]
    assert gate.diameter_um == pytest.approx(diameter / factor * gate.um_per_px)
    assert gate.size("diameter_px") == f"{gate.diameter_um:.1f} µm ({diameter / factor:.0f} px)"
    assert subject.image.shape == (448, 448, 3) and subject.prepared.size_known
    rows, columns = np.nonzero(subject.image.max(axis=2) > 16)
    middle = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    assert middle == pytest.approx((224.5, 224.5), abs=3)
    size = np.sqrt(found.sum() / subject.mask.sum())
    assert size == pytest.approx(1 / gate.figures["enlargement"], rel=0.02)
    assert "by the red cells around it" in subject.prepared.words[1]
    assert subject.prepared.original is close_up.image
    outlined = subject.prepared.outlined
    changed = (outlined != close_up.image).any(axis=2)
    assert 0 < changed.mean() < 0.05  # a line, on a copy


def test_the_cell_keeps_its_pixels_and_loses_all_around_it(
    reader: Reader, kept: Reference, close_up: SyntheticField
) -> None:
    """Where nothing has to be scaled, the cell is a copy."""
    seen = natural_background.look(close_up.image)
    assert seen.field is not None
    same = replace(kept, red_cell=seen.field.ruler.diameter)
    _, subject = judge(reader, same, close_up.image)
    assert subject.prepared is not None and subject.figures["enlargement"] == pytest.approx(1)
    mask = subject.prepared.mask
    assert subject.native is not None
    assert np.array_equal(subject.native[0], close_up.image * mask[:, :, None])
    assert int(subject.image.astype(int).sum()) == int(subject.native[0].astype(int).sum())


def test_without_a_ruler_the_size_is_assumed_and_said_to_say_nothing(
    reader: Reader, kept: Reference, close_up: SyntheticField
) -> None:
    gate, subject = judge(reader, replace(kept, red_cell=None), close_up.image, UNTIL_SCALE)
    assert gate.passed and subject.prepared is not None
    assert not subject.prepared.size_known
    assert gate.um_per_px is None and gate.diameter_um is None
    assert gate.size("diameter_px") == f"{gate.figures['diameter_px']:.0f} px"
    assert "its size says nothing here" in subject.prepared.words[1]
    assert gate.figures["diameter_px"] == pytest.approx(kept.typical_diameter, rel=0.03)


def test_a_model_that_kept_no_scale_refuses_it(reader: Reader, close_up: SyntheticField) -> None:
    gate, _ = judge(reader, None, close_up.image)
    assert gate.code == "natural background" and "did not keep the scale" in (gate.reason or "")


def test_too_few_pixels_are_refused_not_invented(
    reader: Reader, kept: Reference, close_up: SyntheticField
) -> None:
    coarse = cv2.resize(close_up.image, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    gate, _ = judge(reader, kept, coarse)
    assert gate.code == "natural background" and "too few pixels" in (gate.reason or "")


def test_two_cells_and_a_cell_at_the_edge_are_refused_with_a_way_out(
    reader: Reader, kept: Reference, close_up: SyntheticField
) -> None:
    rows, _ = np.nonzero(close_up.instances == 1)
    cut = close_up.image[int(rows.mean()) :]
    gate, _ = judge(reader, kept, cut)
    assert gate.code in UNTIL_CUT and not gate.passed
    pair = np.hstack([close_up.image, close_up.image[:, ::-1]])
    gate, _ = judge(reader, kept, pair)
    assert gate.code == "natural background" and "2 white cells" in (gate.reason or "")
    assert shows_field(gate)
    assert "Crop it to one" in (gate.way_out or "")


@pytest.mark.slow
def test_a_whole_field_is_never_cut_to_a_cell(reader: Reader, kept: Reference) -> None:
    for seed in range(3):
        picture = draw_field(seed=seed, blasts=3, lymphocytes=2, size=(400, 500), scale=0.25).image
        gate, subject = judge(reader, kept, picture)
        assert gate.code == "field" and subject.prepared is None
    # One cell in a wide picture is a field, too.
    wide = draw_field(seed=1, blasts=1, lymphocytes=0, size=(400, 500), scale=0.2).image
    assert judge(reader, kept, wide)[0].code == "field"


@pytest.mark.slow
def test_a_picture_that_was_not_taken_for_its_one_cell_shows_a_field(
    reader: Reader, kept: Reference
) -> None:
    drawn = draw_field(seed=4, blasts=1, lymphocytes=0, size=(900, 1100), scale=SCALE)
    rows, columns = np.nonzero(drawn.instances == 1)
    middle, across = (int(rows.mean()), int(columns.mean())), int(np.sqrt(4 * len(rows) / np.pi))

    def seen(down: float, right: float, size: tuple[int, int]) -> tuple[Gate, CheckedPicture]:
        """A part of the picture whose middle lies so many diameters from the cell's."""
        top, left = (
            int(at + away * across - side / 2)
            for at, away, side in zip(middle, (down, right), size, strict=True)
        )
        assert top >= 0 and left >= 0
        return judge(reader, kept, drawn.image[top : top + size[0], left : left + size[1]])

    for aside in ((0, 0.8), (-0.6, 0.5)):
        gate, subject = seen(*aside, (400, 520))
        assert shows_field(gate) and gate.passed and subject.prepared is not None  # if told so
    for aim, size in (((0, 0), (400, 520)), ((0.1, -0.15), (400, 400)), ((0.25, 0.25), (270, 270))):
        gate, _ = seen(*aim, size)
        assert gate.passed and not shows_field(gate)


def test_colours_that_no_dye_gives_are_no_smear(close_up: SyntheticField) -> None:
    assert natural_background.look(close_up.image).foreign <= natural_background.MAX_FOREIGN
    green = np.ascontiguousarray(close_up.image[:, :, [1, 0, 2]])
    assert (
        natural_background.look(green).foreign > natural_background.MAX_FOREIGN
        and natural_background.look(green).cells == ()
    )
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    assert natural_background.look(noise).cells == ()


@pytest.mark.slow
def test_real_smears_are_smears_and_photographs_are_not(real_data: Path) -> None:
    from sklearn.datasets import load_sample_images

    smears = sorted((real_data / "smears").glob("*.jpg"))
    bccd = sorted((real_data / "bccd_fields").rglob("*.jpg"))[::60]
    for file in [*smears, *bccd]:
        seen = natural_background.look(decode(file))
        assert (
            seen.foreign <= natural_background.MAX_FOREIGN
            and seen.glass >= natural_background.MIN_GLASS
        ), file
    for picture in load_sample_images().images:
        assert natural_background.look(picture).foreign > 3 * natural_background.MAX_FOREIGN
