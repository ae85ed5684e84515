"""What users get of a run's heat maps: the readings of its Reader, their maps and badges."""

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.model_runs import Row, by_seed, means
from core.cells.masks import cell_mask
from core.data import datasets
from core.errors import RunError
from core.explain import trust
from core.explain.trust import Judgement
from core.reading.batch import read_many
from core.reading.cell_reading import CellReading
from core.reading.reader import Reader
from core.runs.run_store import Run

SPREAD = "spread"  # of a map of evidence that lies everywhere, if `core.explain.trust` knows it
READ = 100  # cells of a test part


@dataclass(frozen=True)
class Judged:
    """One reading: its cell, the place (y, x) of the map's peak in the image, and the judgement."""

    file: Path
    cell: CellReading
    peak: tuple[int, int] | None
    judgement: Judgement

    @property
    def on_cell(self) -> bool:
        """Whether the peak lies on the cell."""
        return self.peak is not None and bool(cell_mask(self.cell.image)[self.peak])


def judged(run: Run, files: Sequence[Path]) -> list[Judged]:
    """The readings of the files that pass the gate. Raises `RunError` if none does."""
    reader = Reader(run)
    given = [(file.name, file) for file in files]
    pairs = zip(files, read_many(reader, given), strict=True)
    cells = [(file, reading.cells[0]) for file, reading in pairs if reading.cells]
    if not cells:
        raise RunError(
            f"None of {len(files)} cells passes the gate of run {run.run_id}. Train it on more."
        )
    return [Judged(file, cell, peak(cell), reader.judge(cell)) for file, cell in cells]


def peak(cell: CellReading) -> tuple[int, int] | None:
    """The place of the most heat, (y, x) in the image that was read; None without evidence."""
    if cell.heat is None:
        return None
    y, x = np.unravel_index(int(cell.heat.argmax()), cell.heat.shape)
    return int(y), int(x)


def test_files(run: Run, most: int = READ) -> list[Path]:
    """At most so many files of the run's test part, drawn by its seed."""
    root = datasets.resolve(run.config.dataset)
    names = run.predictions.query("split == 'test'")["image_id"].to_numpy()
    chosen = np.random.default_rng(run.config.seed).permutation(names)[:most]
    return [root / name for name in sorted(chosen)]


def shares(readings: Sequence[Judged]) -> Row:
    """Shares and means of some readings; those of peak and heat are of the maps with evidence.

    agreement is the mean rank correlation with maps of shuffled heads, beaten the mean share of
    random orders that covering by the map beats.
    """
    badges = [one.judgement.badge for one in readings]
    measured = [one.judgement.figures for one in readings if one.judgement.figures]
    supported = badges.count(trust.SUPPORTED)
    return {
        "readings": len(readings),
        "supported": supported / len(badges),
        "supported_or_spread": (supported + badges.count(SPREAD)) / len(badges),
        "peak_on_cell": _mean([one.on_cell for one in readings if one.peak]),
        "heat_on_cell": _mean([it.inside_cell for it in measured]),
        "agreement": _mean([it.agreement for it in measured]),
        "beaten": _mean([it.deletion.beaten for it in measured]),
    }


def _mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing, which holds no bar."""
    return statistics.mean(map(float, values)) if values else 0.0


@dataclass(frozen=True)
class Summary:
    """Means of `shares` over the seeds, how often each badge and reason was given, and each seed's.

    Reasons are without the figures and the call in them.
    """

    mean: Row
    badges: dict[str, int]
    reasons: dict[str, int]
    seeds: dict[str, Row]


def summary(readings: Sequence[Sequence[Judged]]) -> Summary:
    """The summary of the readings of each seed."""
    rows = [shares(of_seed) for of_seed in readings]
    judgements = [one.judgement for of_seed in readings for one in of_seed]
    badges = Counter(it.badge for it in judgements)
    reasons = Counter(re.sub(r"\d[\d.%]*|ALL|HEM", "..", it.reason) for it in judgements)
    return Summary(means(rows), dict(badges), dict(reasons.most_common()), by_seed(rows))


def maps(runs: Sequence[Run], real: Path | None) -> dict[str, Summary]:
    """The heat maps of cells of the runs' test parts ("demo"), and of the real cells ("real")."""
    found = {"demo": summary([judged(run, test_files(run)) for run in runs])}
    if real:
        files = sorted(real.rglob("*.bmp"))
        found["real"] = summary([judged(run, files) for run in runs])
    return found
