"""What an event of a case did, in words."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from core.cases.case_store import ADDED
from core.cases.review import DECIDED, SETTLED
from core.cases.tables import CellRow, EventRow, PictureRow
from core.data.pixel_cache import CELL, IMAGE

MOST_NAMED = 5  # cells


def said(event: EventRow, cells: Mapping[str, CellRow]) -> str:
    """What happened, and to which cells of the case: "decided: 1 cell (No. 3), 1 ALL".

    `cells` are those of the case by identifier; one that was removed is counted as a cell. If they
    are of several pictures, these are named: "decided: 1 cell (No. 3 of field.png), 1 ALL".
    """
    try:
        changes = json.loads(event.payload or "{}").get("changes", ())
    except (ValueError, TypeError, AttributeError):
        return f"{event.kind}: what it says is damaged"
    changed = [change for change in changes if change["table"] == CellRow.__tablename__]
    parts = []
    if event.kind == ADDED:
        added = sum(change["table"] == PictureRow.__tablename__ for change in changes)
        parts.append(counted(added, "picture"))
    if changed:
        known = [cells[change["id"]] for change in changed if change["id"] in cells]
        images = sum(cell.item == IMAGE for cell in known)
        numbers = {CELL: len(changed) - images, f"whole {IMAGE}": images}
        things = [counted(number, item) for item, number in numbers.items() if number]
        several = len({cell.picture_id for cell in cells.values()}) > 1
        which = f" ({_names(known, several)})" if known and event.kind != ADDED else ""
        parts.append(f"{', '.join(things)}{which}")
    if event.kind in (DECIDED, SETTLED):
        # A decision that is made again leaves the label as it was.
        labels = Counter(change["after"].get("label", "as before") for change in changed)
        parts += [f"{count} {label}" for label, count in sorted(labels.items())]
    return f"{event.kind}: {', '.join(parts)}" if parts else event.kind


def _names(cells: Sequence[CellRow], several: bool) -> str:
    """The first cells as the board numbers them, by picture if there are several."""
    first = sorted(cells, key=lambda cell: (cell.place, cell.number))
    pictures = [
        ", ".join(f"No. {cell.number}" for cell in of_picture)
        + (f" of {of_picture[0].picture.name}" if several else "")
        for _, group in groupby(first[:MOST_NAMED], lambda cell: cell.place)
        if (of_picture := list(group))
    ]
    return "; ".join(pictures) + (", …" if len(first) > MOST_NAMED else "")


def counted(number: int, noun: str) -> str:
    """A number of things: "1 cell", "1,200 cells"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
