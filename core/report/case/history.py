"""What an event of a case did, in words."""

import json
from collections import Counter
from collections.abc import Mapping

from core.cases.case_store import ADDED
from core.cases.review import DECIDED, SETTLED
from core.cases.tables import CellRow, EventRow, PictureRow
from core.data.pixel_cache import CELL, IMAGE

MOST_NAMED = 5  # cells


def said(
    event: EventRow,
    names: Mapping[str, str] | None = None,
    items: Mapping[str, str] | None = None,
) -> str:
    """What happened, such as "decided: 2 cells, 1 ALL, 1 HEM".

    With `names` of cells by identifier it says which ones: "decided: 1 cell (No. 3), 1 ALL".
    `items` tells by identifier which are whole images.
    """
    changes = json.loads(event.payload or "{}").get("changes", ())
    cells = [change for change in changes if change["table"] == CellRow.__tablename__]
    parts = []
    if event.kind == ADDED:
        added = sum(change["table"] == PictureRow.__tablename__ for change in changes)
        parts.append(counted(added, "picture"))
    if cells:
        changed = {cell["id"] for cell in cells}
        named = [name for cell, name in (names or {}).items() if cell in changed]
        more = ", …" if len(named) > MOST_NAMED else ""
        which = f" ({', '.join(named[:MOST_NAMED])}{more})" if named else ""
        images = sum(item == IMAGE for cell, item in (items or {}).items() if cell in changed)
        numbers = {CELL: len(cells) - images, f"whole {IMAGE}": images}
        things = [counted(number, item) for item, number in numbers.items() if number]
        parts.append(f"{', '.join(things)}{which}")
    if event.kind in (DECIDED, SETTLED):
        # A decision that is made again leaves the label as it was.
        labels = Counter(change["after"].get("label", "as before") for change in cells)
        parts += [f"{count} {label}" for label, count in sorted(labels.items())]
    return f"{event.kind}: {', '.join(parts)}" if parts else event.kind


def counted(number: int, noun: str) -> str:
    """A number of things: "1 cell", "1,200 cells"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
