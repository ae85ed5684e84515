"""A set of synthetic fields on disk: its images, masks and boxes."""

import csv
import json

import numpy as np
import pytest

from core.data.images import decode
from core.data.synthetic.output import MARKER
from core.data.synthetic.smear_field import (
    write_fields,
)
from core.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_fields(tmp_path_factory.mktemp("fields") / "set", fields=3, seed=4)


def test_a_written_set_holds_images_masks_boxes_and_says_it_is_synthetic(written):
    names = [f"field_{number:03d}" for number in range(3)]
    images = [f"{name}{end}.png" for name in names for end in ("", "_mask")]
    assert sorted(p.name for p in written.iterdir()) == sorted(
        [*images, "boxes.csv", "fields.json"]
    )
    facts = json.loads((written / "fields.json").read_text(encoding="utf-8"))
    assert facts["synthetic"] is True and facts["seed"] == 4 and facts["generator"] >= 1
    with (written / "boxes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "kind", "x", "y", "w", "h", "cut", "touching"]
    assert {row["file"] for row in rows} == {f"{name}.png" for name in names}
    assert {row["cut"] for row in rows} | {row["touching"] for row in rows} == {"0", "1"}
    for name in names:
        mask = decode(written / f"{name}_mask.png")[..., 0]
        assert decode(written / f"{name}.png").shape == (*mask.shape, 3)
        boxes = np.zeros_like(mask)
        for row in rows:
            if row["file"] == f"{name}.png" and row["kind"] in ("blast", "lymphocyte"):
                x, y, w, h = (int(row[side]) for side in "xywh")
                boxes[y : y + h, x : x + w] = 1
        assert mask.any() and boxes[mask > 0].all()


def test_a_finished_set_is_not_drawn_again(written):
    before = {p.name: p.stat().st_mtime_ns for p in written.iterdir()}
    assert write_fields(written, fields=3, seed=4, progress=pytest.fail) == written
    assert before == {p.name: p.stat().st_mtime_ns for p in written.iterdir()}


def test_another_set_or_other_files_are_left_alone(written, tmp_path):
    with pytest.raises(DataError, match=r"another synthetic set: seed 4 instead of 5\. Choose"):
        write_fields(written, fields=3, seed=5)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="other files"):
        write_fields(tmp_path, fields=1, seed=0)
    with pytest.raises(DataError, match="other files"):
        write_fields(tmp_path / "mine.txt", fields=1, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_an_interrupted_set_is_drawn_anew_and_ends_the_same(written, tmp_path):
    def stop(done: int, total: int) -> None:
        assert total == 4
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_fields(tmp_path, fields=4, seed=9, progress=stop)
    assert (tmp_path / MARKER).exists() and not (tmp_path / "fields.json").exists()
    steps: list[tuple[int, int]] = []
    write_fields(tmp_path, fields=3, seed=4, progress=lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    contents = [{p.name: p.read_bytes() for p in root.iterdir()} for root in (written, tmp_path)]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("arguments", [{"fields": 0}, {"seed": -1}, {"look": "jet"}])
def test_an_impossible_set_is_refused_before_anything_is_written(arguments, tmp_path):
    with pytest.raises(ConfigError, match=str(next(iter(arguments.values())))):
        write_fields(tmp_path / "set", **({"fields": 1, "seed": 0} | arguments))
    assert not (tmp_path / "set").exists()
