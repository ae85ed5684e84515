import os
from pathlib import Path

import numpy as np
import pytest

from core.cells.masks import cell_mask
from core.data import pixel_cache
from core.data.geometry import Geometry, fit
from core.data.images import decode
from core.data.pixel_cache import CELL, IMAGE, INPUTS, pixels, said_of
from core.errors import ConfigError, DataError

SMALL = Geometry(450, 64)


@pytest.fixture
def cells(demo_index):
    return demo_index.cells.iloc[[5, 100, 2, 60]]


def test_each_row_is_the_fitted_image_of_its_cell_in_the_order_of_the_cells(demo_root, cells):
    for geometry in (SMALL, Geometry(300, 224)):
        found = pixels(demo_root, cells, geometry)
        assert (found.shape, found.dtype) == ((4, geometry.size, geometry.size, 3), np.uint8)
        for row, image_id in zip(found, cells["image_id"], strict=True):
            np.testing.assert_array_equal(row, fit(decode(demo_root / image_id), geometry))
    backwards = pixels(demo_root, cells.iloc[::-1], SMALL)
    np.testing.assert_array_equal(backwards, pixels(demo_root, cells, SMALL)[::-1])


def test_what_comes_out_is_a_read_only_memory_map(demo_root, cells):
    found = pixels(demo_root, cells, SMALL)
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


def test_pixels_are_decoded_once_for_the_same_contents_and_geometry(demo_root, cells, monkeypatch):
    first = np.array(pixels(demo_root, cells, SMALL))
    calls = []

    def count(*arguments):
        calls.append(arguments)
        return decode(*arguments)

    monkeypatch.setattr(pixel_cache, "decode", count)
    np.testing.assert_array_equal(pixels(demo_root, cells, SMALL), first)
    assert calls == []
    pixels(demo_root, cells, Geometry(450, 32))
    pixels(demo_root, cells.iloc[:2], SMALL)
    assert len(calls) == 6


def test_progress_reaches_the_total_and_is_silent_when_kept(demo_root, demo_index):
    seen = []
    for _ in range(2):
        pixels(demo_root, demo_index.cells, SMALL, lambda *numbers: seen.append(numbers))
    assert seen == [(50, 120), (100, 120), (120, 120)]


@pytest.fixture
def copied(tmp_path, demo_root, cells):
    """The four cells in a folder that a test may damage."""
    for image_id in cells["image_id"]:
        target = tmp_path / "set" / image_id
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((demo_root / image_id).read_bytes())
    return tmp_path / "set"


def _change(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    facts = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize(
    ("harm", "message"),
    [(_change, "has changed since it was indexed"), (lambda path: path.unlink(), "cannot be read")],
)
def test_a_changed_or_missing_file_stops_it_and_leaves_no_half_built_array(
    copied, cells, artifacts, harm, message
):
    path = copied / cells["image_id"].iat[2]
    whole = path.read_bytes()
    harm(path)
    with pytest.raises(DataError, match=message) as caught:
        pixels(copied, cells, SMALL)
    assert path.name in str(caught.value)
    assert list(artifacts.rglob("*.npy")) == []
    path.write_bytes(whole)
    assert pixels(copied, cells, SMALL)[2].any()


def test_a_control_shows_the_outline_or_a_disc_of_its_area_and_nothing_else(demo_root, cells):
    for image_id in cells["image_id"]:
        image = decode(demo_root / image_id)
        mask = cell_mask(image)
        assert pixel_cache.shown(image, "cell") is image
        outline = pixel_cache.shown(image, "silhouette")
        assert (outline.shape, outline.dtype) == (image.shape, np.uint8)
        np.testing.assert_array_equal((outline == pixel_cache.GREY).all(axis=2), mask)
        assert not outline[~mask].any()
        disc = (pixel_cache.shown(image, "size") == pixel_cache.GREY).all(axis=2)
        assert disc.sum() == mask.sum() and set(np.unique(disc)) == {False, True}
        assert np.argwhere(disc).mean(axis=0) == pytest.approx([224.5, 224.5], abs=0.5)
        away = np.hypot(*(np.indices(disc.shape) - 224.5))
        assert away[disc].max() <= away[~disc].min() + 1e-9
    assert not pixel_cache.shown(np.zeros((40, 30, 3), np.uint8), "size").any()
    with pytest.raises(ConfigError, match="inputs is 'shadow'"):
        pixel_cache.shown(image, "shadow")


def test_controls_are_kept_apart_from_cells(demo_root, cells):
    found = {kind: np.array(pixels(demo_root, cells, SMALL, inputs=kind)) for kind in INPUTS}
    for kind, array in found.items():
        images = [pixel_cache.shown(decode(demo_root / name), kind) for name in cells["image_id"]]
        np.testing.assert_array_equal(array, np.stack([fit(image, SMALL) for image in images]))
    assert not np.array_equal(found["silhouette"], found["size"])


@pytest.mark.parametrize("damage", ["cut short", "another array", "no array"])
def test_a_kept_array_that_is_damaged_is_made_anew(demo_root, cells, damage):
    first = pixels(demo_root, cells, SMALL)
    file, before = Path(first.filename), np.array(first)
    del first
    data = file.read_bytes()
    file.write_bytes({"cut short": data[:-9], "no array": b"words"}.get(damage, b""))
    if damage == "another array":
        np.save(file, before[:2])
    np.testing.assert_array_equal(pixels(demo_root, cells, SMALL), before)


def test_what_a_model_reads_has_one_word() -> None:
    text = "A cell of each. Cells that are a cell's own; white cells on black, red cells aside."
    assert said_of(text, CELL) == text
    assert said_of(text, IMAGE) == (
        "An image of each. Images that are an image's own; white cells on black, red cells aside."
    )
