"""The worker that scores a cohort: `python -m core.workers.score FOLDER`.

It lists the pictures and has the chunks without a part scored by the processes of a pool. All that
is known of the work lies in the cohort's folder, so that another worker goes on from there. To have
them scored elsewhere, call `work` with another function that opens a pool.
"""

import logging
import time
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field

from core.cohort import summary, tally
from core.cohort.cohort import Cohort
from core.cohort.scoring import score_chunk
from core.cohort.tally import ScoredChunk
from core.errors import RunError
from core.jobs.reporter import Reporter
from core.runs.cost import pace
from core.workers import pools, worker
from core.workers.pools import OpenPool, Pool

AHEAD = 2  # chunks a worker that are given out together
MOST_BREAKS = 10  # of pools, one after another, in which no chunk was scored
LISTING, CHECKING = "listing the pictures", "looking whether the pictures are as they were"
COUNTING, SCORING, ADDING = "counting what is scored", "scoring", "adding up"
_LOOK_EVERY_SECONDS = 0.2
log = logging.getLogger(__name__)


def work(cohort: Cohort, reporter: Reporter, open_pool: OpenPool = pools.open_pool) -> None:
    """Scores what has not been scored, then adds up."""
    reporter.begin()
    cohort.sweep_unfinished()
    cohort.plan.model()
    reporter.phase(CHECKING if cohort.listed else LISTING)
    cohort.list_pictures(reporter.progress)
    try:
        _Scoring(cohort, reporter, open_pool).run()
    finally:
        # The processes that were ended with the pool did not die of their pictures.
        cohort.forget_attempts()
    reporter.phase(ADDING, cohort.manifest.pictures)
    summary.write(cohort, reporter.progress)


@dataclass
class _Scoring:
    cohort: Cohort
    reporter: Reporter
    open_pool: OpenPool
    chunks: deque[int] = field(default_factory=deque)
    running: dict[Future[ScoredChunk], int] = field(default_factory=dict)
    scored: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Has all missing chunks scored, by as many pools as that takes."""
        manifest, done = self.cohort.manifest, self.cohort.done
        self.chunks.extend(number for number in range(manifest.chunks) if number not in done)
        self.before = sum(manifest.size(number) for number in done)
        if done:
            self._count()
        self.started = time.monotonic()
        self.reporter.phase(SCORING, manifest.pictures)
        self.reporter.update(done=self.before, outcomes=self.outcomes)
        breaks = 0
        while self.chunks:
            scored = self.scored
            try:
                with self.open_pool(self.cohort.plan.workers) as pool:
                    self._drain(pool)
            except BrokenExecutor as broken:
                log.warning("A worker died; its chunks are given to others. %s", broken)
            self.chunks.extendleft(sorted(self.running.values(), reverse=True))
            self.running.clear()
            breaks = 0 if self.scored > scored else breaks + 1
            if breaks == MOST_BREAKS:
                raise RunError(
                    f"The processes that score ended {breaks} times without scoring a chunk; "
                    f"worker.log may say why. {self.cohort.LESS_MEMORY}"
                )

    def _count(self) -> None:
        """Counts what is in the parts that an earlier worker has left."""
        self.reporter.phase(COUNTING)
        rows = 0
        for batch in self.cohort.batches(tally.COLUMNS):
            self.outcomes += tally.outcomes(batch)
            rows += len(batch)
            self.reporter.progress(rows, 0)

    def _drain(self, pool: Pool) -> None:
        """Gives chunks to a pool, a few ahead, until none is left. Raises `BrokenExecutor`."""
        while self.chunks or self.running:
            while self.chunks and len(self.running) < AHEAD * pool.workers:
                chunk = pool.executor.submit(score_chunk, str(self.cohort.path), self.chunks[0])
                self.running[chunk] = self.chunks.popleft()
            ended, _ = wait(self.running, _LOOK_EVERY_SECONDS, FIRST_COMPLETED)
            # Those that were scored count, also beside one whose process died.
            for chunk in sorted(ended, key=lambda one: one.exception() is not None):
                pictures, outcomes = chunk.result()
                self.scored += pictures
                self.outcomes += outcomes
                del self.running[chunk]
            self._report()

    def _report(self) -> None:
        if not self.scored:
            self.reporter.check_stop()
            return
        total = self.cohort.manifest.pictures
        elapsed = time.monotonic() - self.started
        rate, left = pace(self.scored, total - self.before, elapsed)
        done = self.before + self.scored
        self.reporter.update(
            done=done, images_per_second=rate, seconds_left=left, outcomes=self.outcomes
        )
        self.reporter.check_stop()


if __name__ == "__main__":
    worker.main(Cohort, work)
