"""Reads many images, side by side on threads."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from core.models.engine import AT_ONCE
from core.models.runtime import MOST_AT_ONCE
from core.reading.cell_reading import Reading
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.reading.reader import Reader
from core.settings import settings

# From here on it pays to prepare the engine for parallel images, which takes half a second.
MANY = 100

# A name, and a file, its bytes, or a function that loads its bytes.
Item = tuple[str, Path | bytes | Callable[[], bytes]]
Given = TypeVar("Given")
Result = TypeVar("Result")


def read_many(
    reader: Reader,
    items: Sequence[Item],
    options: ReadingOptions = NO_OPTIONS,
    batch: int = AT_ONCE,
) -> Iterator[Reading]:
    """Yields the reading of each item, in their order; see `Reader.read`.

    Files are opened a few batches ahead, and a reading that was yielded is not kept: memory does
    not grow with the number of items. Closing the iterator stops the work.
    """
    mode = reader.many_at_once() if len(items) >= MANY else nullcontext()
    with mode:
        yield from on_threads(partial(_read, reader, options), items, batch)


def threads() -> int:
    """Two threads more than cores, which open files while the engine works."""
    return min(settings().cores or os.cpu_count() or 1, MOST_AT_ONCE) + 2


def on_threads(
    action: Callable[[Sequence[Given]], list[Result]], items: Sequence[Given], batch: int = AT_ONCE
) -> Iterator[Result]:
    """Yields what `action` returns of each batch of items, in their order; see `read_many`."""
    number = threads()
    with ThreadPoolExecutor(number, "reading") as pool:
        batches = (items[start : start + batch] for start in range(0, len(items), batch))
        ahead = deque[Future[list[Result]]]()
        try:
            while True:
                for next_items in islice(batches, number + 1 - len(ahead)):
                    ahead.append(pool.submit(action, next_items))
                if not ahead:
                    return
                yield from ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _read(reader: Reader, options: ReadingOptions, items: Sequence[Item]) -> list[Reading]:
    return reader.read_together(
        [(name, data() if callable(data) else data) for name, data in items], options
    )
