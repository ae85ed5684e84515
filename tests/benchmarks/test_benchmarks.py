"""The benchmarks, small: the drawn data set is what it claims, and each prints its document."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import training, tree
from benchmarks.__main__ import main
from benchmarks.measure import bars_of, plain
from core.data import duplicates, indexing
from core.data.geometry import window
from core.data.images import decode
from core.errors import DataError
from core.runs.run_store import Run

SHORT, LONG, FINAL = 608_454, 608_538, 1_080_054
TRAINING, COPIES, PRELIMINARY, LAST = 24, 3, 20, 4


@pytest.fixture(scope="module")
def files() -> pd.DataFrame:
    """An invented listing: training cells, three of them twice, and both test phases."""
    rows = []
    for n in range(TRAINING + COPIES):
        subject, name = (f"{n % 4 + 1}", "all") if n % 2 == 0 else (f"H{n % 4 + 1}", "hem")
        path = f"training_data/fold_{n % 3}/{name}/UID_{subject}_{n + 1}_1_{name}.bmp"
        rows.append((path, f"cell {n % TRAINING}", SHORT))
    for n in range(PRELIMINARY):
        rows.append((f"validation_data/{tree.PRELIMINARY}/{n + 1}.bmp", f"early {n}", LONG))
    for n in range(LAST):
        rows.append((f"testing_data/C-NMC_test_final_phase_data/{n + 1}.bmp", f"late {n}", FINAL))
    table = pd.DataFrame(rows, columns=["path", "sha256", "bytes"])
    table["sha256"] = [hashlib.sha256(text.encode()).hexdigest() for text in table["sha256"]]
    return table.sort_values("path", ignore_index=True)


@pytest.fixture(scope="module")
def drawn(files: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tree.Tree:
    """The tree of that listing."""
    return tree.build(tmp_path_factory.mktemp("tree"), files)


@pytest.fixture
def listed(files: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing where the benchmarks look for it."""
    folder = tmp_path / "real"
    folder.mkdir()
    labels = pd.DataFrame([("validation_data/labels.csv", "0" * 64, 58_692)], columns=files.columns)
    table = pd.concat([files, labels])
    table["path"] = "C-NMC_Leukemia/" + table["path"]
    table.to_csv(folder / tree.LISTING, index=False)
    monkeypatch.setenv("BLASTLENS_REAL_DATA", str(folder))


def test_the_listing_is_read_as_paths_below_the_root_images_alone(
    files: pd.DataFrame, listed: None
) -> None:
    pd.testing.assert_frame_equal(tree.listing(), files)


def test_a_tree_has_the_listing_s_files_at_their_sizes_identical_where_it_says_so(
    drawn: tree.Tree, files: pd.DataFrame
) -> None:
    paths = [drawn.root / path for path in files["path"]]
    assert sorted(drawn.root.rglob("*.bmp")) == sorted(paths)
    assert [path.stat().st_size for path in paths] == files["bytes"].tolist()
    found = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert len(set(found)) == len(paths) - COPIES
    assert len(set(zip(found, files["sha256"], strict=True))) == len(paths) - COPIES


def test_its_images_are_cells_on_black_and_none_is_a_near_copy(
    drawn: tree.Tree, files: pd.DataFrame
) -> None:
    pictures = {path: decode(drawn.root / path) for path in files["path"]}
    sides = {SHORT: 450, LONG: 450, FINAL: 600}
    for path, size in zip(files["path"], files["bytes"], strict=True):
        picture = pictures[path]
        assert picture.shape == (sides[size], sides[size], 3)
        assert not picture[[0, -1]].any() and not picture[:, [0, -1]].any()
        assert picture.any(axis=2).sum() > 15_000
    thumbnails = np.array([duplicates.thumbnail(picture) for picture in pictures.values()])
    cells = pd.DataFrame(
        {"image_id": files["path"], "subject": files["path"], "sha256": files["sha256"]}
    )
    pairs = duplicates.find_pairs(cells, thumbnails, lambda path: window(pictures[path], 450))
    assert pairs["kind"].tolist() == ["exact"] * COPIES


def test_the_preliminary_labels_are_worded_as_in_the_release(
    drawn: tree.Tree, files: pd.DataFrame
) -> None:
    labels = pd.read_csv(drawn.root / "validation_data" / tree.LABELS)
    assert list(labels.columns) == ["Patient_ID", "new_names", "labels"]
    assert labels["new_names"].tolist() == [f"{n + 1}.bmp" for n in range(PRELIMINARY)]
    assert labels["Patient_ID"].is_unique and set(labels["labels"]) == {0, 1}
    known = set(files["path"].str.extract(r"UID_(H?\d+)_")[0])
    for original, label in zip(labels["Patient_ID"], labels["labels"], strict=True):
        match = re.fullmatch(r"UID_(H?\d+)_(\d+)_(\d+)_(all|hem)\.bmp", original)
        assert match and match[1] not in known
        assert (match[4] == "all") == bool(label) != match[1].startswith("H")


def test_a_finished_tree_is_kept_an_unfinished_one_mended_and_nothing_else_touched(
    files: pd.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "drawn"
    first = tree.part(files, 3)
    assert len(first) == 3
    file = tree.build(folder, first).root / first["path"][0]
    before = file.stat().st_mtime_ns
    tree.build(folder, first)
    assert file.stat().st_mtime_ns == before
    marker = folder / tree.MARKER
    marker.write_text(marker.read_text().replace("true", "false"))
    file.unlink()
    tree.build(folder, first)
    assert file.is_file()
    with pytest.raises(DataError, match="another drawn data set"):
        tree.build(folder, files)
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "note.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        tree.build(tmp_path / "else", first)


@pytest.mark.parametrize("name", ["index", "pixels"])
def test_a_benchmark_prints_its_document_and_leaves_nothing_behind(
    name: str,
    listed: None,
    artifacts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert main([name, "--json", "--images", "12", "--rounds", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["name", "machine", "figures", "bars"]
    assert document["name"] == name and document["machine"]["cores"] >= 1
    assert document["figures"] and document["bars"]
    for bar in document["bars"]:
        assert list(bar) == ["name", "value", "target", "holds"]
        assert bar["holds"] == (bar["value"] <= bar["target"])
    assert list(temporary.iterdir()) == [] and not artifacts.exists()


def test_a_kept_tree_serves_again_and_the_table_says_whether_a_bar_holds(
    listed: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["pixels", "--tree", str(tmp_path / "kept"), "--images", "6", "--rounds", "1"]
    assert main(arguments) == 0 and main(arguments) == 0
    said = capsys.readouterr().out
    assert "pixel cache over a bare loop" in said and "holds" in said
    assert (tmp_path / "kept" / tree.MARKER).is_file()


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["index", "--images", "0"], ["index", "--wrong"], []]
)
def test_wrong_words_end_in_one_line_and_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    assert ended.value.code == 2 and said.out == "" and len(said.err.splitlines()) == 1


def test_without_a_listing_it_says_so_and_ends_in_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BLASTLENS_REAL_DATA", raising=False)
    assert main(["index"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("Skipped") and "BLASTLENS_REAL_DATA" in said.err


def test_training_is_measured_beside_others_that_train_on_the_same_cells(
    finished_run: Run, demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "train", lambda *_, **__: finished_run)
    monkeypatch.setattr(training, "CNN_EPOCHS", 2)
    sides = training.cnn_round("cnn-16", demo_root)
    metrics = finished_run.metrics
    assert metrics
    cells = metrics.parts["train"].images
    assert sides["ours"].facts["images"] == sides["study"].facts["images"] == cells
    images = sides["limit"].facts["images"]
    assert isinstance(images, int) and cells <= images < cells + finished_run.config.batch_size
    assert all(side.speed > 0 for side in sides.values())
    assert sides["ours"].speed == metrics.training.images_per_second


def test_speeds_are_compared_by_the_medians_of_their_rounds() -> None:
    speeds = {"ours": (300, 310, 900), "study": (100, 200, 90), "limit": (320, 340, 330)}
    rounds = [{side: training.Side(s[turn], {}) for side, s in speeds.items()} for turn in range(3)]
    measured = training.compare("cnn-16", rounds)
    figures: Any = plain(measured)
    assert figures["images_per_second"]["ours"] == {
        "median": 310,
        "minimum": 300,
        "maximum": 900,
        "rounds": 3,
    }
    assert figures["ours_over"] == {"study": 3.1, "limit": 0.93939}
    assert figures["pytorch"].startswith("Skipped")
    assert [(bar.target, bar.holds) for bar in bars_of(measured)] == [(2.0, True), (0.9, True)]


def test_a_trainer_is_watched_to_its_peak(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(b'1') * 2**27; del held; time.sleep(0.5)"
    command = [sys.executable, "-c", hold, "core.workers.trainer", str(tmp_path)]
    with training.watched(Run(tmp_path)) as peak:
        subprocess.run(command, check=True)
    assert 2**27 < peak.resident < 2**28 and 0 < peak.anonymous <= peak.resident


def test_patterns_are_cells_of_many_subjects_and_none_is_a_near_copy(tmp_path: Path) -> None:
    found = indexing.index(tree.draw_patterns(tmp_path / "many", 240))
    assert len(found.labelled()) == 240 and len(found.pairs) == 0
    assert found.cells["subject"].nunique() == tree.PATTERN_SUBJECTS
    assert found.labelled()["label"].tolist().count(1) == 120


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("training", "cnn, transfer"),
        ("index", "looks, duplicates"),
        ("pixels", "pixels has no parts"),
    ],
)
def test_a_part_that_is_not_there_is_refused_in_one_line(
    name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--only", "nothing"]) == 2
    error = capsys.readouterr().err
    assert "'nothing'" in error and said in error and len(error.splitlines()) == 1
