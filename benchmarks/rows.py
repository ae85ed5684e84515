"""Cohorts of 10^3, 10^4 and 10^5 pictures: does the work of a picture stay the same?

What could grow faster than the number of pictures is all but the reading of one: listing, chunks,
parts, counts and the table of patients. So that this is most of the work, the pictures are of one
cell each, too small to be read, and refused at the door. No two are alike; ten are of a patient.

- growth: seconds of the processor that a further picture takes, from the second number to the
  third, over those from the first to the second: the start of the processes is in neither. Of the
  processor, because the machine may do other things as well.
- lost: pictures without a row, or with more than one.
"""

from pathlib import Path

import numpy as np
import psutil

from benchmarks.measure import Figures, Options, at_most, say
from benchmarks.score import RUN, lost, scored
from benchmarks.workbench import artifacts, temporary_folder
from core import storage
from core.cohort.cohort import Cohort
from core.data.images import encode
from core.settings import PROJECT

MOST, STEP, OF_PATIENT, SIDE = 100_000, 10, 10, 8
GROWTH = at_most("processor time of a further picture, with ten times as many", 1.1)
LOST = at_most("pictures lost or doubled", 0)


def measure(options: Options) -> Figures:
    """Figures of three cohorts, of which the largest has `options.images` pictures."""
    most = options.images or MOST
    numbers = [most // STEP**2, most // STEP, most]
    with temporary_folder() as root, artifacts():
        target = storage.runs_dir() / RUN
        target.parent.mkdir(parents=True)
        target.symlink_to(PROJECT / "artifacts" / "runs" / RUN, target_is_directory=True)
        found = [_of(root / str(number), number) for number in numbers]
    (first, second, third), missing = zip(*found, strict=True)
    early = (second - first) / (numbers[1] - numbers[0])
    late = (third - second) / (numbers[2] - numbers[1])
    return {
        "pictures": numbers,
        "processor_seconds": [first, second, third],
        "milliseconds_a_further_picture": [1000 * early, 1000 * late],
        "growth": GROWTH(late / early),
        "lost_or_doubled": LOST(sum(missing)),
    }


def _of(folder: Path, number: int) -> tuple[float, int]:
    """Seconds of the processor that a cohort of so many pictures takes, and how many are lost."""
    say(f"writing and scoring {number:,} pictures")
    for one in range(number):
        file = folder / f"patient-{one // OF_PATIENT}" / f"{one}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image = np.zeros((SIDE, SIDE, 3), np.uint8)
        image[0, :4, 0] = np.frombuffer(one.to_bytes(4), np.uint8)
        file.write_bytes(encode(image))
    spent: dict[int, float] = {}

    def watch(cohort: Cohort) -> None:
        for process in psutil.process_iter(["cmdline"]):
            if {"core.workers.score", str(cohort.path)} <= set(process.info["cmdline"] or []):
                for one in (process, *process.children(recursive=True)):
                    times = one.cpu_times()
                    spent[one.pid] = times.user + times.system

    cohort, _ = scored(folder, 1, watch)
    return sum(spent.values()), lost(cohort, folder)
