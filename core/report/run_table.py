"""All runs as a table: a row each, or one for all runs of a sweep."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from core.evaluation.compare import METRIC
from core.jobs.job import STATE_WORDS
from core.metrics.classification import NAMES
from core.models import catalog
from core.report import phrases
from core.runs import about, setting_words
from core.runs.run_store import Run
from core.tuning.sweep_store import Sweep

SCORE, INTERVAL = NAMES[METRIC], "95% interval"
LOSS = "Prediction error"
COLUMNS = (
    "Name",
    "Tags",
    "State",
    SCORE,
    INTERVAL,
    LOSS,
    "Architecture",
    "Data set",
    "Started",
    "Minutes",
)
_BETWEEN = "–"


def table(
    runs: Sequence[Run], sweeps: Sequence[Sweep], names: Mapping[str, str], opened: Sequence[str]
) -> pd.DataFrame:
    """The runs with `COLUMNS`, indexed by id; those of a sweep behind one row with its name as id.

    opened: the sweeps whose runs stand in the table, after their row.
    """
    sweep_of = {run.run_id: sweep.name for sweep in sweeps for run in sweep.runs}
    by_name = {sweep.name: sweep for sweep in sweeps}
    rows: dict[str, dict[str, object]] = {}
    for run in runs:
        sweep = by_name.get(sweep_of.get(run.run_id, ""))
        if sweep is None:
            rows[run.run_id] = row(run, names[run.run_id])
            continue
        if sweep.name not in rows:
            members = [one for one in runs if sweep_of.get(one.run_id) == sweep.name]
            rows[sweep.name] = _row_of_sweep(sweep, members)
            if sweep.name in opened:
                rows |= {one.run_id: row(one, f"↳ {names[one.run_id]}") for one in members}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))


def in_order(runs: Sequence[Run], names: Mapping[str, str], order: str) -> list[Run]:
    """The runs, given the newest first, in one of `ORDERS`; those that lack a value come last."""
    if order == NEWEST:
        return list(runs)
    value = ORDERS[order]
    known = [(found, run) for run in runs if (found := value(run, names[run.run_id])) is not None]
    lacking = [run for run in runs if value(run, names[run.run_id]) is None]
    return [run for _, run in sorted(known, key=lambda pair: pair[0])] + lacking


def _score(run: Run, name: str) -> float | None:
    measured = run.metrics
    value = measured.test.estimate(METRIC).value if measured else None
    return None if value is None else -value


def _minutes(run: Run) -> float | None:
    status = run.status
    ended = status.finished or (status.heartbeat if status.started else None)
    return (ended - status.started) / 60 if ended and status.started else None


NEWEST = "newest first"
# Orders of runs: the lowest value comes first.
ORDERS: dict[str, Callable[[Run, str], Any]] = {
    NEWEST: lambda run, name: None,
    "best first": _score,
    "by name": lambda run, name: name.casefold(),
    "by state": lambda run, name: STATE_WORDS[run.status.state],
    "longest first": lambda run, name: None if (took := _minutes(run)) is None else -took,
}


def row(run: Run, name: str) -> dict[str, object]:
    """A run with `COLUMNS`."""
    status, measured, history = run.status, run.metrics, run.history
    estimate = measured.test.estimate(METRIC) if measured else None
    losses = history["validation_cross_entropy"].tolist() if len(history) else []
    return {
        "Name": name,
        "Tags": list(_tags(run)),
        "State": STATE_WORDS[status.state],
        SCORE: estimate.value if estimate else None,
        INTERVAL: _interval(estimate.interval if estimate else None),
        LOSS: losses,
        "Architecture": catalog.architecture(run.config.architecture).title,
        "Data set": setting_words.dataset(run.config.dataset),
        "Started": _date(status.started),
        "Minutes": _minutes(run),
    }


def _row_of_sweep(sweep: Sweep, runs: Sequence[Run]) -> dict[str, object]:
    plan, status = sweep.plan, sweep.status
    kind = "Search" if plan.kind == "search" else "Cross-validation"
    return {
        "Name": f"▸ {kind} of {len(runs)} runs: {sweep.name}",
        "Tags": [],
        "State": STATE_WORDS[status.state],
        INTERVAL: _BETWEEN,
        LOSS: [],
        "Architecture": catalog.architecture(plan.base.architecture).title,
        "Data set": setting_words.dataset(plan.base.dataset),
        "Started": _date(status.started),
        "Minutes": (status.finished - status.started) / 60
        if status.finished and status.started
        else None,
    }


def _tags(run: Run) -> tuple[str, ...]:
    return about.told(run).tags


def _interval(interval: Sequence[float] | None) -> str:
    return _BETWEEN if interval is None else phrases.span(interval, 2)


def _date(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def matching(runs: Sequence[Run], names: Mapping[str, str], text: str) -> list[Run]:
    """The runs that have each word of `text` in name, id, note, tags, architecture or data set."""
    wanted = text.casefold().split()
    return [run for run in runs if all(word in _text(run, names) for word in wanted)]


def _text(run: Run, names: Mapping[str, str]) -> str:
    told = about.told(run)
    title = catalog.architecture(run.config.architecture).title
    words = (names[run.run_id], run.run_id, told.note, *told.tags, title, run.config.dataset)
    return " ".join(words).casefold()


def differences(runs: Sequence[Run], names: Mapping[str, str]) -> pd.DataFrame:
    """What differs in the settings of runs, in words: a row a setting, a column a run."""
    configs = [run.config for run in runs]
    told = {
        setting_words.NAMES[setting].capitalize(): {
            names[run.run_id]: setting_words.value(setting, getattr(run.config, setting))
            for run in runs
        }
        for setting in (setting_words.differing(configs) if configs else [])
    }
    return pd.DataFrame(told).T.rename_axis("Setting")
