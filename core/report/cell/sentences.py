"""The reading of a cell in a few sentences: what is decided, what limits it, what stands out."""

from collections import Counter

import numpy as np

from core.cells.nucleus import nucleus_mask
from core.explain.faithfulness import inside_share
from core.explain.trust import Judgement
from core.reading.cell_reading import CellReading
from core.report import phrases

MOST_HEAT = 0.5  # share of the heat that lies where a heat map is said to lie
SIDES = ("ALL", "HEM")


def advice(cell: CellReading) -> str:
    """What to do with the call, as the end of its sentence; "" if nothing speaks against it."""
    if cell.call == "review":
        return f": have it looked at. It leans to {cell.leaning}"
    return ", but doubtful: have it looked at" if cell.undecided else ""


def unusual(cell: CellReading) -> str:
    """Which measures stand out among the reference cells, in a sentence; "" if none does."""
    found = [finding.brief for finding in cell.findings if finding.unusual]
    return f"Unusual among its reference {cell.items}: {phrases.names(found)}." if found else ""


def contradicted(cell: CellReading) -> str:
    """That most of the nearest reference cells are of the other class; "" if they are not."""
    labels = Counter(neighbour.label for neighbour in cell.similar or () if neighbour.label)
    total = labels.total()
    (other,) = (side for side in SIDES if side != cell.leaning)
    against = labels[other]
    if 2 * against <= total:
        return ""
    many = f"All {total}" if against == total else f"{against} of the {total}"
    return f"{many} reference {cell.items} most like it are {other}."


def heat_map(cell: CellReading, judged: Judgement) -> str:
    """What the heat map is worth, in a short sentence; its reason is `Judgement.reason`."""
    if judged.figures is None:
        return "There is no heat map." if cell.heat is None else "The heat map was not checked."
    if judged.supported:
        return f"The heat map marks {_where(cell)} and passed its checks."
    return f"The heat map did not pass its checks ({judged.badge})."


def _where(cell: CellReading) -> str:
    if cell.whole_image:
        return "the white cells"
    nucleus = nucleus_mask(cell.image, cell.region)
    if cell.heat is not None and nucleus.any() and inside_share(cell.heat, nucleus) >= MOST_HEAT:
        return "the nucleus"
    return "the cell"


def scale_bar(cell: CellReading) -> tuple[float, float] | None:
    """A round length in micrometres and in pixels of the cell's image; None without a scale.

    The longest of 1, 2, 5, 10, … that is at most a third of the image.
    """
    scale = cell.um_per_px
    if scale is None:
        return None
    longest = cell.image.shape[1] * scale / 3
    power = 10.0 ** np.floor(np.log10(longest))
    length = max(step * power for step in (1, 2, 5) if step * power <= longest)
    return float(length), float(length / scale)
