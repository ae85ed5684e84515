"""The data sets the app knows."""

import shutil
from pathlib import Path

import pytest

from core import storage
from core.data import sources
from core.data.manifest import DESCRIPTION
from core.errors import DataError


def test_the_demo_set_is_known_once_it_is_drawn_whole() -> None:
    assert sources.known() == []
    storage.demo_dir().mkdir(parents=True)
    assert sources.known() == []
    (storage.demo_dir() / DESCRIPTION).write_text("{}")
    assert sources.known() == [storage.demo_dir()]


def test_an_added_folder_is_remembered_once_until_it_is_forgotten_or_gone(
    demo_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "my cells ä"
    folder.mkdir()
    with pytest.raises(DataError, match="holds no cell"):
        sources.add(str(folder))
    assert sources.known() == []
    shutil.copy(next(demo_root.rglob("*.bmp")), folder)
    assert sources.add(str(folder)) == sources.add(f"{folder}/") == folder
    assert sources.known() == [folder]
    sources.forget(folder)
    assert sources.known() == [] and folder.is_dir()
    sources.add(str(folder))
    shutil.rmtree(folder)
    assert sources.known() == []


@pytest.mark.parametrize("path", ["", "  ", "/nowhere/at/all"])
def test_what_is_no_folder_is_not_added(path: str) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        sources.add(path)


def test_a_damaged_list_says_what_to_delete() -> None:
    storage.sources_file().parent.mkdir(parents=True, exist_ok=True)
    storage.sources_file().write_text("[")
    with pytest.raises(DataError, match=r"sources\.json is damaged\. Delete it"):
        sources.known()


def test_names_and_places_are_inverses(tmp_path: Path) -> None:
    assert sources.resolve(sources.name(tmp_path)) == tmp_path
    assert sources.name(storage.demo_dir()) == "demo"
    for name, words in (("demo", "python -m core demo"), (" ", "has no name")):
        with pytest.raises(DataError, match=words):
            sources.resolve(name)
    storage.write_json(storage.demo_dir() / DESCRIPTION, {})
    assert sources.resolve("demo") == storage.demo_dir()
