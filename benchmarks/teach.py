"""Teaching a model with decided cells: does the loop from refused fields to a model close?

Smear fields are drawn in a stain that the shipped model refuses, each patient with a look of its
own and, unless healthy, blasts and lymphocytes mixed. The fields of 12 patients are read into cases
by the shipped model, a script decides their cells by the drawn truth and signs, the decided cells
become a data set, and a head is trained on it as the Cases page would, on the features of the
shipped model. Fields of 6 further patients are then read, before and after:

- read: the share of the white cells that were found whole and not refused, over patients.
- roc_auc: of all read white cells whose truth is drawn, with its interval over patients.

Drawn cells in one drawn stain: that says that the loop closes, nothing of real smears.
"""

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from shutil import copytree

import cv2
import numpy as np

from benchmarks.measure import Figures, Options, at_least, say
from benchmarks.workbench import artifacts, finish, variable
from core import storage
from core.cases import case_store, review, signing
from core.cases.intake import read
from core.cases.labels import ALL, EXCLUDED, HEM
from core.cases.tables import CellRow
from core.cells.detection.detect import detect
from core.cells.detection.tiles import Whole
from core.data.images import encode
from core.data.synthetic.smear_field import SyntheticField, draw_field
from core.data.synthetic.style import Laboratory, cell_rng, field_style, subject_style
from core.metrics import bootstrap
from core.metrics.estimate import UNDEFINED, Estimate
from core.people import own_machine
from core.reading.fields.reader import read_field
from core.reading.fields.reading import BORDER
from core.reading.reader import Reader
from core.runs import run_store
from core.settings import PROJECT
from core.teaching import backbone, dataset, decided, learning_curve, lesson
from core.teaching.features import features

SHIPPED = PROJECT / "artifacts" / "runs" / "demo-colour-bands"
TAUGHT, FURTHER = 12, 6  # patients
FIELDS = 6  # of each patient
WHITE_CELLS = (4, 6)  # of a field
HEALTHY = 3  # every third patient
BLASTS = (0.3, 0.8)  # share of a patient's white cells
LOOK = "bright"
# One laboratory's smears are nearer to one another than the subjects of the demo set.
LABORATORY = Laboratory(spread=0.5)
SAME = 0.7  # share of a found cell that lies in one drawn cell
SCRIPT = own_machine("Review script")
READ = at_least("share of the further patients' cells that is read, after", 0.9)
AUC = at_least("ROC AUC on the further patients", 0.85)


def measure(options: Options) -> Figures:
    """Figures of each seed, of `options.rounds`, with `options.images` fields a patient."""
    fields, rounds = options.images or FIELDS, options.rounds or 1
    found = [_of_seed(seed, fields) for seed in range(rounds)]
    after = [one.after for one in found]
    return {
        **{f"seed_{seed}": one for seed, one in enumerate(found)},
        "read": READ(statistics.mean(one.read.value or 0 for one in after)),
        "roc_auc": AUC(statistics.mean(one.roc_auc.value or 0 for one in after)),
    }


@dataclass(frozen=True)
class FieldsRead:
    """The further patients' cells: how many were found whole, why they were refused, and results.

    called: read cells whose truth is drawn.
    """

    found: int
    refused: dict[str, int]
    read: Estimate
    called: int
    roc_auc: Estimate


@dataclass(frozen=True)
class ClosedLoop:
    """One seed: the decided cells, what more would bring, the test part, and before and after."""

    decided: dict[str, int]
    left_out: dict[str, int]
    curve: str
    test_roc_auc: float | None
    before: FieldsRead
    after: FieldsRead


def _of_seed(seed: int, fields: int) -> ClosedLoop:
    """Draws, reads into cases, reviews, teaches and reads again, in artifacts of its own."""
    # Not into the database of a hospital.
    with artifacts(), variable("BLASTLENS_DATABASE_URL", ""):
        copytree(SHIPPED, storage.runs_dir() / SHIPPED.name)
        shipped = Reader(run_store.get(SHIPPED.name))
        cases = [
            _case(shipped, patient, list(_fields(seed, patient, fields)))
            for patient in range(TAUGHT)
        ]
        chosen = decided.collect(cases)
        say(f"seed {seed}: {len(chosen.cells)} decided cells; left out {chosen.left_out}")
        written = dataset.write(SCRIPT, chosen, "taught")
        _, pooled = features(shipped.run, chosen)
        curve = learning_curve.measure(pooled, chosen.labels, chosen.groups)
        config = lesson.configure(
            written.root,
            len(chosen.cells),
            shipped.run,
            architecture=backbone.of_run(shipped.run),  # whatever weights this machine has
            seed=seed,
        )
        run = finish(lesson.start(SCRIPT, config))
        say(f"seed {seed}: trained")
        further = [
            (patient, field)
            for patient in range(TAUGHT, TAUGHT + FURTHER)
            for field in _fields(seed, patient, fields)
        ]
        return ClosedLoop(
            decided=written.about.cells,
            left_out=chosen.left_out,
            curve=curve.sentence,
            test_roc_auc=run.metrics.test.metric("roc_auc") if run.metrics else None,
            before=_read(shipped, further),
            after=_read(Reader(run), further),
        )


def _fields(seed: int, patient: int, fields: int) -> Iterator[SyntheticField]:
    """The fields of a patient, who has ALL unless healthy."""
    name = f"P{patient}"
    rng = cell_rng(seed, name, 3, 0)
    share = 0 if patient % HEALTHY == HEALTHY - 1 else rng.uniform(*BLASTS)
    style = subject_style(name, seed, LABORATORY)
    for number in range(fields):
        cells = int(rng.integers(WHITE_CELLS[0], WHITE_CELLS[1] + 1))
        blasts = int(rng.binomial(cells, share))
        yield draw_field(
            seed=int(rng.integers(2**31)),
            blasts=blasts,
            lymphocytes=cells - blasts,
            look=LOOK,
            style=field_style(style, cell_rng(seed, name, 1, number)),
        )


def _case(reader: Reader, patient: int, fields: list[SyntheticField]) -> str:
    """A signed case of a patient, whose cells were decided by the drawn truth."""
    pictures = [
        read(reader, f"field {number}.png", encode(field.image), as_field=True)
        for number, field in enumerate(fields)
    ]
    case_id = case_store.create(SCRIPT, f"Patient {patient}")
    case_store.add(SCRIPT, case_id, pictures)
    case = case_store.get(case_id)
    for label in (ALL, HEM, EXCLUDED):
        cells = {cell.id: cell.version for cell in case.cells if _decision(cell, fields) == label}
        if cells:
            review.decide(SCRIPT, case_id, label, cells)
    signing.sign(SCRIPT, case_id, case_store.get(case_id).version)
    say(f"patient {patient + 1} of {TAUGHT}: {len(case.cells)} cells")
    return case_id


def _decision(cell: CellRow, fields: list[SyntheticField]) -> str:
    field = fields[cell.place - 1]
    mask = np.zeros(field.instances.shape, np.uint8)
    cv2.fillPoly(mask, [np.array(cell.outline, np.int32)], 1)
    label = _truth(field, field.instances[mask > 0])
    return EXCLUDED if label is None else ALL if label else HEM


def _truth(field: SyntheticField, covered: np.ndarray) -> int | None:
    """The label of the white cell in which most of the pixels lie; None if they lie in several."""
    numbers, pixels = np.unique(covered, return_counts=True)
    most = int(pixels.argmax())
    if numbers[most] == 0 or pixels[most] < SAME * len(covered):
        return None
    label: int | None = field.objects[numbers[most] - 1].label
    return label


def _read(reader: Reader, fields: list[tuple[int, SyntheticField]]) -> FieldsRead:
    """Reads fields, each with its patient, and compares the calls with the truth."""
    passed: list[bool] = []
    patients: list[int] = []
    refused: Counter[str] = Counter()
    rows: list[tuple[int, float, int]] = []
    for patient, field in fields:
        image = Whole(field.image)
        for cell in read_field(reader, image, detect(field.image), "field").cells:
            if cell.gate.code == BORDER.code:
                continue
            passed.append(cell.gate.passed)
            patients.append(patient)
            refused.update([cell.gate.code] if cell.gate.code else [])
            x, y, w, h = cell.cell.bbox
            label = _truth(field, field.instances[y : y + h, x : x + w][cell.cell.mask])
            if cell.probability is not None and label is not None:
                rows.append((label, cell.probability, patient))
    return FieldsRead(
        found=len(passed),
        refused=dict(refused.most_common()),
        read=bootstrap.share(np.array(passed), np.array(patients)),
        called=len(rows),
        roc_auc=_roc_auc(rows),
    )


def _roc_auc(rows: list[tuple[int, float, int]]) -> Estimate:
    """ROC AUC of label, probability and patient of each cell."""
    if not rows:
        return Estimate(None, reason=UNDEFINED)
    labels, probabilities, groups = (np.array(column) for column in zip(*rows, strict=True))
    return bootstrap.intervals(labels, probabilities, groups)["roc_auc"]
