import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.cells import annotations
from core.cells.detection.detect import Field, detect
from core.cells.detection.tiles import Stored, Whole, detect_tiled
from core.data import images
from core.data.images import decode, encode, open_large_image
from core.data.synthetic.smear_field import draw_field
from core.errors import UploadError
from core.settings import PROJECT, Settings, settings


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return draw_field(seed=4, look="warm", blasts=3, lymphocytes=2, scale=0.4).image


@pytest.fixture(scope="module")
def field(image: np.ndarray) -> Field:
    return detect(image)


def near(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return max(abs(one - other) for one, other in zip(a, b, strict=True)) <= 12


@pytest.mark.slow
def test_cells_on_the_borders_of_tiles_are_found_once(image, field):
    assert len(field.cells) >= 4
    for tile in (160, 230):
        tiled = detect_tiled(Whole(image), tile=tile)
        assert tiled.complete and tiled.shape == field.shape
        for cell in field.cells:
            assert sum(near(cell.bbox, other.bbox) for other in tiled.cells) == 1
        assert len(tiled.cells) == len(field.cells)


def test_progress_counts_tiles_and_stop_keeps_what_was_found(image):
    told: list[tuple[int, int]] = []
    whole = detect_tiled(Whole(image), tile=240, progress=lambda *done: told.append(done))
    assert told == [(n + 1, 6) for n in range(6)]
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    part = detect_tiled(Whole(image), tile=240, stop=stop)
    assert not part.complete and len(asked) == 4
    assert {cell.bbox for cell in part.cells} <= {cell.bbox for cell in whole.cells}


def test_a_scan_is_read_by_regions_beyond_the_limit_of_decode(tmp_path: Path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    path = tmp_path / "scan.png"
    path.write_bytes(encode(pixels))
    root = settings()
    small = Settings(root.artifacts, root.weights, max_pixels=5000, max_scan_pixels=20_000)
    monkeypatch.setattr(images, "settings", lambda: small)
    with pytest.raises(UploadError, match="120 x 90"):
        decode(path)
    with open_large_image(path) as scan:
        assert scan.shape == (90, 120)
        np.testing.assert_array_equal(scan.read(30, 20, 50, 40), pixels[20:60, 30:80])
    path.write_bytes(encode(np.zeros((200, 120, 3), np.uint8)))
    with pytest.raises(UploadError, match="Export a part of the scan"), open_large_image(path):
        pass
    path.write_bytes(b"no image")
    with pytest.raises(UploadError, match="none of"), open_large_image(path):
        pass


def test_stored_pixels_are_read_as_those_in_memory_are(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 255, (90, 121, 3), np.uint8)
    (tmp_path / "pixels.rgb").write_bytes(pixels.tobytes())
    stored, whole = Stored(tmp_path / "pixels.rgb", (90, 121)), Whole(pixels)
    assert stored.shape == whole.shape
    for box in (
        (0, 0, 121, 90),
        (30, 20, 50, 40),
        (120, 89, 1, 1),
        (100, 80, 40, 40),
        (0, 90, 5, 5),
    ):
        np.testing.assert_array_equal(stored.read(*box), whole.read(*box))


def test_a_mask_is_made_by_rows_as_it_is_whole(field):
    whole = annotations.mask_image(field)
    tops = range(0, len(whole), 37)
    rows = [annotations.mask_image(field, top, min(len(whole), top + 37)) for top in tops]
    np.testing.assert_array_equal(np.vstack(rows), whole)


def test_masks_tables_and_coco_say_the_same(image, field):
    mask = annotations.mask_image(field)
    assert set(np.unique(mask)) == {0, 128, 255} and mask.shape == image.shape[:2]
    assert (mask > 0).sum() <= sum(cell.area_px for cell in field.cells)
    rows = list(csv.DictReader(io.StringIO(annotations.to_csv([("a.png", field)]))))
    boxes = [tuple(int(row[key]) for key in "xywh") for row in rows]
    assert boxes == [field.frame(cell) for cell in field.cells]
    coco = json.loads(json.dumps(annotations.to_coco([("a.png", field), ("b.png", field)])))
    assert [it["id"] for it in coco["annotations"]] == list(range(1, 2 * len(boxes) + 1))
    assert [tuple(it["bbox"]) for it in coco["annotations"]] == 2 * boxes
    for item, cell in zip(coco["annotations"], 2 * field.cells, strict=True):
        x, y, w, h = cell.bbox
        across, down = item["segmentation"][0][::2], item["segmentation"][0][1::2]
        assert (min(across), min(down)) == (x, y)
        assert (max(across), max(down)) == (x + w - 1, y + h - 1)
    drawn = annotations.overlay(image, field)
    assert drawn.shape == image.shape and (drawn != image).any()


@pytest.mark.process
def test_the_command_line_finds_cells_and_writes_files(image, field, tmp_path: Path):
    path = tmp_path / "field.png"
    path.write_bytes(encode(image))
    done = subprocess.run(
        [
            sys.executable, "-m", "core", "cells", str(path), "--mask", str(tmp_path / "m"),
            "--overlay", str(tmp_path / "o"), "--csv", str(tmp_path / "t.csv"),
            "--coco", str(tmp_path / "c.json"), "--json",
        ],
        cwd=PROJECT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    assert told["image"] == str(path) and told["milliseconds"] > 0
    assert [tuple(cell["bbox"]) for cell in told["cells"]] == [field.frame(c) for c in field.cells]
    assert {"area_px", "score"} <= set(told["cells"][0])
    assert told["scale_bar_px"] is None and told["prepared"] is None
    np.testing.assert_array_equal(
        decode(Path(told["mask"]))[:, :, 0], annotations.mask_image(field)
    )
    assert len((tmp_path / "t.csv").read_text().splitlines()) == len(field.cells) + 1
    assert json.loads((tmp_path / "c.json").read_text())["images"][0]["file_name"] == str(path)


@pytest.mark.process
def test_the_command_line_refuses_in_one_line(tmp_path: Path):
    for arguments in (["none.png"], [str(PROJECT / "README.md")]):
        done = subprocess.run(
            [sys.executable, "-m", "core", "cells", *arguments, "--json"],
            cwd=PROJECT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 2 and done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
