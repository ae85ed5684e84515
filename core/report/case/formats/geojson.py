"""The cells of a case as GeoJSON that QuPath opens: one file a picture, in its pixels."""

import io
import json
import re
import uuid
import zipfile
from collections.abc import Sequence
from itertools import pairwise

from core.reading.fields.drawing import rgb
from core.report.case import marks
from core.report.case.content import CaseReport, Point, ReportedCell, ReportedPicture


def to_geojson(picture: ReportedPicture) -> dict[str, object]:
    """The cells of a picture as a FeatureCollection; a cell without an outline is left out.

    Each is a detection of QuPath with its number as name, its class, and its measurements. Its
    outline is a ring as RFC 7946 has it: closed, around an area, which lies to its left where y
    grows upwards.
    """
    rings = ((cell, ring(cell.outline)) for cell in picture.cells)
    return {
        "type": "FeatureCollection",
        "features": [_feature(cell, line, picture.um_per_px) for cell, line in rings if line],
    }


def ring(outline: Sequence[Point]) -> list[Point]:
    """A closed outline as the linear ring of RFC 7946, section 3.1.6; [] if it has no area."""
    if not outline:
        return []
    closed = [*outline, outline[0]] if outline[0] != outline[-1] else [*outline]
    twice = sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairwise(closed))
    return closed[:: 1 if twice > 0 else -1] if twice else []


def to_zip(report: CaseReport) -> bytes:
    """A ZIP archive with a file for each picture, named after it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for picture in report.pictures:
            text = json.dumps(to_geojson(picture), ensure_ascii=False, allow_nan=False, indent=1)
            archive.writestr(file_name(picture), text)
    return buffer.getvalue()


def file_name(picture: ReportedPicture) -> str:
    """The name of a picture's file: its place, and what of its name any file system takes."""
    return f"{picture.place:03d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', picture.name)[:80]}.geojson"


def _feature(
    cell: ReportedCell, line: Sequence[Point], um_per_px: float | None
) -> dict[str, object]:
    possible = {
        "Probability of a blast": cell.probability,
        "Probability, low": cell.low,
        "Probability, high": cell.high,
        "Area px^2": cell.area_px,
        "Area µm^2": None if um_per_px is None else cell.area_px * um_per_px**2,
    }
    measurements = {name: value for name, value in possible.items() if value is not None}
    colour = list(rgb(marks.mark(cell).colour))
    return {
        "type": "Feature",
        "id": str(uuid.UUID(cell.id)),
        "geometry": {"type": "Polygon", "coordinates": [[list(point) for point in line]]},
        "properties": {
            "objectType": "detection",
            "name": str(cell.number),
            "classification": {"name": cell.standing, "color": colour},
            "measurements": measurements,
            "metadata": {
                "Called by the model": cell.state,
                "Decided by": cell.label_by or "nobody",
                "Decided at": cell.label_at or "",
            },
        },
    }
