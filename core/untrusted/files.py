"""Files that others have written: only regular ones are opened, and no more is read than may be.

To open a named pipe waits for ever, a device never ends, and a file can grow while it is read.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# A pipe that takes a file's place meanwhile is opened without waiting; Windows knows text files.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class TooManyBytesError(OSError):
    """A file has more bytes than may be read. `size`: how many it has."""

    def __init__(self, size: int) -> None:
        """Takes the number of bytes."""
        super().__init__(errno.EFBIG, os.strerror(errno.EFBIG))
        self.size = size


def open_regular(file: Path) -> BinaryIO:
    """Opens a file for reading. Raises `OSError`, also if it is a folder, a pipe or a device."""
    _require_regular(file, file.stat().st_mode)
    opened = os.fdopen(os.open(file, os.O_RDONLY | _FLAGS), "rb")
    try:
        _require_regular(file, os.fstat(opened.fileno()).st_mode)
    except OSError:
        opened.close()
        raise
    return opened


def read_regular(file: Path, most: int) -> bytes:
    """Reads a file of at most `most` bytes.

    Raises `TooManyBytesError` for a longer one, before it is read, and otherwise as `open_regular`.
    """
    with open_regular(file) as opened:
        size = os.fstat(opened.fileno()).st_size
        data = opened.read(most + 1) if size <= most else b""
        if size > most or len(data) > most:
            raise TooManyBytesError(max(size, len(data)))
        return data


def _require_regular(file: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file", str(file))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(file))
