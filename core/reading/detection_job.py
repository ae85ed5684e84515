"""A large scan while cells are looked for in it: a folder of plain files.

scan.* (the file as it came), request.json, status.json (replaced
atomically), `stop`, pixels.rgb (what it shows, row by row, 3 bytes a pixel), overview.png,
cells.npz, worker.log. The pixels are read by regions, so that readers need no memory for them.
"""

import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from core import storage
from core.cells.detection.detect import Cell, Field
from core.cells.detection.red_cells import Ruler
from core.cells.detection.tiles import Stored
from core.data.images import decode
from core.errors import DataError, UploadError
from core.settings import settings

KEPT = 2  # scans, the last ones used


@dataclass(frozen=True)
class DetectionStatus:
    """How the search stands.

    state: none, queued, running, succeeded, failed, cancelled or interrupted. phase: what is being
    done; done of total tiles. shape: (H, W), once decoded. error: the sentence to show.
    """

    state: str = "none"
    phase: str = "starting"
    done: int = 0
    total: int = 0
    shape: tuple[int, int] | None = None
    error: str | None = None
    started: float = field(default_factory=time.time)
    heartbeat: float = field(default_factory=time.time)

    @property
    def unfinished(self) -> bool:
        """Whether more is to come."""
        return self.state in ("queued", "running")


class DetectionJob:
    """One scan's folder. `key` names its content and the scale it is searched at."""

    def __init__(self, path: Path) -> None:
        """Takes the folder, which need not be there."""
        self.path = path

    @classmethod
    def of(cls, key: str) -> "DetectionJob":
        """That of a key."""
        return cls(storage.scan_dir(key))

    @property
    def status(self) -> DetectionStatus:
        """The state now; a worker whose heartbeat has stopped has been interrupted."""
        try:
            kept = DetectionStatus(**storage.read_json(self.path / "status.json"))
        except (FileNotFoundError, ValueError, TypeError):
            return DetectionStatus()
        if kept.shape is not None:
            kept = DetectionStatus(**asdict(kept) | {"shape": tuple(kept.shape)})
        if kept.unfinished and time.time() - kept.heartbeat > settings().heartbeat_stale_seconds:
            reason = f"The search stopped without a word while {kept.phase}. Try again."
            return DetectionStatus(**asdict(kept) | {"state": "interrupted", "error": reason})
        return kept

    def write_status(self, now: DetectionStatus) -> None:
        """Replaces status.json atomically."""
        storage.write_json(self.path / "status.json", asdict(now))

    def put(self, data: bytes, suffix: str, um_per_px: float | None) -> None:
        """Lays a file's bytes ready for a worker; older scans make room."""
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
        with storage.atomic(self.path / f"scan{suffix}") as temporary, temporary.open("wb") as file:
            file.write(data)
        storage.write_json(self.path / "request.json", {"um_per_px": um_per_px})

    @property
    def file(self) -> Path:
        """The scan as it came. Raises `UploadError` where it is gone."""
        found = sorted(self.path.glob("scan.*"))
        if not found:
            raise UploadError("The scan is no longer there. Upload it again.")
        return found[0]

    def queue(self) -> bool:
        """Makes ready for a worker; whether one is needed."""
        if self.status.unfinished or self.status.state == "succeeded":
            return False
        (self.path / "stop").unlink(missing_ok=True)
        self.write_status(DetectionStatus(state="queued"))
        return True

    def request_stop(self) -> None:
        """Asks the worker to stop; what has been found so far is kept."""
        (self.path / "stop").touch()

    @property
    def stop_requested(self) -> bool:
        """Whether someone has asked the worker to stop."""
        return (self.path / "stop").exists()

    @property
    def pixels_file(self) -> Path:
        """What the scan shows, row by row."""
        return self.path / "pixels.rgb"

    @property
    def pixels(self) -> Stored:
        """The decoded scan, on the disk."""
        shape = self.status.shape
        if shape is None or not self.pixels_file.is_file():
            raise UploadError("The scan has not been decoded. Upload it again.")
        return Stored(self.pixels_file, shape)

    @property
    def overview(self) -> np.ndarray:
        """The scan made smaller, RGB uint8."""
        return decode(self.path / "overview.png")

    @property
    def found(self) -> Field:
        """What was found; not `complete` where the search was stopped."""
        return load_field(self.path / "cells.npz")

    def remove(self) -> None:
        """Forgets all of it."""
        with suppress(OSError):
            shutil.rmtree(self.path)


def save_field(file: Path, field: Field) -> None:
    """Writes a field's cells, their masks packed into bits, atomically."""
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
            shape=np.array(field.shape),
            complete=np.array(field.complete),
        )


def load_field(file: Path) -> Field:
    """What `save_field` wrote. Raises `DataError` where it is not there or damaged."""
    try:
        with np.load(file) as kept:
            parts = {name: kept[name] for name in kept.files}
        areas = parts["bbox"][:, 2] * parts["bbox"][:, 3]
        ends = np.cumsum(areas)
        bits = {
            name: np.unpackbits(parts[name], count=int(areas.sum())).astype(bool)
            for name in ("mask", "nucleus")
        }
        cells = []
        told = zip(
            parts["score"].tolist(),
            parts["border"].tolist(),
            *parts["stain"].T.tolist(),
            parts["smudged"].tolist(),
            strict=True,
        )
        for box, end, area, rest in zip(parts["bbox"].tolist(), ends, areas, told, strict=True):
            mask, nucleus = (
                bits[name][end - area : end].reshape(box[3], box[2]) for name in ("mask", "nucleus")
            )
            cells.append(Cell(tuple(box), mask, nucleus, int(mask.sum()), *rest))
        diameter, arcs = parts["ruler"]
        ruler = Ruler(None if np.isnan(diameter) else float(diameter), int(arcs))
        height, width = parts["shape"].tolist()
        return Field(tuple(cells), ruler, (height, width), bool(parts["complete"]))
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error}). Upload the scan again.") from None
