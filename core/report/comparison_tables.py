"""The tables of a comparison: as numbers to download, and as text to show."""

from collections.abc import Sequence

import pandas as pd

from core.evaluation import literature
from core.evaluation.repeats import Repeat
from core.metrics import classification
from core.metrics.estimate import Estimate
from core.report import phrases
from core.report.comparison import ComparedRun

# The metrics of each view. Every view also has the model, its protocol and the name of the run.
VIEWS: dict[str, tuple[str, ...]] = {
    "Calls": ("balanced_accuracy", "sensitivity", "specificity", "weighted_f1", "accuracy"),
    "Probabilities": ("roc_auc", "pr_auc", "brier", "ece"),
    "At your share of blasts": ("ppv", "npv"),
    "Cost": (),
}
BEST = "★"
TRAINING_TIMES = "Training times are of the machine and the load of the day they were taken."
BASELINE = "Always ALL"
LABELS = classification.NAMES | classification.PREDICTIVE
_Columns = dict[str, str | int | float | None]


def note(rows: Sequence[ComparedRun], view: str) -> str:
    """Returns what a reader of one of `VIEWS` has to know, and nothing of what it does not show."""
    if not VIEWS[view]:
        return TRAINING_TIMES
    text = "95% intervals over groups of subjects."
    if view == "Probabilities":
        text += " Probability error and calibration error: lower is better."
    if any(metric in row.best for row in rows for metric in VIEWS[view]):
        text += f" {BEST}: better than every run tested on the same images, beyond chance."
    return text


def numbers(
    rows: Sequence[ComparedRun], milliseconds: dict[str, float] | None = None
) -> pd.DataFrame:
    """Returns one row a run as numbers. milliseconds: reading time a cell, by run."""
    return pd.DataFrame([_numbers(row, (milliseconds or {}).get(row.run_id)) for row in rows])


def _numbers(row: ComparedRun, milliseconds: float | None) -> _Columns:
    columns: _Columns = {
        "Model": row.name,
        "Measured on": row.protocol,
        "Data set": row.run.facts.dataset.name,
        f"Test {row.run.run.config.items}": row.run.metrics.images,
        "Groups": row.run.metrics.groups,
    }
    for metric, estimate in row.estimates.items():
        label = LABELS[metric]
        columns |= {
            label: estimate.value,
            f"{label}, low": estimate.low,
            f"{label}, high": estimate.high,
            f"{label}, {BASELINE}": row.always_all[metric],
        }
    return columns | {
        "Against the best": row.against,
        "Better beyond chance in": ", ".join(LABELS[metric] for metric in row.best),
        "Parameters": row.cost("parameters"),
        "Training, s": row.cost("seconds"),
        "Reading, ms": milliseconds,
        "Recipe": row.run.run.config.recipe,
        "Run": row.run_id,
    }


def text(
    rows: Sequence[ComparedRun], view: str, milliseconds: dict[str, float] | None = None
) -> pd.DataFrame:
    """Returns one of `VIEWS`, a row a run, each metric with its interval as text.

    Always answering ALL is another row for each set of test cells. The figures come before what
    they were measured on, so that a narrow window shows them.
    """
    table = [_text(row, view, (milliseconds or {}).get(row.run_id)) for row in rows]
    return pd.DataFrame(table + (_baselines(rows, view) if VIEWS[view] else []))


def _text(row: ComparedRun, view: str, milliseconds: float | None) -> _Columns:
    columns: _Columns = {"Model": row.name}
    for number, metric in enumerate(VIEWS[view]):
        star = f" {BEST}" if metric in row.best else ""
        columns[LABELS[metric]] = phrases.brief(row.estimates[metric]) + star
        if view == "Calls" and not number:
            columns["Against the best"] = row.against
    if view == "Cost":
        columns |= {
            f"Test {row.run.run.config.items}": row.run.metrics.images,
            "Groups": row.run.metrics.groups,
            "Parameters": row.cost("parameters"),
            "Epochs": row.cost("epochs"),
            "Training, s": row.cost("seconds"),
            "Reading, ms": milliseconds,
            "Recipe": row.run.run.config.recipe,
        }
    return columns | {"Measured on": row.protocol, "Run": row.run_id}


def _baselines(rows: Sequence[ComparedRun], view: str) -> list[_Columns]:
    first = {row.run.facts.protocol.test_cells: row for row in reversed(rows)}
    table: list[_Columns] = []
    for row in reversed(list(first.values())):
        whose = f", {row.run.run.config.items} of {row.name}" if len(first) > 1 else ""
        values = {
            LABELS[metric]: phrases.brief(Estimate(row.always_all[metric]))
            for metric in VIEWS[view]
        }
        columns: _Columns = {"Model": BASELINE + whose, **values}
        columns |= {"Against the best": ""} if view == "Calls" else {}
        table.append(columns | {"Measured on": row.protocol, "Run": ""})
    return table


def repeats_text(repeats: Sequence[Repeat]) -> pd.DataFrame:
    """Returns one row a repeat: the mean of each metric, and its lowest and highest run."""
    return pd.DataFrame(
        [
            {"Runs": repeat.name}
            | {
                classification.NAMES[name]: phrases.brief(
                    Estimate(spread.mean, spread.low, spread.high)
                )
                for name, spread in repeat.spreads.items()
            }
            | {"Measured on": repeat_protocol(repeat)}
            for repeat in repeats
        ]
    )


def repeats_numbers(repeats: Sequence[Repeat]) -> pd.DataFrame:
    """Returns one row a repeat and metric, to download."""
    return pd.DataFrame(
        [
            {
                "Runs": repeat.name,
                "Measured on": repeat_protocol(repeat),
                "Metric": classification.NAMES[name],
                "Mean": spread.mean,
                "Lowest": spread.low,
                "Highest": spread.high,
                "Standard deviation": spread.deviation,
            }
            for repeat in repeats
            for name, spread in repeat.spreads.items()
        ]
    )


def repeat_protocol(repeat: Repeat) -> str:
    """Returns what the runs were measured on; they differ at most in leakage."""
    return ", or ".join(dict.fromkeys(map(phrases.protocol, repeat.runs)))


def worst_subject(name: str, subjects: pd.DataFrame, items: str) -> str:
    """Returns the sentence on the first, worst subject of `subgroups.by_subject`.

    `items`: what the run reads, `RunConfig.items`.
    """
    if subjects.empty:
        return f"{name}: the subjects of its test {items} are not known."
    worst = subjects.iloc[0]
    return (
        f"{name}: worst for subject {worst['subject']} ({worst['class']}): it calls "
        f"{worst['right']} of {worst['cells']} {items} correctly ({worst['share']:.0%})."
    )


def beside_literature(rows: Sequence[ComparedRun], metric: str) -> pd.DataFrame:
    """Returns each published result of a metric, followed by the runs of its architecture.

    Runs of other architectures come last. Each row has its protocol and source.
    """
    published = [result for result in literature.RESULTS if result.metric == metric]
    table: list[_Columns] = []
    for result in published:
        table.append(
            {
                "Result": result.name + (f" ({result.remark})" if result.remark else ""),
                "Whose": "published",
                classification.NAMES[metric]: f"{result.value:.3f}",
                "Measured on": result.measured_on,
                "Source": result.cited,
            }
        )
        table += [_ours(row, metric) for row in rows if _architecture(row) == result.architecture]
    architectures = {result.architecture for result in published}
    table += [_ours(row, metric) for row in rows if _architecture(row) not in architectures]
    return pd.DataFrame(table)


def _architecture(row: ComparedRun) -> str:
    return row.run.run.config.architecture


def _ours(row: ComparedRun, metric: str) -> _Columns:
    cells = f"{row.run.facts.dataset.name}, {row.run.metrics.images} {row.run.run.config.items}"
    return {
        "Result": row.name,
        "Whose": "ours",
        classification.NAMES[metric]: phrases.brief(row.estimates[metric], digits=3),
        "Measured on": f"{cells}, {row.protocol}",
        "Source": row.run_id,
    }
