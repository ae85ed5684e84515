"""Large scans: searched in a process of its own, with progress, a stop and mapped pixels."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.cells.detection.detect import Cell, Field, detect
from core.cells.detection.red_cells import Ruler
from core.data.images import encode
from core.data.synthetic.smear_field import draw_field
from core.errors import DataError
from core.jobs.job import Status
from core.reading.fields.detection_job import DetectionJob, load_field, save_field
from core.workers import launcher


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return draw_field(seed=3, blasts=3, lymphocytes=3, size=(480, 640), scale=0.4).image


def follow(job: DetectionJob, seconds: float = 60) -> Status:
    deadline = time.monotonic() + seconds
    while job.status.unfinished:
        assert time.monotonic() < deadline, job.status
        time.sleep(0.05)
    return job.status


def test_what_is_found_is_kept_as_it_was(tmp_path: Path, image: np.ndarray) -> None:
    found = detect(image)
    found = replace(found, cells=(replace(found.cells[0], smudged=True), *found.cells[1:]))
    save_field(tmp_path / "cells.npz", found)
    kept = load_field(tmp_path / "cells.npz")
    assert kept.ruler == found.ruler and kept.shape == found.shape and kept.complete
    assert len(kept.cells) == len(found.cells) > 0
    for one, other in zip(kept.cells, found.cells, strict=True):
        assert one.bbox == other.bbox and one.area_px == other.area_px
        assert one.score == other.score and one.touches_border == other.touches_border
        assert (one.purple, one.red_share) == (other.purple, other.red_share)
        assert one.smudged == other.smudged
        assert np.array_equal(one.mask, other.mask)
        assert np.array_equal(one.nucleus, other.nucleus)


def test_a_field_without_cells_is_kept_too_and_damage_is_told(tmp_path: Path) -> None:
    save_field(tmp_path / "cells.npz", Field((), Ruler(None, 2), (50, 60), complete=False))
    kept = load_field(tmp_path / "cells.npz")
    assert kept.cells == () and kept.ruler == Ruler(None, 2) and not kept.complete
    (tmp_path / "cells.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read"):
        load_field(tmp_path / "cells.npz")


def test_a_process_decodes_and_searches_a_scan(image: np.ndarray) -> None:
    job = DetectionJob.of("a")
    job.put(encode(image), ".png", None)
    launcher.start(job)
    status = follow(job)
    assert status.state == "succeeded", status
    assert status.shape == image.shape[:2] and status.done == status.total == 1
    assert np.array_equal(job.pixels.read(100, 50, 40, 30), image[50:80, 100:140])
    assert job.overview.shape == image.shape
    boxes = [cell.bbox for cell in job.found.cells]
    assert boxes == [cell.bbox for cell in detect(image).cells]
    assert not job.queue()  # done is done


def test_a_stop_ends_it_and_it_can_be_searched_again(image: np.ndarray) -> None:
    job = DetectionJob.of("b")
    job.put(encode(np.tile(image, (6, 5, 1))), ".png", None)
    launcher.start(job)
    job.request_stop()
    assert follow(job, 20).state == "cancelled"
    assert job.queue() and not job.stop_requested


def test_what_is_no_image_fails_in_words() -> None:
    job = DetectionJob.of("c")
    job.put(b"no image", ".png", None)
    launcher.start(job)
    status = follow(job)
    assert status.state == "failed" and "not an image" in (status.error or "")


def test_only_the_last_scans_are_kept(image: np.ndarray) -> None:
    for name in ("a", "b", "c"):
        DetectionJob.of(name).put(encode(image[:64, :64]), ".png", None)
        time.sleep(0.02)
    left = {folder.name for folder in DetectionJob.of("a").path.parent.iterdir()}
    assert left == {"b", "c"}


def test_cells_of_an_odd_size_survive_the_packing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cells = []
    for w, h in ((3, 5), (7, 1), (11, 13)):
        mask = rng.random((h, w)) < 0.5
        cells.append(Cell((w, h, w, h), mask, mask & False, int(mask.sum()), 0.5, False))
    save_field(tmp_path / "cells.npz", Field(tuple(cells), Ruler(9.5, 4), (99, 99)))
    for one, other in zip(load_field(tmp_path / "cells.npz").cells, cells, strict=True):
        assert np.array_equal(one.mask, other.mask) and not one.nucleus.any()
