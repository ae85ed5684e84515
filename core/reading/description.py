"""What was measured on a cell, in short sentences, beside what its model's training cells measure.

Nothing here is a call: it says where a figure lies among the cells of each class, and no more.
"""

from dataclasses import dataclass

import numpy as np

from core.cells.morphology import Morphology
from core.ood.reference import Reference

TAIL = 0.1  # beyond this share of the training cells on either side, a figure is unusual


@dataclass(frozen=True)
class Measure:
    """How a figure is said: the words where it is low, usual and high, and how it is written."""

    field: str
    low: str
    usual: str
    high: str
    written: str


MEASURES = (
    Measure("diameter_px", "Small", "Of usual size", "Large", "{:.0f} pixels across"),
    Measure(
        "nucleus_share",
        "Much cytoplasm",
        "Usual share of nucleus",
        "Little cytoplasm",
        "the nucleus is {:.0%} of the cell",
    ),
    Measure(
        "roundness",
        "Irregular in outline",
        "Of usual outline",
        "Round in outline",
        "roundness {:.2f}, where a disc has 1",
    ),
    Measure(
        "texture",
        "Fine, even chromatin",
        "Usual chromatin",
        "Coarse chromatin",
        "texture {:.3f}",
    ),
    Measure("density", "Pale stain", "Usual stain", "Dense stain", "density {:.2f}"),
)


@dataclass(frozen=True)
class Description:
    """One sentence on a cell, and the figures in it.

    measure: the field of `Morphology`. above_all, above_hem: the share of training cells of each
    class whose figure is lower, 0 to 1, None where that is not known.
    """

    measure: str
    value: float | None
    words: str
    above_all: float | None = None
    above_hem: float | None = None


def describe(
    cell: Morphology, kept: Reference | None, *, size_known: bool = True
) -> tuple[Description, ...]:
    """The sentences on a cell, in the order of `MEASURES`; then what is attached to it.

    Without `kept` nothing is said of where figures lie. `size_known` False leaves size out: the
    cell was brought to the scale of training by assuming its size.
    """
    found = [
        _finding(measure, getattr(cell, measure.field), kept)
        for measure in MEASURES
        if size_known or measure.field != "diameter_px"
    ]
    if cell.fragment_share > 0:
        attached = (
            f"Something paler and redder is attached to it, {cell.fragment_share:.0%} of the area: "
            "size and outline include it."
        )
        found.append(Description("fragment_share", cell.fragment_share, attached))
    return tuple(found)


def _finding(measure: Measure, value: float | None, kept: Reference | None) -> Description:
    if value is None:
        return Description(measure.field, None, _no_cytoplasm(kept))
    written = measure.written.format(value)
    shares = None if kept is None else _shares(kept, measure.field, value)
    if shares is None:
        return Description(measure.field, value, f"{written[:1].upper()}{written[1:]}.")
    among, above_all, above_hem = shares
    word = measure.low if among < TAIL else measure.high if among > 1 - TAIL else measure.usual
    places = [
        f"{share:.0%} of {label}"
        for share, label in ((above_all, "ALL"), (above_hem, "HEM"))
        if share is not None
    ]
    words = f"{word}: {written}, above {' and '.join(places)} training cells."
    return Description(measure.field, value, words, above_all, above_hem)


def _no_cytoplasm(kept: Reference | None) -> str:
    words = "No cytoplasm can be told from the nucleus"
    if kept is None or kept.measures.empty:
        return f"{words}."
    cells, measured = len(kept.measures), len(kept.in_order("nucleus_share")[0])
    return f"{words}, as in {(cells - measured) / cells:.0%} of training cells."


def _shares(
    kept: Reference, field: str, value: float
) -> tuple[float, float | None, float | None] | None:
    """Of all training cells, and of each class: the share whose figure is lower."""
    every, of_all, of_hem = (_below(values, value) for values in kept.in_order(field))
    return None if every is None else (every, of_all, of_hem)


def _below(values: np.ndarray, value: float) -> float | None:
    """The share of values, in their order, that are lower; None of none."""
    return (
        float(values.searchsorted(values.dtype.type(value)) / len(values)) if len(values) else None
    )
