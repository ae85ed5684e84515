"""The search for cells in a large image, a job.

Beside the files of every job its folder has scan.* (the file as it came), request.json, pixels.rgb
(the decoded image, row by row, 3 bytes a pixel), overview.png and cells.npz. The pixels are read by
regions, so that readers need no memory for the whole.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field as Limits

from core import storage
from core.cells.detection.detect import Cell, Field
from core.cells.detection.red_cells import Ruler
from core.cells.detection.tiles import Stored
from core.data.images import decode
from core.documents import Document
from core.errors import DataError, UploadError, disk_errors
from core.jobs.job import Job, Status
from core.settings import settings
from core.untrusted.arrays import load as load_arrays

_NOTES = "notes.txt"
KEPT = 2  # jobs whose folders stay: those used last


class ScanRequest(Document):
    """request.json of a scan; um_per_px: micrometres a pixel, None if unknown."""

    um_per_px: Annotated[float, Limits(gt=0, le=1000)] | None


@dataclass(frozen=True)
class DetectionJob(Job):
    """The folder of one large image, named after its content and the scale of the search."""

    KIND = "search for cells"
    REQUEST = "request.json"
    DOING = "searching this image"

    @classmethod
    def of(cls, key: str) -> "DetectionJob":
        """The job of a key; its folder need not exist."""
        return cls(storage.scan_dir(key))

    def put(self, data: bytes, suffix: str, um_per_px: float | None) -> None:
        """Stores an image file and its scale for the worker; older jobs are deleted.

        Raises `DataError` if the disk cannot hold the decoded image.
        """
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        others = [other for other in self.path.parent.iterdir() if other != self.path]
        others.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
        for old in others[KEPT - 1 :]:
            if not DetectionJob(old).status.unfinished:
                shutil.rmtree(old, ignore_errors=True)
        free = shutil.disk_usage(self.path).free
        if free < len(data) + 3 * settings().max_scan_pixels:
            raise DataError(
                f"The disk that holds {self.path} has {free / 1e9:.1f} GB free, too few for this "
                "scan. Free some space, or set BLASTLENS_ARTIFACTS to a folder on a larger disk."
            )
        storage.write_bytes(self.path / f"scan{suffix}", data)
        ScanRequest(um_per_px=um_per_px).write(self.path / self.REQUEST)

    @property
    def file(self) -> Path:
        """The image file as it was uploaded. Raises `UploadError` if it is gone."""
        file = next(self.path.glob("scan.*"), None)
        if file is None:
            raise UploadError("The scan is no longer there. Upload it again.")
        return file

    def _wait_for_worker(self) -> None:
        self.cells_file.unlink(missing_ok=True)
        super()._wait_for_worker()

    def _first_status(self) -> Status:
        return Status(phase="starting")

    @property
    def um_per_px(self) -> float | None:
        """Micrometres a pixel, as the user gave them; None if unknown."""
        return ScanRequest.read(self.path / self.REQUEST).um_per_px

    @property
    def pixels_file(self) -> Path:
        return self.path / "pixels.rgb"

    @property
    def cells_file(self) -> Path:
        return self.path / "cells.npz"

    @property
    def pixels(self) -> Stored:
        """The decoded image, on the disk. Raises `UploadError` before it is decoded."""
        shape = self.status.shape
        if shape is None or not self.pixels_file.is_file():
            raise UploadError("The scan has not been decoded. Upload it again.")
        return Stored(self.pixels_file, shape)

    def note(self, notes: tuple[str, ...]) -> None:
        """Keeps, in sentences, what was done to the image before it was searched."""
        storage.write_bytes(self.path / _NOTES, "\n".join(notes).encode())

    @property
    def notes(self) -> tuple[str, ...]:
        """What `note` has kept; empty where it has not."""
        file = self.path / _NOTES
        return tuple(file.read_text("utf-8").splitlines()) if file.is_file() else ()

    @property
    def overview(self) -> np.ndarray:
        """A small version of the image, RGB uint8 (h, w, 3)."""
        return decode(self.path / "overview.png")

    @property
    def found(self) -> Field:
        """The field with its cells; not `complete` if the search was stopped."""
        return load_field(self.cells_file)


def save_field(file: Path, field: Field) -> None:
    """Writes a field atomically, with the masks of its cells packed into bits."""
    cells = field.cells
    empty = [np.zeros(0, bool)]
    diameter = field.ruler.diameter
    with storage.atomic(file) as temporary:
        np.savez(
            temporary,
            bbox=np.array([cell.bbox for cell in cells], np.int64).reshape(-1, 4),
            score=np.array([cell.score for cell in cells]),
            border=np.array([cell.touches_border for cell in cells], bool),
            stain=np.array([(cell.purple, cell.red_share) for cell in cells]).reshape(-1, 2),
            smudged=np.array([cell.smudged for cell in cells], bool),
            mask=np.packbits(np.concatenate(empty + [cell.mask.ravel() for cell in cells])),
            nucleus=np.packbits(np.concatenate(empty + [cell.nucleus.ravel() for cell in cells])),
            ruler=np.array([np.nan if diameter is None else diameter, field.ruler.arcs]),
            bar=np.array(field.ruler.bar_px or 0),
            shape=np.array(field.shape),
            complete=np.array(field.complete),
        )


def load_field(file: Path) -> Field:
    """Reads a field that `save_field` wrote. Raises `DataError` if it is missing or damaged."""
    try:
        arrays = load_arrays(file)
        areas = arrays["bbox"][:, 2] * arrays["bbox"][:, 3]
        ends = np.cumsum(areas)
        bits = {
            name: np.unpackbits(arrays[name], count=int(areas.sum())).astype(bool)
            for name in ("mask", "nucleus")
        }
        cells = []
        facts = zip(
            arrays["score"].tolist(),
            arrays["border"].tolist(),
            *arrays["stain"].T.tolist(),
            arrays["smudged"].tolist(),
            strict=True,
        )
        for box, end, area, rest in zip(arrays["bbox"].tolist(), ends, areas, facts, strict=True):
            mask, nucleus = (
                bits[name][end - area : end].reshape(box[3], box[2]) for name in ("mask", "nucleus")
            )
            cells.append(Cell(tuple(box), mask, nucleus, int(mask.sum()), *rest))
        diameter, arcs = arrays["ruler"]
        bar_px = int(arrays.get("bar", 0)) or None  # older files do not have it
        ruler = Ruler(None if np.isnan(diameter) else float(diameter), int(arcs), bar_px)
        height, width = arrays["shape"].tolist()
        return Field(tuple(cells), ruler, (height, width), bool(arrays["complete"]))
    except (OSError, LookupError, ValueError, TypeError) as error:
        raise DataError(f"{file} cannot be read ({error}). Upload the scan again.") from None
