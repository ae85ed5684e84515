"""The process that looks for white cells in a large scan: `python -m core.workers.detection DIR`.

In a process of its own, so that its memory is given back and a stop takes effect at once.
"""

import os
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from core import storage
from core.cells.detection.tiles import detect_tiled
from core.data.images import encode, open_large_image
from core.errors import BlastLensError
from core.reading.detection_job import DetectionJob, DetectionStatus, save_field
from core.reading.field_picture import OVERVIEW

ROWS = 16  # of the overview, that are made at a time
WATCH = 0.2  # seconds between two looks for a stop request


class Work:
    """One search, from the file to the cells."""

    def __init__(self, job: DetectionJob) -> None:
        """Takes a queued job."""
        self.job = job
        self.status = DetectionStatus(state="running", phase="decoding")
        self._lock = threading.Lock()
        self._decoded = False

    def tell(self, **changes: object) -> None:
        """Replaces the status."""
        with self._lock:
            self.status = replace(self.status, heartbeat=time.time(), **changes)  # type: ignore[arg-type]
            self.job.write_status(self.status)

    def watch(self) -> None:
        """Ends the process when asked to, while decoding, which cannot be left otherwise."""
        while not self._decoded:
            if self.job.stop_requested:
                self.tell(state="cancelled")
                os._exit(0)
            time.sleep(WATCH)

    def decode(self) -> None:
        """Lays the pixels and the overview down, and gives the decoder's memory back."""
        self.tell()
        threading.Thread(target=self.watch, daemon=True).start()
        with open_large_image(self.job.file) as scan:
            height, width = scan.shape
            step = max(1, -(-max(height, width) // OVERVIEW))
            rows, strips = ROWS * step, []
            # Written, not mapped: beside the decoder's memory there is little left of a gibibyte.
            with storage.atomic(self.job.pixels_file) as temporary, temporary.open("wb") as file:
                for top in range(0, height, rows):
                    strip = scan.read(0, top, width, min(rows, height - top))
                    file.write(np.ascontiguousarray(strip).data)
                    small = (max(1, width // step), max(1, len(strip) // step))
                    strips.append(cv2.resize(strip, small, interpolation=cv2.INTER_AREA))
        with storage.atomic(self.job.path / "overview.png") as temporary:
            temporary.write_bytes(encode(np.vstack(strips)))
        self._decoded = True
        self.tell(phase="looking for cells", shape=(height, width))

    def search(self) -> None:
        """Works through the tiles."""
        told = storage.read_json(self.job.path / "request.json")["um_per_px"]
        field = detect_tiled(
            self.job.pixels,
            um_per_px=told,
            progress=lambda done, total: self.tell(done=done, total=total),
            stop=lambda: self.job.stop_requested,
        )
        save_field(self.job.path / "cells.npz", field)
        self.tell(state="succeeded" if field.complete else "cancelled")


def main(folder: Path) -> int:
    """Searches, and leaves a final state."""
    work = Work(DetectionJob(folder))
    try:
        work.decode()
        work.search()
    except (BlastLensError, OSError, MemoryError) as error:
        work.tell(state="failed", error=str(error) or type(error).__name__)
        return 2
    except Exception as error:
        traceback.print_exc()
        work.tell(state="failed", error=f"The search failed: {type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
