"""The worker that looks for cells in a large image: `python -m core.workers.detection FOLDER`.

In a process of its own, so that its memory is given back and a stop takes effect at once.
"""

import threading
from contextlib import suppress

import cv2
import numpy as np

from core import storage
from core.cells.detection.tiles import Excerpt, detect_tiled
from core.data.images import encode, open_large_image
from core.jobs.reporter import Cancelled, Reporter
from core.reading.fields.detection_job import DetectionJob, save_field
from core.reading.fields.drawing import OVERVIEW
from core.reading.preparing.eyepiece import part_within_disc
from core.workers import worker

_ROWS = 16  # of the overview, that are made at a time
_LOOK_EVERY_SECONDS = 0.2


def work(job: DetectionJob, reporter: Reporter) -> None:
    """Decodes the image and works through its tiles; a stop keeps the cells found so far."""
    reporter.begin("decoding")
    decoded = threading.Event()
    threading.Thread(target=_end_on_stop, args=(job, reporter, decoded), daemon=True).start()
    shape = _decode(job)
    decoded.set()
    reporter.update(now=True, phase="looking for cells", shape=shape)

    def progress(done: int, total: int) -> None:
        with suppress(Cancelled):  # the search ends itself, with the cells found so far
            reporter.progress(done, total)

    field = detect_tiled(
        job.pixels, um_per_px=job.um_per_px, progress=progress, stop=lambda: job.stop_requested
    )
    save_field(job.cells_file, field)
    if not field.complete:
        raise Cancelled


def _end_on_stop(job: DetectionJob, reporter: Reporter, decoded: threading.Event) -> None:
    """Ends the process if asked to stop while decoding, which cannot be left otherwise."""
    while not decoded.wait(_LOOK_EVERY_SECONDS):
        if job.stop_requested:
            reporter.close()
            job.finish("cancelled")
            worker.leave()


def _decode(job: DetectionJob) -> tuple[int, int]:
    """Stores the pixels and the overview, gives the decoder's memory back, returns (H, W)."""
    with open_large_image(job.file) as whole:
        image = part_within_disc(whole)
        if isinstance(image, Excerpt):
            job.note(image.notes)
        height, width = image.shape
        step = max(1, -(-max(height, width) // OVERVIEW))
        rows, strips = _ROWS * step, []
        # Written, not mapped: beside the decoder's memory there is little left of a gibibyte.
        with storage.atomic(job.pixels_file) as temporary, temporary.open("wb") as file:
            for top in range(0, height, rows):
                strip = image.read(0, top, width, min(rows, height - top))
                file.write(np.ascontiguousarray(strip).data)
                small = (max(1, width // step), max(1, len(strip) // step))
                strips.append(cv2.resize(strip, small, interpolation=cv2.INTER_AREA))
    storage.write_bytes(job.path / "overview.png", encode(np.vstack(strips)))
    return height, width


if __name__ == "__main__":
    worker.main(DetectionJob, work)
