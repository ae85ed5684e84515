"""Scores one chunk of a cohort: what the processes of a pool do, on whatever machine.

Heat maps, findings and similar cells are left out, which no column has; the rest is as
`core.reading.picture.read_picture` reads it.
"""

import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

import cv2

from core.cohort import rows
from core.cohort.attempts import Attempt, attempt
from core.cohort.cohort import Cohort
from core.cohort.picture_files import local_file, require_there
from core.cohort.plan import CohortPlan, Numbered
from core.cohort.rows import Known, ScoredRow
from core.cohort.source import ListedPicture, place_of
from core.cohort.tally import ScoredChunk, outcomes
from core.data.images import read_file
from core.errors import BlastLensError, DataError, DiskError, UploadError
from core.reading.batch import on_threads
from core.reading.checked_picture import examine
from core.reading.checks import OF_FEATURES
from core.reading.fields.reader import read_field
from core.reading.picture import is_large, open_field, shows_field
from core.reading.preparing.doubts import answer
from core.reading.reader import Opened, Reader
from core.settings import settings
from core.storage import sha256

# One field at a time, however many threads read: its pixels can take half a gibibyte.
_one_field = threading.Lock()
log = logging.getLogger(__name__)


def score_chunk(folder: str, number: int) -> ScoredChunk:
    """Reads the pictures of a chunk, writes its part, and returns what it came to.

    A chunk whose part is there is not read again. A picture that cannot be read is a row that says
    why. Raises `DataError` if the chunk keeps ending its process, `RunError` if the run is gone
    or has changed, `OSError` if the part cannot be written.
    """
    cohort = Cohort(Path(folder))
    manifest = cohort.manifest
    if cohort.has_part(number):
        part = cohort.part(number)
        return ScoredChunk(manifest.size(number), outcomes(part))
    pictures = manifest.read(number)
    scorer = _scorer(cohort.path, cohort.digest)
    first, last = pictures[0][1].path, pictures[-1][1].path
    title = f"Chunk {number} of {cohort.name} (from {first} to {last})"
    with attempt(cohort.attempt_file(number), title) as trying:
        part = rows.table(list(scorer.rows(pictures, trying)))
        cohort.write_part(number, part)
    return ScoredChunk(len(pictures), outcomes(part))


@lru_cache(maxsize=1)
def _scorer(folder: Path, digest: str) -> "_Scorer":
    """What this process reads with; `digest` tells the models apart that it may have been."""
    if settings().cores == 1:
        cv2.setNumThreads(1)
    return _Scorer(Cohort(folder).plan)


class _Scorer:
    """Reads pictures with the model of a plan, which it keeps ready for many."""

    def __init__(self, plan: CohortPlan) -> None:
        self._plan = plan
        self._reader = Reader(plan.model())
        # Never left: this process reads nothing else, and to compile anew takes half a second.
        self._reader.many_at_once().__enter__()

    def rows(self, pictures: Sequence[Numbered], trying: Attempt) -> Iterator[ScoredRow]:
        """The rows of pictures: several at once, or carefully if an earlier attempt died."""
        if not trying.careful:
            yield from on_threads(self._read, pictures)
            return
        for number, listed in pictures:
            if trying.killed_by(number):
                error = f"{listed.path} ended the process that read it, twice. Export it anew."
                yield Known(number, listed).unreadable(UploadError(error))
                continue
            trying.at(number)
            yield from self._read([(number, listed)])
        trying.at(None)

    def _read(self, pictures: Sequence[Numbered]) -> list[ScoredRow]:
        """The rows of some pictures, read by one call of the engine."""
        opened = [self._open(number, listed) for number, listed in pictures]
        self._reader.run_together([one[1].picture for one in opened if isinstance(one, tuple)])
        found: list[ScoredRow] = []
        for one in opened:
            found += self._finish(*one) if isinstance(one, tuple) else one
        return found

    def _open(self, number: int, listed: ListedPicture) -> tuple[Known, Opened] | list[ScoredRow]:
        """A picture ready for the engine; or its rows, if it needs no engine or is a field."""
        known, reader = Known(number, listed), self._reader
        name = PurePosixPath(listed.path).name
        try:
            with local_file(place_of(self._plan.source, listed.path), name) as file:
                if is_large(file, name) and not reader.whole_images:
                    return self._field(Known(number, listed, sha256(file)), file)
                data = read_file(file, name)
                known = Known(number, listed, hashlib.sha256(data).hexdigest())
                opened = reader.open(name, data, self._plan.options)
                if shows_field(opened.gate):
                    return self._field(known, file)
                if isinstance(opened, Opened):
                    return known, opened
                return [known.refused(opened.gate)]
        except Exception as error:
            return [self._unreadable(known, error)]

    def _finish(self, known: Known, opened: Opened) -> list[ScoredRow]:
        try:
            return self._finished(known, opened)
        except Exception as error:
            return [self._unreadable(known, error)]

    def _finished(self, known: Known, opened: Opened) -> list[ScoredRow]:
        picture, reader = opened.picture, self._reader
        gate = examine(picture, OF_FEATURES, opened.gate.checks)
        if gate.passed:
            answered, doubts = answer(picture, reader.calibration)
            seen = reader.known(picture, known.sha256 or "")
            return [known.cell(gate, answered, doubts, picture.unadapted is not None, seen)]
        return [known.refused(gate)]

    def _field(self, known: Known, file: Path) -> list[ScoredRow]:
        plan, name = self._plan, known.listed.path
        swap = plan.swap_red_blue
        with (
            _one_field,
            open_field(file, name, plan.um_per_px, lambda *_: None, swap) as (region, field),
        ):
            return known.field(
                read_field(
                    self._reader,
                    region,
                    field,
                    name,
                    um_per_px=plan.um_per_px,
                    adapt_stain=plan.adapt_stain,
                )
            )

    def _unreadable(self, known: Known, error: Exception) -> ScoredRow:
        """The row of a picture that cannot be read, whatever the reason; one ends no cohort.

        Raises the error if it is of the machine and not of the picture.
        """
        if isinstance(error, MemoryError | DataError | DiskError):
            raise error
        require_there(self._plan.source.place)
        if not isinstance(error, BlastLensError):
            log.error("%s", known.listed.path, exc_info=error)
            error = UploadError(f"It cannot be read: {type(error).__name__}: {error}.")
        return known.unreadable(error)
