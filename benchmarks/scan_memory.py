"""Peak MiB, seconds and cells of one scan: `python -m benchmarks.scan_memory FILE`.

It imports nothing but what finding cells needs, since that would count.
"""

import resource
import sys
import time
from pathlib import Path

from core.cells.detection.tiles import detect_tiled
from core.data.images import open_large_image


def main(file: Path) -> None:
    """Finds the cells of a picture and prints the three."""
    started = time.perf_counter()
    with open_large_image(file) as picture:
        field = detect_tiled(picture)
    seconds, status = time.perf_counter() - started, Path("/proc/self/status")
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if status.exists():  # getrusage counts, after vfork, the memory of the parent, too
        lines = status.read_text(encoding="utf-8").splitlines()
        kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    print(kibibytes / 1024, seconds, len(field.cells))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
