"""What a model card is made of, and the ways to say that something is not known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from core.models.catalog import Architecture
from core.report.card import texts
from core.report.card.items import Item, fact, gap
from core.runs.config import RunConfig
from core.runs.metrics import DatasetFacts, RunMetrics
from core.runs.run_store import Run

T = TypeVar("T")
RETRAIN = "Runs trained by this version record it: train again."


class Ailment(Protocol):
    """What the run doctor says: `core.doctor.catalogue.Diagnosis`."""

    @property
    def title(self) -> str:
        """A short sentence."""

    @property
    def evidence(self) -> str:
        """The figures that show it."""

    @property
    def advice(self) -> str:
        """What to do."""


@dataclass(frozen=True)
class CardContext:
    """What a card is made of."""

    run: Run
    config: RunConfig
    entry: Architecture
    measured: RunMetrics
    words: dict[str, str]
    ailments: Sequence[Ailment]

    @property
    def dataset(self) -> DatasetFacts:
        """What metrics.json says of the data set."""
        return self.measured.dataset

    def said(self, name: str, known: str | None = None) -> Item:
        """The user's text for a field of `texts.FIELDS`; else what is known; else a gap."""
        field = texts.FIELDS[name]
        if name in self.words:
            return Item(field.label, self.words[name], words=True, field=name)
        if known is not None:
            return Item(field.label, known, field=name)
        how = "Write it under “Fill in” on the Models page."
        return replace(gap(field.label, f"Not stated: {field.lack}.", how), field=name)


def recorded(value: T | None, label: str, words: Callable[[T], str]) -> Item:
    """An item of metrics.json in words; a gap where an older version did not record it."""
    if value is None:
        return gap(label, "This run did not record it.", RETRAIN)
    return fact(label, words(value))


def date(at: float | None) -> str:
    """A Unix time in words."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "unknown"
