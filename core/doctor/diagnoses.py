"""The run doctor: diagnoses problems of a run, with evidence and advice.

`FAULTS` lists the faults, the most serious first. To add one, write a function in `setup`,
`fitting` or `measuring`, and an entry here. A fault lists in `explains` those that follow from
it and are not shown beside it (a constant output explains a result no better than always answering
ALL).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from core.data.pixel_cache import said_of
from core.doctor import fitting, measuring, record, setup
from core.doctor.record import Evidence, Record
from core.errors import RunError
from core.runs import config
from core.runs.config import RunConfig, Setting
from core.runs.run_store import Run


@dataclass(frozen=True)
class Diagnosis:
    """A problem of a run.

    title: a short sentence. evidence: the figures that show it. advice: what to do. repair:
    settings for `core.runs.config.change`; None if no setting repairs it.
    """

    key: str
    title: str
    evidence: str
    advice: str
    repair: Mapping[str, Setting] | None


@dataclass(frozen=True)
class Fault:
    """A possible diagnosis: `look` returns its evidence in a record, or None."""

    key: str
    title: str
    look: Callable[[Record], Evidence | None]
    explains: tuple[str, ...] = ()


# The faults of every network that has not learned.
_NOT_LEARNED = (
    "constant-output",
    "no-better-than-always-all",
    "one-class-missed",
    "underfitting",
    "too-few-epochs",
)

# In this order: a useless classifier, wrong numbers, an inferior classifier, uncertain numbers.
FAULTS = (
    Fault(
        "one-unit-softmax",
        "The network's last layer always gives the same answer.",
        setup.one_unit_softmax,
        (*_NOT_LEARNED, "learning-rate-too-high", "learning-rate-too-low", "penalty-dominated"),
    ),
    Fault(
        "wrong-pixel-scale",
        "The images reached the network on a scale of brightness that it was not made for.",
        setup.wrong_pixel_scale,
        (*_NOT_LEARNED, "learning-rate-too-low", "overfitting", "overfitting-at-once"),
    ),
    Fault(
        "learning-rate-too-high",
        "The network was changed in steps too large to learn.",
        setup.learning_rate_too_high,
        (*_NOT_LEARNED, "oscillating", "past-the-best", "overfitting", "overfitting-at-once"),
    ),
    Fault(
        "penalty-dominated",
        "The loss is mostly a penalty on large weights, not error.",
        setup.penalty_dominated,
        (*_NOT_LEARNED, "learning-rate-too-low"),
    ),
    Fault(
        "learning-rate-too-low",
        "The network was changed in steps too small to learn in this time.",
        setup.learning_rate_too_low,
        _NOT_LEARNED,
    ),
    Fault(
        "overfitting-at-once",
        "It learned its own cells and not those of other subjects, from the first epochs on.",
        fitting.overfitting_at_once,
        ("constant-output", "underfitting", "too-few-epochs", "past-the-best", "overfitting"),
    ),
    Fault(
        "constant-output",
        "The network gives every cell practically the same answer.",
        fitting.constant_output,
        ("no-better-than-always-all", "one-class-missed", "underfitting"),
    ),
    Fault(
        "leaking-split",
        "The test cells are not independent of those trained on.",
        measuring.leaking_split,
        ("too-good",),
    ),
    Fault(
        "no-better-than-always-all",
        "It is not shown to do better than always answering ALL.",
        measuring.no_better_than_always_all,
    ),
    Fault(
        "one-class-missed",
        "It misses one class far more often than the other.",
        measuring.one_class_missed,
    ),
    Fault(
        "too-good",
        "The result is better than this kind of test has ever given.",
        measuring.too_good,
    ),
    Fault(
        "underfitting",
        "The network has hardly learned even the cells it was trained on.",
        fitting.underfitting,
        ("no-better-than-always-all",),
    ),
    Fault(
        "oscillating",
        "The loss goes up and down: the steps are too large to settle.",
        setup.oscillating,
        ("past-the-best",),
    ),
    Fault(
        "past-the-best",
        "Training went on long after the best epoch.",
        fitting.past_the_best,
        ("overfitting",),
    ),
    Fault(
        "overfitting",
        "The network has learned its training cells by heart.",
        fitting.overfitting,
    ),
    Fault(
        "too-few-epochs",
        "Training ended while the network was still getting better.",
        fitting.too_few_epochs,
        ("constant-output", "no-better-than-always-all", "underfitting"),
    ),
    Fault(
        "small-validation",
        "The validation part is too small to choose the best epoch by.",
        measuring.small_validation,
    ),
)


# Those of a model that was trained elsewhere: its training was not seen.
_OF_ADOPTED = ("leaking-split", "no-better-than-always-all", "one-class-missed", "too-good")


def examine(run: Run) -> list[Diagnosis]:
    """Returns the diagnoses of a run, the most serious first; [] while it is unfinished.

    A run that failed or was stopped is examined as far as it has files. Raises `RunError` if a file
    is damaged or of another version.
    """
    if run.status.unfinished:
        return []
    run_record = record.read(run)
    faults = [it for it in FAULTS if run.adoption is None or it.key in _OF_ADOPTED]
    try:
        present = [(fault, evidence) for fault in faults if (evidence := fault.look(run_record))]
    except KeyError as error:
        raise RunError(f"Metrics of run {run.run_id} lack {error}; train it again.") from None
    if run.adoption:
        present = [(fault, _without_training(evidence)) for fault, evidence in present]
    explained = {key for fault, _ in present for key in fault.explains}
    said = partial(said_of, item=run.config.item)
    return [
        Diagnosis(
            fault.key,
            said(fault.title),
            said(evidence.evidence),
            said(evidence.advice),
            evidence.repair,
        )
        for fault, evidence in present
        if fault.key not in explained
    ]


def _without_training(evidence: Evidence) -> Evidence:
    """Evidence about a model that cannot be trained again here."""
    advice = "" if evidence.repair is None else "Check how it is fed, or take another model."
    return Evidence(evidence.evidence, advice or evidence.advice)


def repaired(run: Run) -> RunConfig | None:
    """Returns the config of the run with all repairs; None if no setting repairs it.

    If two repairs change one setting, that of the more serious fault applies.
    """
    settings: dict[str, Setting] = {}
    for diagnosis in examine(run):
        settings = dict(diagnosis.repair or {}) | settings
    return config.change(run.config, settings) if settings else None
