"""Cohorts of a few cells, scored within the process of a test."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pandas as pd

from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.jobs.reporter import Reporter
from core.runs.run_store import Run
from core.workers import score as scoring
from core.workers import worker
from core.workers.pools import Pool


@contextmanager
def threads(workers: int | None) -> Iterator[Pool]:
    """A pool within this process."""
    with ThreadPoolExecutor(1) as pool:
        yield Pool(pool, 1)


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


def carry_out(cohort: Cohort) -> Cohort:
    """The cohort with its final state, as its worker leaves it."""
    worker.carry_out(cohort, lambda job, reporter: scoring.work(job, reporter, threads))
    return cohort
