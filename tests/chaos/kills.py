"""`kill -9` at moments drawn from a seed, of every process that works on the artifacts.

After each kill no file may be torn, and runs, sweeps, cohorts, data sets and cases can be listed.
What was killed is resumed, or begun again, and has to end like one that nobody disturbed.
`python -m tests.chaos.kills KIND SEED SECONDS` tries one kind.
"""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from unittest import mock

from benchmarks.chaos import Trial
from benchmarks.workbench import artifacts, temporary_folder, variable
from core.cases import database
from core.data.synthetic.dataset import write_dataset
from tests.chaos import killed_jobs, killed_others
from tests.chaos.ground import Ground
from tests.factories import forked

KILLS = 50  # of a kind
KINDS: dict[str, Callable[[Ground], Iterator[Trial]]] = {
    "worker": killed_jobs.worker,
    "trainer": killed_jobs.trainer,
    "sweep": killed_jobs.sweep,
    "score": killed_jobs.score,
    "scan": killed_jobs.scan,
    "fetch": killed_jobs.fetch,
    "index": killed_others.index,
    "review": killed_others.review,
    "app": killed_others.app,
}


def campaign(seed: int, seconds: float) -> Iterator[Trial]:
    """Each kind for its share of the time, or for `KILLS` kills."""
    for kind in KINDS:
        yield from kills(kind, seed, seconds / len(KINDS))


def kills(kind: str, seed: int, seconds: float, most: int = KILLS) -> Iterator[Trial]:
    """The trials of one kind, for so many seconds or kills."""
    with (
        temporary_folder() as folder,
        artifacts(folder / "artifacts"),
        variable("BLASTLENS_NICE", 0),
        mock.patch.object(subprocess, "Popen", forked.Popen),
    ):
        cells = write_dataset(folder / "cells", cells=120, subjects=12, seed=1)
        ground = Ground(folder, cells, random.Random(f"{seed} {kind}"), seed)
        killed, until = 0, time.monotonic() + seconds
        for trial in KINDS[kind](ground):
            yield trial
            killed += trial.outcome.startswith("killed")
            if trial.outcome == "ended" and (killed >= most or time.monotonic() > until):
                break
        database.forget()


if __name__ == "__main__":
    tried = list(kills(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
    for (outcome, held), number in sorted(Counter((it.outcome, it.held) for it in tried).items()):
        print(f"{number:4} {outcome}{'' if held else ': BROKEN'}")
    print(*{f"{it.outcome}: {it.detail}" for it in tried if not it.held}, sep="\n")
