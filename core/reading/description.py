"""The measures of a cell in short sentences, compared with the reference cells of its model.

None of them is a call: a sentence says where a measure lies among the cells of each class.
"""

from dataclasses import dataclass

import numpy as np

from core.cells.morphology import Morphology
from core.cells.scale import size
from core.ood.reference import Reference

TAIL = 0.1  # share of the reference cells on either side beyond which a measure is unusual


@dataclass(frozen=True)
class Measure:
    """The words for a low, usual and high measure, and the format of its value."""

    field: str
    low: str
    usual: str
    high: str
    written: str


MEASURES = (
    Measure("diameter_px", "Small", "Of usual size", "Large", "{} across"),
    Measure(
        "nucleus_share",
        "Low N:C ratio",
        "Usual N:C ratio",
        "High N:C ratio",
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
        "Open, even chromatin",
        "Usual chromatin",
        "Clumped chromatin",
        "texture {:.3f}",
    ),
    Measure("density", "Pale stain", "Usual stain", "Dense stain", "density {:.2f}"),
)


@dataclass(frozen=True)
class Description:
    """One sentence on a cell, and the numbers in it.

    measure: the field of `Morphology`. above_all, above_hem: the share of reference cells of each
    class whose value is lower, 0 to 1, None if it is not known. brief: what stands
    out, in a few words; "" if nothing does.
    """

    measure: str
    value: float | None
    words: str
    above_all: float | None = None
    above_hem: float | None = None
    brief: str = ""

    @property
    def unusual(self) -> bool:
        """Whether the measure stands out among the reference cells."""
        return bool(self.brief)


def describe(
    cell: Morphology,
    reference: Reference | None,
    size_known: bool = True,
    diameter: str = "",
) -> tuple[Description, ...]:
    """The sentences on a cell, in the order of `MEASURES`, and one on an attached fragment.

    `diameter` is in words; "" for that of `cell` in pixels.

    Without a reference they compare nothing. `size_known` False leaves the size out: the cell was
    brought to the scale of training by assuming its size.
    """
    descriptions = [
        _describe(measure, getattr(cell, measure.field), reference, diameter)
        for measure in MEASURES
        if size_known or measure.field != "diameter_px"
    ]
    if cell.fragment_share > 0:
        brief = f"something attached to it, {cell.fragment_share:.0%} of the area"
        attached = f"Paler and redder: {brief}. Size and outline include it."
        share = cell.fragment_share
        descriptions.append(Description("fragment_share", share, attached, brief=brief))
    return tuple(descriptions)


def _describe(
    measure: Measure, value: float | None, reference: Reference | None, diameter: str
) -> Description:
    if value is None:
        return Description(measure.field, None, _no_cytoplasm(reference))
    across = measure.field == "diameter_px"
    written = measure.written.format(diameter or size([value], None) if across else value)
    among, above_all, above_hem = (
        (None, None, None)
        if reference is None
        else (_share_below(values, value) for values in reference.in_order(measure.field))
    )
    if among is None:
        return Description(measure.field, value, f"{written[:1].upper()}{written[1:]}.")
    word = measure.low if among < TAIL else measure.high if among > 1 - TAIL else measure.usual
    places = [
        f"{share:.0%} of {label}"
        for share, label in ((above_all, "ALL"), (above_hem, "HEM"))
        if share is not None
    ]
    words = f"{word}: {written}, above {' and '.join(places)} reference cells."
    brief = "" if word == measure.usual else f"{word[:1].lower()}{word[1:]} ({written})"
    return Description(measure.field, value, words, above_all, above_hem, brief)


def _no_cytoplasm(reference: Reference | None) -> str:
    words = "Cytoplasm: its colour does not set it apart from the nucleus"
    if reference is None or reference.measures.empty:
        return f"{words}."
    cells, measured = len(reference.measures), len(reference.in_order("nucleus_share")[0])
    return f"{words}, as in {(cells - measured) / cells:.0%} of reference cells."


def _share_below(values: np.ndarray, value: float) -> float | None:
    """The share of sorted values that are lower; None if there is no value."""
    if not len(values):
        return None
    return float(values.searchsorted(values.dtype.type(value)) / len(values))
