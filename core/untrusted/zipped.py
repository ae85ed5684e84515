"""ZIP files from elsewhere, each member within limits: archives of runs, Keras files, `.npz`.

No other module opens a ZIP that a stranger may have made.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import BlastLensError

MOST_MEMBERS = 4096
MOST_RATIO = 200  # of a member's unpacked to its packed bytes; weights and tables reach 30
SMALL_BYTES = 2**20  # a member up to this size may be packed by any ratio
CHUNK = 2**20
_AT_ONCE = CHUNK + 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # the member, strongly, the directory
# What `zipfile` raises for a damaged file.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(OverflowError, RuntimeError, ValueError, LookupError),
)


class Members:
    """The members of an open ZIP file: plain files, each name once, neither encrypted nor a link.

    Every method raises the error of `opened` if a member is damaged or larger than it may be.
    """

    def __init__(self, archive: zipfile.ZipFile, title: str, error: type[BlastLensError]) -> None:
        """Use `opened`."""
        self._archive, self._title, self._error = archive, title, error
        self._entries: dict[str, zipfile.ZipInfo] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> list[str]:
        """The names, in the order of the file."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """The bytes that a member says it unpacks to."""
        return self._entries[name].file_size

    def require(self, most: int) -> None:
        """Checks all that the directory of the file says; `most` bytes may be unpacked in all."""
        entries = self._archive.infolist()
        if len(entries) > MOST_MEMBERS:
            raise self._error(
                f"{self._title} has {len(entries):,} members; {MOST_MEMBERS:,} are the most."
            )
        for entry in entries:
            self._require_plain(entry)
            self._entries[entry.filename] = entry
        total = sum(entry.file_size for entry in entries)
        if total > most:
            raise self._error(
                f"{self._title} would unpack to {total:,} bytes; the limit is {most:,} "
                "(max_archive_bytes in core/settings.py)."
            )
        for name, entry in self._entries.items():
            most_of_packed = max(SMALL_BYTES, MOST_RATIO * entry.compress_size)
            if entry.file_size > most_of_packed:
                raise self._error(
                    f"{name} would unpack to {entry.file_size:,} bytes from "
                    f"{entry.compress_size:,}, over {MOST_RATIO} times as many. Do not use it."
                )

    def _require_plain(self, entry: zipfile.ZipInfo) -> None:
        name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
        if name in self._entries:
            raise self._error(f"{self._title} holds {name} twice. Do not use it.")
        if kind not in (0, stat.S_IFREG) or not name or name.endswith("/"):
            raise self._error(f"{name} is a link or a device, not a plain file. Do not use it.")
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
            raise self._error(f"{name} is encrypted or packed in an odd way. Export it again.")

    def chunks(self, name: str, most: int) -> Iterator[bytes]:
        """Yields the content of a member of at most `most` bytes, which must be as long as it says.

        Its checksum is verified at the end.
        """
        length, size = self._require_size(name, most), 0
        with self._typed(), self._archive.open(self._entries[name]) as stream:
            while chunk := stream.read(min(CHUNK, length - size + 1)):
                size += len(chunk)
                if size > length:
                    break
                yield chunk
        if size != length:
            raise self._error(
                f"{name} unpacks to another size than the {length:,} bytes that it declares. Do "
                "not use it."
            )

    def read(self, name: str, most: int) -> bytes:
        """The content of a member of at most `most` bytes."""
        return b"".join(self.chunks(name, most))

    def save(self, name: str, target: IO[bytes], most: int) -> None:
        """Writes the content of a member of at most `most` bytes to a file."""
        for chunk in self.chunks(name, most):
            target.write(chunk)

    def _require_size(self, name: str, most: int) -> int:
        if name not in self._entries:
            raise self._error(f"{self._title} lacks {name}. Export it again.")
        size = self.size(name)
        if size > most:
            raise self._error(f"{name} is larger than {most:,} bytes.")
        return size

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except DAMAGED as problem:
            raise _damaged(self._title, problem, self._error) from None


@contextmanager
def opened(
    source: Path | IO[bytes], most: int, error: type[BlastLensError], title: str = ""
) -> Iterator[Members]:
    """Opens a ZIP file that may unpack to `most` bytes in all.

    `title` names it in messages, the name of the file by default. Raises `error` if it is damaged,
    or has too many members, a name twice, a link, an encrypted or a too densely packed member.
    """
    title = title or (source.name if isinstance(source, Path) else "The file")
    with source.open("rb") if isinstance(source, Path) else _kept_open(source) as stream:
        try:
            archive = zipfile.ZipFile(Bounded(stream))
        except DAMAGED as problem:
            raise _damaged(title, problem, error) from None
        with archive:
            members = Members(archive, title, error)
            members.require(most)
            yield members


def _damaged(title: str, problem: Exception, error: type[BlastLensError]) -> BlastLensError:
    reason = " ".join(str(problem).split())[:200] or type(problem).__name__
    return error(f"{title} is damaged ({reason}). Export it again.")


@contextmanager
def _kept_open(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    yield stream


class Bounded(io.RawIOBase):
    """A file of which no more than a directory or a chunk is read at once.

    `zipfile` reads the directory in one piece, of the length that the file says.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, _AT_ONCE + 1) if size >= 0 else _AT_ONCE + 1)
        if len(data) > _AT_ONCE:
            raise zipfile.BadZipFile(f"its directory has over {_AT_ONCE:,} bytes")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0 and offset < 0:
            raise zipfile.BadZipFile("its directory lies outside")
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
