"""Uploads outlive a page switch, the browser's Back and a reload: kept in memory for a while.

They are kept for the browser that sent them, and whoever is logged in there
(`pages.ui.common.people.browser`), never for an address: a link shows nobody pictures of another.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.settings import settings

if TYPE_CHECKING:
    from pages.ui.common.uploads import Upload

SECONDS = 3600  # that uploads stay after they were last seen


@dataclass
class _Kept:
    uploads: list["Upload"]
    dropped: list[str] = field(default_factory=list)
    seen: float = field(default_factory=time.monotonic)


_lock = threading.Lock()
_kept: dict[tuple[str, str], _Kept] = {}


def keep(whose: str, uploader: str, uploads: Sequence["Upload"]) -> None:
    """Keeps what stands in an uploader, in place of what was kept of it.

    All that is kept takes at most `max_scan_bytes` of memory: what was seen longest ago leaves
    first.
    """
    place = whose, uploader
    with _lock:
        before = _kept.pop(place, None)
        if uploads:  # at the end of the dict: the latest seen
            _kept[place] = _Kept(list(uploads), before.dropped if before else [])
        _drop_old()


def kept(whose: str, uploader: str) -> tuple[list["Upload"], list[str]]:
    """The uploads that are kept of an uploader, and the names of those that had to leave."""
    with _lock:
        _drop_old()
        found = _kept.get((whose, uploader))
        return (list(found.uploads), list(found.dropped)) if found else ([], [])


def _drop_old() -> None:
    now = time.monotonic()
    for place in [place for place, one in _kept.items() if now - one.seen > SECONDS]:
        del _kept[place]
    total = sum(upload.size for one in _kept.values() for upload in one.uploads)
    for one in _kept.values():
        while total > settings().max_scan_bytes and one.uploads:
            oldest = one.uploads.pop(0)
            one.dropped.append(oldest.name)
            total -= oldest.size
