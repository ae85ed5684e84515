"""Builds the model card of a run from its folder; missing items are shown as gaps.

The sections follow Mitchell et al., Model Cards for Model Reporting, FAT* 2019; CLAIM in its 2024
update (Tejani et al., Radiology: Artificial Intelligence 2024); and TRIPOD+AI (Collins et al., BMJ
2024), whose item numbers are given.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from core import storage
from core.archive import checks
from core.errors import RunError
from core.evaluation.test_set import metrics_of
from core.explain.suited import suited
from core.models import catalog
from core.report.card import architecture, measures, origin, texts
from core.report.card.items import (
    Card,
    CardContext,
    CardDiagnosis,
    CardSection,
    Item,
    fact,
    gap,
    table,
)
from core.runs.metrics import RunMetrics
from core.runs.run_store import Run


def build(run: Run, diagnoses: Sequence[CardDiagnosis]) -> Card:
    """Builds the card of a finished run; `diagnoses` are those of the run doctor.

    Raises `RunError` for a run that has not succeeded or whose files are damaged.
    """
    run.require_succeeded("have a model card")
    metrics = metrics_of(run)
    entry = catalog.architecture(run.config.architecture)
    context = CardContext(run, run.config, entry, metrics, texts.read(run), diagnoses)
    how = "adopted" if run.adoption else "trained"
    try:
        sections = [
            CardSection(title, after, tuple(make(context))) for title, after, make in SECTIONS
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"The files of run {run.run_id} do not say what a model card needs ({error}): damaged, "
            "or of another version. Train it again."
        ) from None
    return Card(run.run_id, f"{entry.title}, {how} on {context.dataset.name}", tuple(sections))


def _limits(context: CardContext) -> list[Item]:
    problems = [fact(d.title, f"{d.evidence} {d.advice}") for d in context.diagnoses]
    heat = suited(context.config.architecture)
    no_problem = fact("Run doctor", "Finds nothing wrong with this run.")
    return [
        *(problems or [no_problem]),
        fact(
            "Heat maps",
            f"{heat.sentence(heat.method)} {heat.caution} They have the resolution of the last "
            "feature map; how faithful one is, is measured beside each reading.",
        ),
        context.text("limitations"),
        context.text("sample_size"),
    ]


def _ethics(context: CardContext) -> list[Item]:
    drawn = "Does not apply: synthetic." if context.dataset.synthetic else None
    return [context.text("ethics", drawn), context.text("fairness", drawn)]


def _hashes(context: CardContext) -> list[Item]:
    folder = context.run.path
    files = [name for name in checks.FILES if (folder / name).is_file()]
    rows = [
        (name, f"{(folder / name).stat().st_size:,}", storage.sha256(folder / name))
        for name in files
        if name != "card.json"  # its texts are in this card
    ]
    items = [table("SHA-256 of the files", ("File", "Bytes", "SHA-256"), rows)]
    if "model.keras" not in files:
        missing = "The Keras model is not in the folder; readings do not need it."
        items.append(gap("model.keras", missing, "Train again to have it."))
    return items


def _of_run(
    make: Callable[[Run, RunMetrics], list[Item]],
) -> Callable[[CardContext], list[Item]]:
    return lambda context: make(context.run, context.metrics)


# Title, the items of the three guidelines, and the function that makes the section.
SECTIONS: tuple[tuple[str, str, Callable[[CardContext], list[Item]]], ...] = (
    ("Model", "Model Cards: Model Details; TRIPOD+AI 18", origin.identity),
    (
        "Intended use",
        "Model Cards: Intended Use; CLAIM: Introduction; TRIPOD+AI 3, 27",
        origin.use,
    ),
    ("Data", "Model Cards: Training Data; CLAIM: Data; TRIPOD+AI 5, 6, 11, 20", origin.data),
    ("Reference standard", "CLAIM: Reference Standard; TRIPOD+AI 8", origin.reference),
    ("Network", "CLAIM: Model; TRIPOD+AI 9, 15, 22", architecture.model),
    ("Training", "CLAIM: Training; TRIPOD+AI 12, 13, 21", architecture.training),
    (
        "Protocol",
        "Model Cards: Evaluation Data; CLAIM: Data Partitions; TRIPOD+AI 10, 12, 16",
        _of_run(measures.protocol),
    ),
    (
        "Performance",
        "Model Cards: Metrics, Quantitative Analyses; CLAIM: Model Performance; TRIPOD+AI 23",
        _of_run(measures.performance),
    ),
    (
        "Calibration and operating point",
        "Model Cards: Decision Thresholds; CLAIM: Evaluation; TRIPOD+AI 12, 15",
        _of_run(measures.calibration),
    ),
    (
        "Subgroups",
        "Model Cards: Factors; CLAIM: Evaluation; TRIPOD+AI 14, 23b",
        _of_run(measures.subgroups),
    ),
    (
        "External validation",
        "CLAIM: Testing on external data; TRIPOD+AI 12, 16",
        _of_run(measures.external),
    ),
    (
        "Failures",
        "CLAIM: Failure analysis",
        _of_run(measures.failures),
    ),
    (
        "Limits",
        "Model Cards: Caveats and Recommendations; CLAIM: Discussion; TRIPOD+AI 26",
        _limits,
    ),
    ("Ethics and fairness", "Model Cards: Ethical Considerations; TRIPOD+AI 14, 17", _ethics),
    ("Files", "CLAIM: Other Information; TRIPOD+AI 18, 22", _hashes),
)


def to_json(card: Card) -> dict[str, Any]:
    """Returns the card as the command line prints it."""
    return asdict(card) | {"gaps": card.gaps}
