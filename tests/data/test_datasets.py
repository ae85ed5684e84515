"""The data sets the app knows."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core import storage
from core.data import datasets
from core.data.layouts import ClassesUnknownError, Labelling
from core.data.walk import DESCRIPTION
from core.errors import DataError
from core.runs import config
from tests.conftest import PROJECT
from tests.factories.trees import cell, save


def test_the_demo_set_is_known_once_it_is_drawn_whole() -> None:
    assert datasets.known() == []
    storage.demo_dir().mkdir(parents=True)
    assert datasets.known() == []
    (storage.demo_dir() / DESCRIPTION).write_text("{}")
    assert datasets.known() == [storage.demo_dir()]


def test_an_added_folder_is_remembered_once_until_it_is_forgotten_or_gone(
    demo_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "my cells ä"
    folder.mkdir()
    with pytest.raises(DataError, match="classes of these images are not known"):
        datasets.add(str(folder))
    assert datasets.known() == []
    shutil.copy(next(demo_root.rglob("*.bmp")), folder)
    assert datasets.add(str(folder)) == datasets.add(f"{folder}/") == folder
    assert datasets.known() == [folder]
    datasets.forget(folder)
    assert datasets.known() == [] and folder.is_dir()
    datasets.add(str(folder))
    shutil.rmtree(folder)
    assert datasets.known() == []


_FORGETS = """
import sys
from pathlib import Path
from core.data import datasets
print("ready", flush=True)
sys.stdin.readline()
for folder in sys.argv[1:]:
    datasets.forget(Path(folder))
"""


@pytest.mark.process
def test_processes_that_change_the_list_at_once_lose_nothing(artifacts: Path) -> None:
    folders = [f"/nowhere/{number}" for number in range(60)]
    rows = [{"path": folder, "labelling": Labelling().to_json()} for folder in folders]
    storage.write_json(storage.sources_file(), rows)
    command = [sys.executable, "-c", _FORGETS]
    workers = [
        subprocess.Popen(
            [*command, *folders[first:45:3]],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate()
        assert worker.returncode == 0
    kept = [row["path"] for row in storage.read_json(storage.sources_file())]
    assert kept == folders[45:]


@pytest.mark.parametrize("path", ["", "  ", "/nowhere/at/all"])
def test_what_is_no_folder_is_not_added(path: str) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        datasets.add(path)


@pytest.fixture
def per_class(tmp_path: Path) -> Path:
    """Two class folders of two cells each."""
    for name, subject in (("blast", "1"), ("blast", "2"), ("normal", "H1"), ("normal", "H2")):
        save(tmp_path / f"set/{name}/{subject}.png", cell(subject), "PNG")
    return tmp_path / "set"


def test_the_positive_class_is_asked_for_once_and_remembered(per_class: Path) -> None:
    with pytest.raises(ClassesUnknownError) as asked:
        datasets.add(str(per_class))
    assert asked.value.classes == {"blast": 2, "normal": 2}
    assert datasets.known() == []
    with pytest.raises(DataError, match="no class 'blasts'"):
        datasets.add(str(per_class), labelling=Labelling(positive=("blasts",)))
    assert datasets.known() == []
    datasets.add(str(per_class), labelling=Labelling(positive=("normal",)))
    assert datasets.index(per_class).classes == {"blast": 0, "normal": 1}
    datasets.add(f"{per_class}/", labelling=Labelling(positive=("blast",)))
    assert datasets.known() == [per_class]
    assert datasets.index(per_class).classes == {"blast": 1, "normal": 0}
    datasets.forget(per_class)
    with pytest.raises(ClassesUnknownError):
        datasets.index(per_class)


@pytest.mark.process
def test_another_process_trains_with_the_remembered_positive_class(
    per_class: Path, artifacts: Path
) -> None:
    datasets.add(str(per_class), labelling=Labelling(positive=("normal",)))
    wanted = config.create("cnn-16", per_class, "recommended", split="image")
    script = (
        "import json, sys\nfrom core.data import datasets\nfrom core.runs.config import RunConfig\n"
        "wanted = RunConfig.parse(json.loads(sys.argv[1]))\n"
        "cells = datasets.index(datasets.resolve(wanted.dataset)).labelled()\n"
        "print(json.dumps(dict(zip(cells['image_id'], cells['label']))))"
    )
    command = [sys.executable, "-c", script, json.dumps(wanted.to_json())]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "blast/1.png": 0,
        "blast/2.png": 0,
        "normal/H1.png": 1,
        "normal/H2.png": 1,
    }


@pytest.mark.parametrize("content", ["[", "{}x", '["/a/folder"]', '[{"path": "a"}]', "5"])
def test_a_damaged_list_says_what_to_delete(content: str) -> None:
    storage.sources_file().parent.mkdir(parents=True, exist_ok=True)
    storage.sources_file().write_text(content)
    with pytest.raises(DataError, match=r"sources\.json is damaged\. Delete it"):
        datasets.known()


def test_names_and_places_are_inverses(tmp_path: Path) -> None:
    assert datasets.resolve(datasets.name(tmp_path)) == tmp_path
    assert datasets.name(storage.demo_dir()) == "demo"
    for name, words in (("demo", "python -m core demo"), (" ", "has no name")):
        with pytest.raises(DataError, match=words):
            datasets.resolve(name)
    storage.write_json(storage.demo_dir() / DESCRIPTION, {})
    assert datasets.resolve("demo") == storage.demo_dir()
