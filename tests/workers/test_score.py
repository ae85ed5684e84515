"""A cohort scored by real processes: killed, stopped and resumed, each picture exactly once."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest

from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.data.images import encode
from core.data.synthetic.white_cell import draw_cell
from core.runs import run_store
from core.storage import runs_dir
from core.workers import launcher
from tests.conftest import PROJECT
from tests.factories import forked

RUN, CELLS = "demo-colour-bands", 60


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 files of five drawn cells, each file of other bytes."""
    folder = tmp_path_factory.mktemp("cells")
    drawn = [draw_cell(subject="1", cell=number, label=1) for number in range(5)]
    for number in range(CELLS):
        image = drawn[number % 5].copy()
        image[0, 0, 0] = number
        (folder / f"{number}.bmp").write_bytes(encode(image, "BMP"))
    return folder


@pytest.fixture
def cohort(artifacts: Path, cells: Path, tmp_path: Path) -> Cohort:
    shutil.copytree(PROJECT / "artifacts" / "runs" / RUN, runs_dir() / RUN)
    plan = cohort_store.planned(run_store.get(RUN), str(cells), workers=2)
    return cohort_store.create(plan, str(tmp_path / "out"))


def until(true: Callable[[], object], cohort: Cohort, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, (cohort.status, cohort.log_file.read_text())
        time.sleep(0.02)


def coordinator(cohort: Cohort) -> psutil.Process:
    for process in psutil.process_iter(["cmdline"]):
        if {"core.workers.score", str(cohort.path)} <= set(process.info["cmdline"] or []):
            return process
    raise AssertionError("no worker")


def pool(process: psutil.Process) -> list[psutil.Process]:
    """Its processes: children of it, or forks, see tests/factories/forked.py."""
    spawned = process.children(recursive=True)
    spawned = [one for one in spawned if any("spawn_main" in word for word in one.cmdline())]
    named = [forked.POOL, str(process.pid)]
    running = psutil.process_iter(["cmdline"])
    return spawned + [one for one in running if (one.info["cmdline"] or [])[2:4] == named]


def parts(cohort: Cohort) -> int:
    return len(list((cohort.path / "parts").glob("part-*.parquet")))


def ended(cohort: Cohort) -> str:
    until(lambda: not cohort.status.unfinished, cohort)
    return cohort.status.state


def pictures(cohort: Cohort) -> pd.DataFrame:
    return Cohort(cohort.path).rows().to_table().to_pandas()


def assert_each_once(cohort: Cohort) -> None:
    found = pictures(cohort)
    assert sorted(found["path"]) == sorted(f"{number}.bmp" for number in range(CELLS))
    assert found["sha256"].nunique() == CELLS and (found["kind"] == "cell").all()
    assert cohort.summary is not None and cohort.summary.pictures == CELLS
    assert not list((cohort.path / "attempts").iterdir())


def test_a_killed_process_of_the_pool_loses_and_doubles_nothing(cohort: Cohort) -> None:
    launcher.launch(cohort)
    until(lambda: list((cohort.path / "attempts").glob("*.json")), cohort)
    killed = pool(coordinator(cohort))[0]
    killed.kill()
    assert ended(cohort) == "succeeded", cohort.status
    assert "A worker died" in cohort.log_file.read_text()
    assert_each_once(cohort)


def test_a_killed_coordinator_takes_its_pool_along_and_is_resumed(cohort: Cohort) -> None:
    launcher.launch(cohort)
    until(lambda: parts(cohort) >= 1, cohort)
    process = coordinator(cohort)
    children = pool(process)
    assert len(children) == 2
    process.kill()
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert not alive and gone
    before = {file: file.stat().st_mtime_ns for file in (cohort.path / "parts").glob("part-*")}
    assert len(before) < 4
    old = cohort.written_status
    cohort.write_status(old.replace(heartbeat=old.heartbeat - 3600))  # as if seen later
    assert cohort.status.state == "interrupted"
    launcher.resume(cohort)
    assert ended(cohort) == "succeeded", cohort.status
    assert_each_once(cohort)
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_a_stop_takes_effect_at_once_and_a_resume_goes_on(cohort: Cohort) -> None:
    launcher.launch(cohort)
    until(lambda: parts(cohort) >= 1, cohort)
    started = time.monotonic()
    cohort.request_stop()
    assert ended(cohort) == "cancelled"
    assert time.monotonic() - started < 4  # two seconds on a machine that does nothing else
    assert 1 <= parts(cohort) < 4 and not list((cohort.path / "attempts").iterdir())
    launcher.resume(cohort)
    assert ended(cohort) == "succeeded"
    assert_each_once(cohort)
