"""Reads many images: files are decoded and checked on threads while the engine runs in batches."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from core.reading.reader import Opened, Reader, Reading

BATCH = 4  # images through the engine at once: more gain no time, and cost memory
THREADS = 2

# A name, and a file, its bytes, or a way to its bytes.
Item = tuple[str, Path | bytes | Callable[[], bytes]]


def read_many(reader: Reader, items: Iterable[Item], batch: int = BATCH) -> Iterator[Reading]:
    """The reading of each item, in their order; see `Reader.read`.

    Items are taken as they are needed, a few batches ahead, and nothing is kept of a reading that
    was handed out: memory does not grow with their number. Progress is in the counting, and to stop
    is to take no more.
    """
    source = iter(items)
    with ThreadPoolExecutor(THREADS, "reading") as pool:
        ahead: deque[Future[Opened]] = deque()
        try:
            while True:
                for name, data in islice(source, 2 * batch - len(ahead)):
                    given = data() if callable(data) else data
                    ahead.append(pool.submit(reader.open, given, name))
                if not ahead:
                    return
                yield from reader.finish([ahead.popleft().result() for _ in _up_to(batch, ahead)])
        finally:
            pool.shutdown(cancel_futures=True)


def _up_to(batch: int, ahead: deque[Future[Opened]]) -> range:
    return range(min(batch, len(ahead)))
