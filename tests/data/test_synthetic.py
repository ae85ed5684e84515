import json
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.data.synthetic.dataset import write_dataset
from core.data.synthetic.output import MARKER
from core.data.synthetic.white_cell import SIZE, draw_cell
from core.errors import ConfigError, DataError

NAME = re.compile(r"UID_(H?\d+)_(\d+)_(\d+)_(all|hem)\.bmp")
CELLS, SUBJECTS = 40, 8


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("demo"), cells=CELLS, subjects=SUBJECTS, seed=3)


@pytest.fixture(scope="module")
def drawn():
    """Four cells of each of six subjects a class, as (label, subject number) -> images."""
    return {
        (label, number): [
            draw_cell(subject=f"{'' if label else 'H'}{number}", cell=cell, label=label)
            for cell in range(4)
        ]
        for label in (0, 1)
        for number in range(1, 7)
    }


def _files(root: Path) -> list[Path]:
    return sorted((root / "C-NMC_Leukemia" / "training_data").glob("fold_[012]/*/*.bmp"))


def _bytes(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in _files(root)}


@pytest.mark.slow
def test_a_cell_depends_on_its_arguments_alone(drawn):
    again = draw_cell(subject="2", cell=3, label=1)
    np.testing.assert_array_equal(again, drawn[1, 2][3])
    for other in (
        draw_cell(subject="2", cell=3, label=1, seed=1),
        draw_cell(subject="2", cell=4, label=1),
        draw_cell(subject="3", cell=3, label=1),
        draw_cell(subject="2", cell=3, label=0),
    ):
        assert not np.array_equal(again, other)


@pytest.mark.slow
def test_a_cell_is_one_centred_region_on_pure_black(drawn):
    for image in (image for images in drawn.values() for image in images):
        assert image.shape == (SIZE, SIZE, 3)
        assert image.dtype == np.uint8
        inside = image.max(axis=2) > 0
        assert image[inside].min() > 0
        regions, _, stats, centroids = cv2.connectedComponentsWithStats(inside.astype(np.uint8))
        assert regions == 2
        assert 8_000 < stats[1, cv2.CC_STAT_AREA] < 90_000
        assert np.abs(centroids[1] - SIZE / 2).max() < 20
        assert not inside[[0, -1]].any()
        assert not inside[:, [0, -1]].any()


def test_many_seeds_give_one_region_inside_the_frame():
    for seed in range(25):
        inside = draw_cell(subject="1", cell=0, label=seed % 2, seed=seed).max(axis=2) > 0
        assert cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)[0] == 2
        assert not inside[[0, -1]].any()


def test_a_nucleus_is_darker_than_the_rim_of_its_cell(drawn):
    for image in (image for images in drawn.values() for image in images):
        inside = (image.max(axis=2) > 0).astype(np.uint8)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
        assert image[depth > 20].mean() < image[(depth > 1) & (depth < 5)].mean()


def test_blasts_are_larger_on_average(drawn):
    area = {label: [] for label in (0, 1)}
    for (label, _), images in drawn.items():
        area[label] += [np.count_nonzero(image[..., 0]) for image in images]
    assert np.mean(area[1]) > 1.1 * np.mean(area[0])


def test_subjects_look_different(drawn):
    for label in (0, 1):
        colour = np.array(
            [
                [np.log(image[image[..., 0] > 0].mean(axis=0)) for image in images]
                for (of, _), images in drawn.items()
                if of == label
            ]
        )
        between = colour.mean(axis=1).var(axis=0).sum()
        within = colour.var(axis=1).mean(axis=0).sum()
        assert between > within


@pytest.mark.slow
def test_files_are_exact_in_number_name_and_format(written):
    files = _files(written)
    assert len(files) == CELLS
    assert sum(1 for path in written.rglob("*") if path.is_file()) == CELLS + 1
    fields: dict[str, dict[int, list[int]]] = {}
    for path in files:
        subject, image, cell, label = NAME.fullmatch(path.name).groups()
        assert path.parent.name == label
        assert subject.startswith("H") == (label == "hem")
        assert path.stat().st_size == 54 + SIZE * 1352  # rows of 1,350 bytes are padded to 1,352
        fields.setdefault(subject, {}).setdefault(int(image), []).append(int(cell))
    assert len(fields) == SUBJECTS
    for images in fields.values():
        assert sorted(images) == list(range(1, len(images) + 1))
        assert all(sorted(cells) == list(range(1, len(cells) + 1)) for cells in images.values())
        assert sum(len(cells) for cells in images.values()) >= 2


@pytest.mark.slow
def test_files_hold_the_drawn_cells_as_rgb(written):
    first = next(path for path in _files(written) if path.name == "UID_H1_1_1_hem.bmp")
    read = cv2.imread(str(first))[..., ::-1]
    np.testing.assert_array_equal(read, draw_cell(subject="H1", cell=0, label=0, seed=3))


def test_folds_share_no_subject_and_hold_both_classes(written):
    fold_of: dict[str, set[str]] = {}
    for path in _files(written):
        fold_of.setdefault(path.name.split("_")[1], set()).add(path.parts[-3])
    assert all(len(folds) == 1 for folds in fold_of.values())
    classes = {(path.parts[-3], path.parts[-2]) for path in _files(written)}
    assert classes == {(f"fold_{fold}", name) for fold in range(3) for name in ("all", "hem")}


def test_three_fifths_of_the_cells_are_blasts(written):
    share = Counter(path.parent.name for path in _files(written))
    assert share["all"] == round(0.6 * CELLS)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(written, tmp_path):
    same = write_dataset(tmp_path / "same", cells=CELLS, subjects=SUBJECTS, seed=3)
    other = write_dataset(tmp_path / "other", cells=12, subjects=6, seed=4)
    assert _bytes(same) == _bytes(written)
    assert not set(_bytes(other).values()) & set(_bytes(written).values())


def test_the_facts_are_written_and_a_finished_set_is_left_alone(written):
    facts = json.loads((written / "dataset.json").read_text(encoding="utf-8"))
    assert facts.pop("generator") >= 1
    assert facts == {
        "name": "Synthetic demo set",
        "synthetic": True,
        "seed": 3,
        "cells": CELLS,
        "subjects": SUBJECTS,
    }
    assert not (written / MARKER).exists()

    def refuse(done, total):
        raise AssertionError("drew again")

    again = write_dataset(written, cells=CELLS, subjects=SUBJECTS, seed=3, progress=refuse)
    assert again == written
    with pytest.raises(DataError, match=f"subjects {SUBJECTS} instead of {SUBJECTS - 1}"):
        write_dataset(written, cells=CELLS, subjects=SUBJECTS - 1, seed=3)


def test_progress_counts_every_cell_once(tmp_path):
    seen = []
    write_dataset(
        tmp_path, cells=12, subjects=6, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(done, 12) for done in range(1, 13)]


@pytest.mark.slow
def test_an_interrupted_drawing_is_taken_up_again(tmp_path):
    class StopError(Exception):
        pass

    def stop(done, total):
        if done == 5:
            raise StopError

    root = tmp_path / "demo"
    with pytest.raises(StopError):
        write_dataset(root, cells=40, subjects=6, seed=1, progress=stop)
    assert (root / MARKER).exists()
    assert not (root / "dataset.json").exists()
    assert 5 <= len(_files(root)) < 40

    write_dataset(root, cells=12, subjects=6, seed=2)
    assert not (root / MARKER).exists()
    fresh = write_dataset(tmp_path / "fresh", cells=12, subjects=6, seed=2)
    assert _bytes(root) == _bytes(fresh)


def test_a_folder_with_other_files_is_refused_and_kept(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="other files"):
        write_dataset(tmp_path, cells=12, subjects=6)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(DataError, match="other files"):
        write_dataset(tmp_path / "notes.txt", cells=12, subjects=6)


@pytest.mark.parametrize("facts", ["{", '{"name": "another set"}', "[]"])
def test_another_finished_set_is_refused(tmp_path, facts):
    (tmp_path / "dataset.json").write_text(facts)
    with pytest.raises(DataError, match="other files"):
        write_dataset(tmp_path, cells=12, subjects=6)
    assert (tmp_path / "dataset.json").read_text() == facts


@pytest.mark.parametrize(
    ("asked", "value", "remedy"),
    [
        ({"cells": 79, "subjects": 40}, "79", "80"),
        ({"cells": 100, "subjects": 5}, "5", "6"),
        ({"cells": 12, "subjects": 6, "seed": -1}, "-1", "0"),
    ],
)
def test_an_impossible_set_is_refused_before_anything_is_written(tmp_path, asked, value, remedy):
    with pytest.raises(ConfigError) as caught:
        write_dataset(tmp_path / "demo", **asked)
    assert value in str(caught.value)
    assert remedy in str(caught.value)
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(("cells", "subjects"), [(12, 6), (14, 7), (15, 7)])
def test_the_smallest_sets_give_every_subject_two_cells(tmp_path, cells, subjects):
    write_dataset(tmp_path, cells=cells, subjects=subjects)
    share = Counter(path.name.split("_")[1] for path in _files(tmp_path))
    assert share.total() == cells
    assert len(share) == subjects
    assert min(share.values()) >= 2
