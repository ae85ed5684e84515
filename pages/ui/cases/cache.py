"""What the pages on cases keep in memory."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.cases import drawing, pictures
from core.errors import RunError
from core.reading import neighbours
from core.report.case.build import build
from core.runs import run_store

# Not Streamlit's caches, because threads fill these too, and their values are never changed.
_AHEAD = ThreadPoolExecutor(1, "ahead")


@lru_cache(maxsize=8)
def tiles(case_id: str, digests: tuple[str, ...]) -> tuple[str, ...]:
    """Data URLs of small pictures of a case's cells."""
    return tuple(drawing.tile(pictures.load(case_id, digest)) for digest in digests)


@lru_cache(maxsize=500)
def picture(case_id: str, digest: str) -> bytes:
    """A kept picture of a case, as PNG."""
    return pictures.load(case_id, digest)


@lru_cache(maxsize=500)
def place(case_id: str, overview: str, width: int, outline: tuple[tuple[int, ...], ...]) -> bytes:
    """The overview of a kept picture with the outline of one cell, as JPEG."""
    return drawing.place(pictures.load(case_id, overview), width, outline)


@lru_cache(maxsize=4)
def preview(case_id: str, version: int, smaller: tuple[tuple[str, str], ...]) -> str:
    """The report of a case of that version as a page to look at; see `html.preview`."""
    from core.report.case.formats import html

    return html.preview(build(case_id), dict(smaller))


def reference_cell(run_id: str, image_id: str) -> bytes | None:
    """A small PNG of a reference cell; None if its run or its file is not on this machine."""
    try:
        file = neighbours.file_of(run_store.get(run_id), image_id)
    except RunError:
        return None
    return None if file is None else _small(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=500)
def _small(file: Path, mtime_ns: int) -> bytes:
    return drawing.small(file)


def ahead(work: Callable[..., Any], *arguments: Any) -> None:
    """Fills a cache in the background."""
    _AHEAD.submit(work, *arguments)


def forget() -> None:
    """Forgets all of it, after a case was deleted."""
    for kept in (tiles, picture, place, preview):
        kept.cache_clear()
