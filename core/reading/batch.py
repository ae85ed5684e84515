"""Reads many images, side by side on threads."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

from core.models.engine import AT_ONCE
from core.models.runtime import MOST_AT_ONCE
from core.reading.reader import Reader, Reading

# Two threads more than there are cores open files while the engine is at work.
THREADS = min(os.cpu_count() or 1, MOST_AT_ONCE) + 2
# From here on it pays to make the engine ready for images side by side, which takes half a second.
MANY = 100

# A name, and a file, its bytes, or a way to its bytes.
Item = tuple[str, Path | bytes | Callable[[], bytes]]


def read_many(reader: Reader, items: Sequence[Item], batch: int = AT_ONCE) -> Iterator[Reading]:
    """The reading of each item, in their order; see `Reader.read`.

    Files are opened as they are needed, a few batches ahead, and nothing is kept of a reading that
    was handed out: memory does not grow with their number. Progress is in the counting, and to stop
    is to take no more.
    """
    mode = reader.many_at_once() if len(items) >= MANY else nullcontext()
    with mode, ThreadPoolExecutor(THREADS, "reading") as pool:
        left = (items[start : start + batch] for start in range(0, len(items), batch))
        ahead = deque[Future[list[Reading]]]()
        try:
            while True:
                for some in islice(left, THREADS + 1 - len(ahead)):
                    ahead.append(pool.submit(_read, reader, some))
                if not ahead:
                    return
                yield from ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _read(reader: Reader, items: Sequence[Item]) -> list[Reading]:
    return reader.read_together(
        [(name, data() if callable(data) else data) for name, data in items]
    )
