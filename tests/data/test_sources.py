"""The data sets the app knows."""

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


def test_an_added_folder_is_remembered_once_and_forgotten_when_gone(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    assert sources.add(str(folder)) == sources.add(f"{folder}/") == folder
    assert sources.known() == [folder]
    folder.rmdir()
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
    for root in (storage.demo_dir(), tmp_path):
        assert sources.resolve(sources.name(root)) == root
    assert sources.name(storage.demo_dir()) == "demo"
