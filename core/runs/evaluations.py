"""Measurements of a run on other data sets: evaluations.json."""

from pathlib import Path
from typing import ClassVar

from core import storage
from core.documents import Section
from core.errors import BlastLensError, RunError
from core.runs.metrics import PartMetrics, Rate
from core.untrusted.fields import Count, Instant, Line

MOST_BYTES = 4 * 2**20


class Evaluation(Section):
    """Metrics of a run on a data set. It may be shipped with the run: it names no file or path.

    dataset: the name of the data set, which is that of its folder if it has no other. synthetic:
    whether its cells are drawn. subjects: their number; None if some are unknown. threshold and
    calibration: of the calls, as in `Calibration`. An older version did not record these four.
    trained_on: number of its cells that were in the training or validation part of the run, by
    content. of_subjects_trained_on: number of cells of the groups trained or validated on. leaking:
    whether there are any.
    fingerprint: of the data set. at: Unix time.
    """

    SPARSE: ClassVar[bool] = True

    run: Line | None = None
    dataset: Line
    synthetic: bool | None = None
    subjects: Count | None = None
    threshold: Rate | None = None
    calibration: Line | None = None
    metrics: PartMetrics
    trained_on: Count = 0
    of_subjects_trained_on: Count = 0
    leaking: bool
    fingerprint: Line | None = None
    at: Instant | None = None


def read(file: Path) -> list[Evaluation]:
    """Reads the evaluations of a run; [] without the file. Raises `RunError` if it is damaged."""
    if not file.exists():
        return []
    try:
        rows = storage.read_json(file, MOST_BYTES)
        if not isinstance(rows, list):
            raise RunError("it must be a list")
        return [Evaluation.parse(row) for row in rows]
    except (ValueError, BlastLensError) as problem:
        raise RunError(
            f"{file.name} of {file.parent.name} is damaged ({str(problem)[:200]}). Delete it."
        ) from None


def write(file: Path, evaluations: list[Evaluation]) -> None:
    """Writes the file atomically."""
    storage.write_json(file, [evaluation.to_json() for evaluation in evaluations])
