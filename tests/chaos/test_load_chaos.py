"""Two people in a browser, the short form of `python -m benchmarks chaos --only load`."""

from pathlib import Path

import pytest

from tests.chaos import load, visitor
from tests.factories.served import CHROMIUM


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="the system has no chromium")
def test_two_people_on_two_apps_of_one_folder_each_see_what_they_sent(
    workspace: Path, demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "PAUSE_SECONDS", (0.0, 0.0))
    cells = sorted(demo_root.rglob("*_all.bmp"))[:2]
    tried = list(load.use(cells, tmp_path, 0, 0.1, people=2, jobs=[visitor.Person.read]))
    assert [it.detail for it in tried if it.place == "errors"] == [""]
    assert sum(it.place == "read a cell" for it in tried) == 2 * len(cells)
