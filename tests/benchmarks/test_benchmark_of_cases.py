"""The benchmark of cases in short: readers at once and readers that are killed, on a drawn case."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from benchmarks import cases
from benchmarks.measure import Bar, Options, bars_of
from core import storage
from core.cases import database
from core.settings import PROJECT
from tests.factories import cases as drawn


@pytest.fixture
def case_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path / "artifacts"))
    copytree(PROJECT / "artifacts" / "runs" / cases.RUN, storage.runs_dir() / cases.RUN)
    yield drawn.make([drawn.field(("ALL", "HEM") * 3)])
    database.forget()


def held(figures: object) -> dict[str, Bar]:
    bars = {bar.name: bar for bar in bars_of(figures)}
    assert all(bar.holds for bar in bars.values()), bars
    return bars


@pytest.mark.process
def test_eight_readers_lose_nothing(case_id: str) -> None:
    figures = cases.together(case_id, Options(seconds=1))
    bars = held(figures)
    assert bars["decisions by all readers"].value >= 1 and figures["database"] == "sqlite"


@pytest.mark.process
def test_kills_leave_a_case_whole(case_id: str) -> None:
    figures = cases.killed(case_id, Options(rounds=2, seed=0))
    assert figures["kills"] == 2 and held(figures)
