"""Teaching a model with decided cells: does the loop from refused fields to a model close?

Smear fields are drawn in a stain that the shipped model refuses, each patient with a look of its
own and, unless healthy, blasts and lymphocytes mixed. The fields of 12 patients are read into cases
by the shipped model, a script decides their cells by the drawn truth and signs, the decided cells
become a data set, and the shipped model's head is trained on it as the Cases page would, its
features being frozen. Fields of 6 further patients are then read, before and after:

- read: the share of the white cells that were found whole and not refused, over patients.
- roc_auc: of all read white cells whose truth is drawn, with its interval over patients.
- untaught: the same by the logit of the shipped model, which refuses these cells.

Six patients differ too much for one seed to say anything: the bars are for the mean over all.
Drawn cells in one drawn stain: that says that the loop closes, nothing of real smears.
"""

import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
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
from core.data.geometry import fit
from core.data.images import encode
from core.data.synthetic.smear_field import SyntheticField, draw_field
from core.data.synthetic.style import (
    Laboratory,
    SubjectStyle,
    cell_rng,
    field_style,
    subject_style,
)
from core.errors import ConfigError
from core.metrics import bootstrap
from core.metrics.estimate import UNDEFINED, Estimate
from core.models.engine import Engine
from core.people import own_machine
from core.reading.fields.reader import model_input, read_field
from core.reading.fields.reading import BORDER
from core.reading.reader import Reader
from core.runs import run_store
from core.runs.run_store import Run
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
GAIN = at_least("ROC AUC of the taught model less that of the shipped model on these cells", -0.02)
ROUNDS = 6


def measure(options: Options) -> Figures:
    """Figures of each seed, of `options.rounds`, with `options.images` fields a patient."""
    fields, rounds = options.images or FIELDS, options.rounds or ROUNDS
    found = [_of_seed(seed, fields) for seed in range(rounds)]
    after = [one.after for one in found]
    return {
        **{f"seed_{seed}": one for seed, one in enumerate(found)},
        "read": READ(statistics.mean(one.read.value or 0 for one in after)),
        "roc_auc": AUC(taught := statistics.mean(one.roc_auc.value or 0 for one in after)),
        "gain": GAIN(taught - statistics.mean(one.untaught.value or 0 for one in after)),
    }


@dataclass(frozen=True)
class FieldsRead:
    """The further patients' cells: how many were found whole, why they were refused, and results.

    called: read cells whose truth is drawn. untaught: how the shipped model would rank those.
    """

    found: int
    refused: dict[str, int]
    read: Estimate
    called: int
    roc_auc: Estimate
    untaught: Estimate


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
            before=_read(shipped, shipped.run, further),
            after=_read(Reader(run), shipped.run, further),
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
        look = field_style(style, cell_rng(seed, name, 1, number))
        yield _drawn(rng, blasts, cells - blasts, look)


def _drawn(
    rng: np.random.Generator, blasts: int, lymphocytes: int, style: SubjectStyle
) -> SyntheticField:
    """A field; if its cells find no room in it, another one with as many."""
    while True:
        number = int(rng.integers(2**31))
        with suppress(ConfigError):
            return draw_field(
                seed=number, blasts=blasts, lymphocytes=lymphocytes, look=LOOK, style=style
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


def _read(reader: Reader, shipped: Run, fields: list[tuple[int, SyntheticField]]) -> FieldsRead:
    """Reads fields, each with its patient, and compares the calls with the truth."""
    passed: list[bool] = []
    patients: list[int] = []
    refused: Counter[str] = Counter()
    labels: list[int] = []
    groups: list[int] = []
    probabilities: list[float] = []
    pixels: list[np.ndarray] = []
    for patient, field in fields:
        image = Whole(field.image)
        reading = read_field(reader, image, detect(field.image), "field")
        for cell in reading.cells:
            if cell.gate.code == BORDER.code:
                continue
            passed.append(cell.gate.passed)
            patients.append(patient)
            refused.update([cell.gate.code] if cell.gate.code else [])
            x, y, w, h = cell.cell.bbox
            label = _truth(field, field.instances[y : y + h, x : x + w][cell.cell.mask])
            if cell.probability is None or label is None:
                continue
            if (seen := model_input(reader, image, reading, cell.number)) is not None:
                labels.append(label)
                groups.append(patient)
                probabilities.append(cell.probability)
                pixels.append(fit(seen, shipped.geometry))
    return FieldsRead(
        found=len(passed),
        refused=dict(refused.most_common()),
        read=bootstrap.share(np.array(passed), np.array(patients)),
        called=len(labels),
        roc_auc=_roc_auc(labels, probabilities, groups),
        untaught=_roc_auc(labels, _untaught(shipped, pixels), groups),
    )


def _untaught(shipped: Run, pixels: list[np.ndarray]) -> list[float]:
    """The probabilities that the shipped model gives cells, whether it would read them or not."""
    if not pixels:
        return []
    logits = Engine(shipped.engine_file).logits(np.stack(pixels))
    return list(shipped.calibration.probability(logits))


def _roc_auc(labels: list[int], probabilities: list[float], patients: list[int]) -> Estimate:
    if not labels:
        return Estimate(None, reason=UNDEFINED)
    given = (np.array(column) for column in (labels, probabilities, patients))
    return bootstrap.intervals(*given)["roc_auc"]
