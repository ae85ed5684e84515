"""Cells of another stain: normalised by the recipe, and adapted when they are read.

- normalisation: models of the default architecture, trained on drawn cells by a short recipe with
  each normalisation; ROC AUC on the test part and on the real cells.
- elsewhere: the shipped model on cells drawn in another laboratory, whose dyes, lamp and camera
  differ and whose smears are less alike (`ELSEWHERE` in core/data/synthetic/style.py). Of those
  that it refuses for their appearance: ROC AUC as they are, adapted, and of a model trained in that
  laboratory by the same recipe, which is the limit; adapting must close at least half of the gap.
  Also balanced accuracy at the model's threshold, the share of all cells that are read before and
  after, and of the adapted ones the share whose interval holds the probability of the same cell
  drawn at home, beside the cost that was measured with the model.
- smears: white cells in real smears of other stains, by what the shipped model's checks say before
  and after. Nobody knows what these cells are, so there is no accuracy.

Real pictures are found through BLASTLENS_REAL_DATA; without them those figures say so.
"""

import statistics
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.measure import Figures, Options, at_least, measure_parts, say
from benchmarks.model import ARCHITECTURE, real_cells, skipped
from benchmarks.model_runs import by_seed, means
from benchmarks.workbench import measured, on_all_cores, real_data, synthetic_cells, train
from core.cells.staining import METHODS
from core.data.synthetic.dataset import CELLS, write_dataset
from core.data.synthetic.style import ELSEWHERE, HOME, Laboratory
from core.data.synthetic.white_cell import draw_cell
from core.evaluation.evaluate import evaluate_on
from core.metrics import classification
from core.reading.checked_picture import CheckedPicture, Gate, examine
from core.reading.checks import CHECKS
from core.reading.picture import FieldImage, read_picture
from core.reading.preparing.adapted import answer
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.reading.reader import Reader
from core.runs.run_store import Run
from core.settings import PROJECT

ROUNDS = 1
SHORT = {"epochs": 10, "sample": 1000}
TEST_SUBJECTS, TEST_CELLS = 30, 8  # subjects of each class, and cells of each
TEST_SEED = 1  # the people of the test set are no one's training subjects
SHIPPED = PROJECT / "artifacts" / "runs" / "demo-colour-bands"
ADAPT = ReadingOptions(adapt_stain=True)
CLOSED = at_least("share of the gap in ROC AUC that adapting closes", 0.5)


@dataclass(frozen=True)
class Bench:
    """The drawn training cells of both laboratories, the real cells if any, and the seeds."""

    home: Path
    cells: int
    real: Path | None
    seeds: int

    @cached_property
    def elsewhere(self) -> Path:
        """As many cells, drawn in the other laboratory."""
        say("drawing the cells of the other laboratory")
        folder = self.home.with_name("elsewhere")
        return write_dataset(folder, cells=self.cells, laboratory=ELSEWHERE)

    @cached_property
    def test(self) -> "TestCells":
        """The test set, drawn in both laboratories."""
        plan = [
            (f"{'' if label else 'H'}{subject}", cell, label)
            for label in (1, 0)
            for subject in range(1, TEST_SUBJECTS + 1)
            for cell in range(TEST_CELLS)
        ]

        def drawn(laboratory: Laboratory) -> list[np.ndarray]:
            return on_all_cores(
                lambda key: draw_cell(
                    subject=key[0],
                    cell=key[1],
                    label=key[2],
                    seed=TEST_SEED,
                    laboratory=laboratory,
                ),
                plan,
            )

        labels = np.array([label for _, _, label in plan])
        return TestCells(labels, drawn(ELSEWHERE), drawn(HOME))


@dataclass(frozen=True)
class TestCells:
    """Labels (N,), and the pictures of the same cells, drawn elsewhere and at home."""

    labels: np.ndarray
    elsewhere: list[np.ndarray]
    home: list[np.ndarray]


@dataclass(frozen=True)
class Adapting:
    """Counts of cells by what became of them, scores by how they were read, and the cost."""

    cells: dict[str, object]
    roc_auc: dict[str, float]
    balanced_accuracy: dict[str, float]
    cost: dict[str, float]

    @property
    def closed(self) -> float:
        """The share of the gap in ROC AUC between cells as they are and the limit that closes."""
        auc = self.roc_auc
        gap = auc["trained_there"] - auc["as_they_are"]
        return (auc["adapted"] - auc["as_they_are"]) / gap if gap > 0 else float("nan")


def measure(options: Options) -> Figures:
    """Figures of all parts, or of `options.only`; of `options.images` drawn training cells."""
    cells = options.images or CELLS
    with synthetic_cells(cells) as home:
        bench = Bench(home, cells, real_cells(), options.rounds or ROUNDS)
        return measure_parts(PARTS, options.only, bench)


def normalisation(bench: Bench) -> Figures:
    """ROC AUC with each normalisation, as means over the seeds and by seed."""
    figures: dict[str, object] = {}
    short = SHORT | {"sample": min(SHORT["sample"], bench.cells)}
    for method in METHODS:
        rows = []
        for seed in range(bench.seeds):
            say(f"training: normalisation {method}, seed {seed}")
            run = train(ARCHITECTURE, bench.home, seed=seed, stain_normalisation=method, **short)
            row = {"test_roc_auc": measured(run).test.metric("roc_auc") or 0.0}
            if bench.real:
                found = evaluate_on(run, str(bench.real)).metrics
                row["real_roc_auc"] = found.metric("roc_auc") or 0.0
            rows.append(row)
        figures[method] = {"mean": means(rows), **by_seed(rows)}
    return figures if bench.real else figures | {"real": skipped("real cells")}


def elsewhere(bench: Bench) -> Figures:
    """What adapting makes of cells of the other laboratory, beside a limit of each seed."""
    found = []
    for seed in range(bench.seeds):
        say(f"training: in the other laboratory, seed {seed}")
        limit = train(ARCHITECTURE, bench.elsewhere, seed=seed)
        found.append(adapting(Run(SHIPPED), bench.test, limit))
    return {
        **{f"seed_{seed}": of_seed for seed, of_seed in enumerate(found)},
        "closed": CLOSED(statistics.mean(one.closed for one in found)),
    }


def adapting(run: Run, test: TestCells, there: Run) -> Adapting:
    """Figures of one run, beside one that was trained in the other laboratory."""
    reader, limit = Reader(run), Reader(there)
    plain = [check(reader, image, NO_OPTIONS) for image in test.elsewhere]
    asked = [check(reader, image, ADAPT) for image in test.elsewhere]
    refused = np.array([gate.code == "appearance" for _, gate in plain])
    pictures = {
        "as_they_are": [picture for picture, _ in plain],
        "adapted": [picture for picture, _ in asked],
        "trained_there": [limit.picture(image) for image in test.elsewhere],
    }
    labels, auc, accuracy = test.labels[refused], {}, {}
    for name, those in pictures.items():
        model = limit if name == "trained_there" else reader
        logits = np.array([float(those[n].output.logit[0]) for n in np.flatnonzero(refused)])
        probabilities = model.calibration.probability(logits)
        rates = classification.metrics(labels, probabilities, model.calibration.threshold)
        auc[name], accuracy[name] = rates["roc_auc"] or 0.0, rates["balanced_accuracy"] or 0.0
    read = [n for n in np.flatnonzero(refused) if asked[n][1].passed]
    cost = run.stain.adaptation if run.stain else None
    return Adapting(
        cells={
            "drawn": len(refused),
            "refused_for_appearance": int(refused.sum()),
            "read_share_before": share(plain),
            "read_share_after": share(asked),
            "refused_after": dict(Counter(gate.code for _, gate in asked if gate.code)),
        },
        roc_auc=auc,
        balanced_accuracy=accuracy,
        cost={
            "measured_at_training": cost.change if cost else float("nan"),
            **against_home(reader, [asked[n][0] for n in read], [test.home[n] for n in read]),
        },
    )


def check(
    reader: Reader, image: np.ndarray, options: ReadingOptions
) -> tuple[CheckedPicture, Gate]:
    """A picture and what the checks say of it."""
    picture = reader.picture(image)
    picture.hear(options, ())
    return picture, examine(picture, CHECKS)


def share(checked: list[tuple[CheckedPicture, Gate]]) -> float:
    """The share of pictures that passed."""
    return statistics.mean(gate.passed for _, gate in checked)


def against_home(
    reader: Reader, adapted: list[CheckedPicture], home: list[np.ndarray]
) -> dict[str, float]:
    """Root mean square difference of logits, and how many intervals hold the home probability.

    Takes cells that were adapted, and the same cells drawn at home; the latter is NaN without
    intervals.
    """
    changes, inside = [], []
    for picture, image in zip(adapted, home, strict=True):
        logit = float(reader.picture(image).output.logit[0])
        found, _ = answer(picture, reader.calibration)
        changes.append(found.logit - logit)
        if found.interval:
            probability = float(reader.calibration.probability(np.array(logit)))
            inside.append(found.interval[0] <= probability <= found.interval[1])
    return {
        "against_home": statistics.fmean(change**2 for change in changes) ** 0.5,
        "intervals_that_hold_home": statistics.fmean(inside) if inside else float("nan"),
    }


def smears(bench: Bench) -> Figures:
    """How many cells of real smears each check refuses, as they are and adapted."""
    folder = real_data()
    if folder is None:
        return {"skipped": skipped("real smears")}
    reader, found = Reader(Run(SHIPPED)), {}
    for name, adapt in (("as_they_are", False), ("adapted", True)):
        codes: Counter[str] = Counter()
        for file in sorted((folder / "smears").glob("*.jpg")):
            reading = read_picture(reader, file, file.name, adapt_stain=adapt)
            gates = (
                [cell.gate for cell in reading.cells]
                if isinstance(reading, FieldImage)
                else [reading.gate]
            )
            codes.update(gate.code or "read" for gate in gates)
        found[name] = dict(codes.most_common())
    return found


PARTS = {"normalisation": normalisation, "elsewhere": elsewhere, "smears": smears}
