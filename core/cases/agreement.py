"""How well the readers of a case agree, with each other and with the model."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from core.cases.labels import CALLED, LABELS
from core.cases.tables import CaseRow
from core.data.pixel_cache import CELL, IMAGE
from core.metrics.agreement import cohens_kappa
from core.metrics.estimate import Estimate

MODEL = "the model"


@dataclass(frozen=True)
class Agreement:
    """Two raters of the same cells. equal: cells on which they agree. blind: whether all decisions
    were made before the model's call was shown. item: "cell", or "image" of whole images.
    """

    first: str
    second: str
    cells: int
    equal: int
    kappa: Estimate
    blind: bool
    item: str = CELL


def agreements(case: CaseRow) -> list[Agreement]:
    """Each reader against the model, on cells that it called, and readers against each other.

    A cell that the model sent to review it did not call, whichever side it leans to. Whole images
    are compared apart from cells.
    """
    items = {cell.id: cell.item for cell in case.cells}
    return [
        replace(pair, item=item)
        for item in (CELL, IMAGE)
        for pair in _agreements(case, {cell for cell, kind in items.items() if kind == item})
    ]


def _agreements(case: CaseRow, among: Set[str]) -> list[Agreement]:
    blind = {reader: _labels(case, among, reader, blind=True) for reader in _readers(case)}
    found = []
    for reader, first in blind.items():
        labels = first or _labels(case, among, reader, blind=False)
        calls = {cell.id: cell.state for cell in case.cells if cell.state in CALLED}
        # What the model was not made for cannot be held against it.
        own = {cell: label for cell, label in labels.items() if label in CALLED}
        found.append(_compare(reader, MODEL, own, calls, bool(first)))
    for one, other in combinations(blind, 2):
        both = bool(blind[one]) and bool(blind[other])
        first, second = (
            blind[name] if both else _labels(case, among, name, blind=False)
            for name in (one, other)
        )
        found.append(_compare(one, other, first, second, both))
    return [pair for pair in found if pair.cells]


def _readers(case: CaseRow) -> list[str]:
    return sorted({decision.reader for decision in case.decisions})


def _labels(case: CaseRow, among: Set[str], reader: str, *, blind: bool) -> dict[str, str]:
    """What a reader decided among cells: before seeing the model's call, or in the end."""
    decisions = (one for one in case.decisions if one.cell_id in among)
    own = [decision for decision in decisions if decision.reader == reader]
    labels = {one.cell_id: one.first if blind else one.label for one in own}
    return {cell: label for cell, label in labels.items() if label is not None}


def _compare(
    first: str, second: str, one: Mapping[str, str], other: Mapping[str, str], blind: bool
) -> Agreement:
    cells = sorted(one.keys() & other.keys())
    number = {label: place for place, label in enumerate(LABELS)}
    a, b = (np.array([number[side[cell]] for cell in cells], int) for side in (one, other))
    return Agreement(first, second, len(cells), int((a == b).sum()), cohens_kappa(a, b), blind)
