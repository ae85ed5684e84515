"""The parts of a model card, each a value, a table or a gap, and what they are made from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from core.models.catalog import Architecture
from core.report.card import texts
from core.runs.config import RunConfig
from core.runs.metrics import DatasetFacts, RunMetrics
from core.runs.run_store import Run

T = TypeVar("T")
RETRAIN = "Runs trained by this version record it: train again."


@dataclass(frozen=True)
class Item:
    """A line of the card.

    value: a sentence, or "" beside a table or gap. rows: a table, its first row the header. gap:
    what is missing, with the remedy. words: whether the value is the user's own text, not read off
    the run. field: the key of `core.report.card.texts.FIELDS` under which a user can write it.
    """

    label: str
    value: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    gap: str | None = None
    remedy: str | None = None
    words: bool = False
    field: str | None = None


@dataclass(frozen=True)
class CardSection:
    """A part of the card; `after` names the items of the guidelines that it follows."""

    title: str
    after: str
    items: tuple[Item, ...]

    @property
    def gaps(self) -> int:
        """How many of its items are missing."""
        return sum(item.gap is not None for item in self.items)


@dataclass(frozen=True)
class Card:
    """A model card: of which run, what it is in a line, and its sections."""

    run: str
    title: str
    sections: tuple[CardSection, ...]

    @property
    def gaps(self) -> int:
        """How many items are missing."""
        return sum(section.gaps for section in self.sections)


def fact(label: str, value: str) -> Item:
    """An item read off the run."""
    return Item(label, value)


def gap(label: str, missing: str, remedy: str) -> Item:
    """An item that is missing, and how to have it."""
    return Item(label, gap=missing, remedy=remedy)


def table(label: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Item:
    """An item that is a table."""
    return Item(label, rows=(tuple(header), *(tuple(row) for row in rows)))


class Ailment(Protocol):
    """What the run doctor says: `core.doctor.diagnoses.Diagnosis`."""

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
