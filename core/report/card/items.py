"""The parts of a model card (values, tables and gaps), and the context they are made from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from core.models.architecture import Architecture
from core.report.card import texts
from core.runs.config import RunConfig
from core.runs.metrics import DatasetFacts, RunMetrics
from core.runs.run_store import Run

T = TypeVar("T")
RETRAIN = "Runs trained by this version record it: train again."


@dataclass(frozen=True)
class Item:
    """One item of the card.

    value: a sentence, or "" if the item is a table or gap. rows: a table, its first row the header.
    gap: what is missing; remedy: what to do. words: whether the value is a text of the user, not
    from the run. field: the key of `core.report.card.texts.FIELDS` under which a user can write it.
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
    """A section of the card; `after` names the items of the guidelines that it follows."""

    title: str
    after: str
    items: tuple[Item, ...]

    @property
    def gaps(self) -> int:
        """The number of missing items."""
        return sum(item.gap is not None for item in self.items)


@dataclass(frozen=True)
class Card:
    """A model card of a run, with a title and sections."""

    run: str
    title: str
    sections: tuple[CardSection, ...]

    @property
    def gaps(self) -> int:
        """The number of missing items."""
        return sum(section.gaps for section in self.sections)


def fact(label: str, value: str) -> Item:
    """Makes an item from the run."""
    return Item(label, value)


def gap(label: str, missing: str, remedy: str) -> Item:
    """Makes a missing item, with its remedy."""
    return Item(label, gap=missing, remedy=remedy)


def table(label: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Item:
    """Makes an item that is a table."""
    return Item(label, rows=(tuple(header), *(tuple(row) for row in rows)))


class CardDiagnosis(Protocol):
    """The part of `core.doctor.diagnoses.Diagnosis` that the card shows."""

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
    """The run and texts that a card is made from."""

    run: Run
    config: RunConfig
    entry: Architecture
    metrics: RunMetrics
    texts: dict[str, str]
    diagnoses: Sequence[CardDiagnosis]

    @property
    def dataset(self) -> DatasetFacts:
        return self.metrics.dataset

    def text(self, name: str, default: str | None = None) -> Item:
        """Makes the item of a field of `texts.FIELDS`: the user's text, else `default` or a gap."""
        field = texts.FIELDS[name]
        if name in self.texts:
            return Item(field.label, self.texts[name], words=True, field=name)
        if default is not None:
            return Item(field.label, default, field=name)
        remedy = "Write it under “Fill in” on the Models page."
        return replace(gap(field.label, f"Not stated: {field.lack}.", remedy), field=name)


def recorded(value: T | None, label: str, describe: Callable[[T], str]) -> Item:
    """Makes an item from a value of metrics.json; a gap if an older version did not record it."""
    if value is None:
        return gap(label, "This run did not record it.", RETRAIN)
    return fact(label, describe(value))


def date(at: float | None) -> str:
    """Formats a Unix time."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at else "unknown"
