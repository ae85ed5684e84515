"""Which picture ends the process that reads it, found without any process that lives to tell.

A chunk whose process died is read picture by picture, with the place written down before each. One
that was at the same place when the process died again is not read a third time: it is a row with
its reason, and the chunk goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from core.documents import Document
from core.errors import DataError
from core.untrusted.fields import Count, Line

MOST = 3  # deaths of a chunk that no picture explains
CONVICTED = 2  # deaths while the same picture was read alone
_NO_PICTURE = ""


class _Deaths(Document):
    """What is written down: the place now, and how often a process died at each."""

    at: Line = _NO_PICTURE
    deaths: dict[Line, Count] = Field(default_factory=dict)


@dataclass
class Attempt:
    """One attempt to score a chunk."""

    file: Path
    deaths: dict[str, int]

    @property
    def careful(self) -> bool:
        """Whether an earlier attempt died, so that pictures are to be read one by one."""
        return bool(self.deaths)

    def killed_by(self, picture: int) -> bool:
        """Whether a picture has ended its process as often as it may."""
        return self.deaths.get(str(picture), 0) >= CONVICTED

    def at(self, picture: int | None) -> None:
        """Writes down which picture is read next; None for what is no picture's fault."""
        place = _NO_PICTURE if picture is None else str(picture)
        _Deaths(at=place, deaths=self.deaths).write(self.file)


@contextmanager
def attempt(file: Path, title: str) -> Iterator[Attempt]:
    """Opens an attempt whose file stays if the process dies; an error is no death.

    Raises `DataError`, with the `title` of the chunk, if too many earlier attempts died.
    """
    deaths: dict[str, int] = {}
    if file.exists():
        before = _Deaths.read(file, DataError)
        deaths = before.deaths | {before.at: before.deaths.get(before.at, 0) + 1}
    if deaths.get(_NO_PICTURE, 0) >= MOST:
        file.unlink()  # a resume tries again
        raise DataError(
            f"{title} ended its process {MOST} times, and no one picture of it does. The machine "
            "may have too little memory: score with fewer workers (--workers), then resume."
        )
    one = Attempt(file, deaths)
    one.at(None)
    try:
        yield one
    finally:
        file.unlink(missing_ok=True)
