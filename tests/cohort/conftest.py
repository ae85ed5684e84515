"""What the tests of cohorts share: a shipped run, drawn cells, and a pool of threads."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from core import storage
from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.data.images import encode
from core.data.synthetic.white_cell import draw_cell
from core.jobs.reporter import Reporter
from core.runs import run_store
from core.runs.run_store import Run
from core.workers import score as scoring
from core.workers import worker
from tests.conftest import PROJECT

RUN = "demo-colour-bands"


@pytest.fixture
def run(artifacts: Path) -> Run:
    """The shipped run, in the artifacts folder of this test."""
    shutil.copytree(PROJECT / "artifacts" / "runs" / RUN, storage.runs_dir() / RUN)
    return run_store.get(RUN)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 cells of four patients, named as those of C-NMC (read only)."""
    folder = tmp_path_factory.mktemp("cells")
    for number in range(60):
        subject, label = [("1", 1), ("2", 1), ("H1", 0), ("H2", 0)][number % 4]
        image = draw_cell(subject=subject, cell=number, label=label)
        name = f"UID_{subject}_1_{number}_{'all' if label else 'hem'}.bmp"
        (folder / name).write_bytes(encode(image, "BMP"))
    return folder


@contextmanager
def threads(workers: int | None) -> Iterator[Executor]:
    """A pool within this process."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def plan(run: Run, source: object, out: object, **said: object) -> Cohort:
    return cohort_store.create(cohort_store.planned(run, str(source), str(out), **said), str(out))


def finish(cohort: Cohort) -> Cohort:
    """The cohort, scored within this process; an error is raised, not written down."""
    with Reporter(cohort) as reporter:
        scoring.work(cohort, reporter, threads)
    return cohort


def score(run: Run, source: object, out: object, **said: object) -> Cohort:
    return finish(plan(run, source, out, **said))


def rows(cohort: Cohort) -> pd.DataFrame:
    """All rows; what is missing is None."""
    return pd.DataFrame(Cohort(cohort.path).rows().to_table().to_pylist(), dtype=object)


def by_path(cohort: Cohort) -> pd.DataFrame:
    """The rows of pictures, by path, each of which has exactly one."""
    found = rows(cohort)
    pictures = found[found["cell"].isna()].set_index("path")
    assert pictures.index.is_unique
    return pictures


def carry_out(cohort: Cohort) -> None:
    worker.carry_out(cohort, lambda job, reporter: scoring.work(job, reporter, threads))
