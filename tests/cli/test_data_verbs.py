"""The verbs that draw and index a data set."""

from dataclasses import replace
from pathlib import Path

import pytest

from core import storage
from core.data import indexing
from core.data.measures import measure
from core.data.quality import FLAGS
from core.reading.cell_reading import Reading
from core.reading.reader import Reader
from core.runs import run_store
from tests.conftest import CELLS, SUBJECTS
from tests.factories.command import document, run
from tests.factories.trees import KAGGLE, cell, save, write_three_phases


def test_index_tells_what_is_in_a_data_set(demo_root: Path) -> None:
    told = document("index", str(demo_root))
    assert told["images"] == CELLS and told["subjects"] == told["groups"] == SUBJECTS
    assert told["labels"] == {"ALL": 72, "HEM": 48, "unlabelled": 0}
    assert sum(told["splits"].values()) == CELLS
    assert told["rejected"] == [] and told["linked_subjects"] == []
    assert told["duplicates"] == {"exact_pairs": 0, "near_pairs": 0, "cross_subject_pairs": 0}
    assert told["seconds"] > 0
    assert told["quality"] is None
    flagged = document("index", str(demo_root), "--quality")["quality"]
    table = measure(indexing.index(demo_root))
    assert flagged["empty"] == 0 and flagged.keys() == FLAGS.keys()
    assert max(flagged.values()) <= (table["quality"] != "").sum() <= sum(flagged.values())


def test_index_of_a_folder_per_class_asks_once_which_is_positive(tmp_path: Path) -> None:
    for name, subject in (("blast", "1"), ("normal", "H1")):
        save(tmp_path / f"set/{name}/1.png", cell(subject), "PNG")
    folder = str(tmp_path / "set")
    done = run("index", folder, "--json", status=2)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "blast (1), normal (1)" in done.stderr and "--positive" in done.stderr
    done = run("index", folder, "--positive", "healthy", status=2)
    assert "no class 'healthy'" in done.stderr
    told = document("index", folder, "--positive", "blast")
    assert {name: row["counts_as"] for name, row in told["classes"].items()} == {
        "blast": "ALL",
        "normal": "HEM",
    }
    assert told["labels"] == {"ALL": 1, "HEM": 1, "unlabelled": 0}
    again = document("index", folder)
    assert again.pop("seconds") < 5 and told.pop("seconds") > 0
    assert again == told


def test_index_tells_of_each_phase(tmp_path: Path) -> None:
    told = document("index", str(write_three_phases(tmp_path / "set", KAGGLE)))
    assert told["images"] == 7
    assert told["labels"] == {"ALL": 3, "HEM": 3, "unlabelled": 1}
    assert {part: row["images"] for part, row in told["phases"].items()} == {
        "training": 4,
        "preliminary": 2,
        "final": 1,
        "fold_0": 2,
        "fold_1": 1,
        "fold_2": 1,
    }
    assert told["splits"] is None


@pytest.mark.parametrize(("options", "subjects"), [((), 15), (("--subjects", "6"), 6)])
def test_demo_draws_a_set_that_index_reads(
    options: tuple[str, ...], subjects: int, tmp_path: Path
) -> None:
    told = document("demo", str(tmp_path / "set"), "--cells", "60", "--seed", "2", *options)
    assert told["synthetic"] is True
    found = document("index", told["dataset"])
    assert (found["images"], found["subjects"]) == (60, subjects)
    assert min(found["splits"].values()) > 0


def test_examples_are_test_cells_of_different_subjects_that_the_run_reads(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "examples_dir", lambda: tmp_path)
    written = [Path(file) for file in document("examples", "run-cnn-16")]
    test = run_store.get("run-cnn-16").predictions.query("split == 'test'")
    subjects = test.set_index(test["image_id"].map(lambda name: Path(name).stem))["subject"]
    chosen = subjects.loc[[file.stem for file in written]]
    assert len(chosen) and chosen.is_unique and {file.parent for file in written} == {tmp_path}

    whole, refused = Reader.read, written[0].stem

    def read(reader: Reader, source: Path) -> Reading:
        reading = whole(reader, source)
        return replace(reading, cells=()) if source.stem == refused else reading

    monkeypatch.setattr(Reader, "read", read)
    left = {Path(file).stem for file in document("examples", "run-cnn-16")}
    assert left >= {file.stem for file in written[1:]} and refused not in left
