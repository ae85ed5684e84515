"""The parts of a model card: sections of items, each a value, a table or a gap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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
class Section:
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
    sections: tuple[Section, ...]

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
