"""What was measured of runs, as the command line prints it for a person."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.audit import ablations
from core.cli.in_words import printed
from core.evaluation.decision import Preview
from core.evaluation.test_set import TestSet
from core.metrics.classification import NAMES
from core.metrics.estimate import Estimate
from core.report import operating_point as point
from core.report import phrases
from core.runs.evaluations import Evaluation
from core.runs.run_store import Run

if TYPE_CHECKING:
    from core.doctor.diagnoses import Diagnosis


def compared(
    runs: Sequence[Run], prevalence: float | None, progress: Callable[[int, int], None]
) -> str:
    """The verdict, a table of each view of the runs, and for which cells each of them fails."""
    from core.report import comparison, comparison_tables

    test_sets = [TestSet.load(run) for run in runs]
    rows = comparison.rows(test_sets, prevalence)
    said = [comparison.verdict(test_sets)]
    for view in comparison_tables.VIEWS:
        if view != "At your share of blasts" or prevalence is not None:
            said += ["", printed.table(comparison_tables.text(rows, view))]
            said.append(comparison_tables.note(rows, view))
    for row in rows:
        if kinds := _by_kind(row.run, progress):
            said += ["", f"{row.name}, by kind of its test {row.run.run.config.items}:", kinds]
    return "\n".join(said)


def _by_kind(run: TestSet, progress: Callable[[int, int], None]) -> str:
    from core.evaluation import subgroups

    rows: Sequence[Mapping[str, Any]] = subgroups.to_json(run, progress) or ()
    return printed.table(
        [
            {"By": row["by"], "Part": row["part"], "Number": row["cells"], "Groups": row["groups"]}
            | {NAMES[metric]: _brief(row, metric) for metric in subgroups.SHOWN}
            for row in rows
        ]
    )


def _brief(row: Mapping[str, Any], metric: str) -> str:
    return phrases.brief(Estimate(row[metric], row[f"{metric}_low"], row[f"{metric}_high"]))


def evaluated(found: Evaluation) -> str:
    """The metrics on another data set, and whether the model knows its cells."""
    leaks = (
        f"It was trained or validated on {found.trained_on:,} of these cells, and on the subjects "
        f"of {found.of_subjects_trained_on:,}: the numbers are too good."
    )
    return printed.paragraphs(
        [f"On {found.dataset}.", leaks if found.leaking else "", printed.metrics(found.metrics)]
    )


def operating_point(run: Run, preview: Preview) -> str:
    """The rule of a model, what it rests on, and what follows from it in each part."""
    config, calibration = run.config, preview.calibration
    return printed.paragraphs(
        [
            point.rule(calibration, config.item),
            f"Its probabilities: {point.calibrated(calibration, config.items)}.",
            *(
                point.sentence(outcome, part, config.items)
                for part, outcome in preview.parts.items()
            ),
            printed.table(point.table(preview.parts, config.item)),
        ]
    )


def diagnosed(diagnoses: Sequence["Diagnosis"]) -> str:
    """Each problem of a run with its evidence, advice and repair."""
    said = []
    for one in diagnoses:
        repair = ", ".join(f"{name}={value}" for name, value in (one.repair or {}).items())
        said += [one.title, f"  {one.evidence}", f"  {one.advice}"]
        said += [f"  Repair: {repair}"] if repair else []
    return "\n".join(said) or (
        "Nothing is found wrong in how this run was set up and how it learned. Its result may "
        "still be poor: see blastlens evaluate."
    )


def audited(document: Mapping[str, Any]) -> str:
    """The sentence of each audit in a document of `core.report.audits`, or what it lacks."""
    said = []
    for name in ablations.AUDITS:
        state = document[name]
        trained = f"{state['done']} of {state['total']} runs are trained"
        result = state["result"] or {"sentence": f"{trained}; --{name} trains the others."}
        said.append(f"{name.capitalize()}: {result['sentence']}")
    probe = document["probe"] or {"sentence": "not measured; --probe measures it."}
    return "\n".join([*said, f"Probe: {probe['sentence']}"])
