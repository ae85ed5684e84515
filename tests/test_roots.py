import os
from pathlib import Path

import pytest

from core import roots
from core.errors import NotAllowedError
from core.settings import settings


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder `open` that may be named and one beside it, `shut`, that may not."""
    (tmp_path / "open" / "set").mkdir(parents=True)
    (tmp_path / "shut").mkdir()
    (tmp_path / "open" / "door").symlink_to(tmp_path / "shut", target_is_directory=True)
    (tmp_path / "window").symlink_to(tmp_path / "open", target_is_directory=True)
    return tmp_path


@pytest.mark.parametrize(
    "path", ["open", "open/set", "open/absent", "open/set/../set", "shut/../open/set", "window/set"]
)
def test_a_path_that_leads_into_a_root_is_let_through(tree: Path, path: str) -> None:
    roots.require_below(f"{tree}/{path}", [tree / "open"])
    roots.require_below(f"{tree}/{path}", [tree / "absent", tree / "window"])


@pytest.mark.parametrize(
    "path",
    ["shut", "absent", "open/../shut", "open/door", "open/door/x", "openly", "a\x00b", "~nobody-x"],
)
def test_whatever_lies_outside_gets_one_and_the_same_answer(tree: Path, path: str) -> None:
    place = path if path.startswith("~") else f"{tree}/{path}"
    with pytest.raises(NotAllowedError) as refused:
        roots.require_below(place, [tree / "open"])
    with pytest.raises(NotAllowedError) as other:
        roots.require_below("/", [])
    assert str(refused.value) == str(other.value) and path not in str(refused.value)


def test_the_default_is_the_home_folder_on_this_machine_and_nothing_for_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named = os.pathsep.join([str(tmp_path), "~/cells", ""])
    monkeypatch.setenv("BLASTLENS_DATA_ROOTS", named)
    assert roots.allowed(local=True) == roots.allowed(local=False)
    assert roots.allowed(local=False) == (tmp_path, Path.home() / "cells")
    monkeypatch.delenv("BLASTLENS_DATA_ROOTS")
    assert roots.allowed(local=False) == ()
    assert roots.allowed(local=True) == (Path.home(), settings().artifacts)
    monkeypatch.setenv("BLASTLENS_DATA_ROOTS", "")
    assert roots.allowed(local=True) == ()
