"""The file of a picture on this machine, wherever it lies.

What is wrong with a picture is an `UploadError`, and becomes a row. What is wrong with the place
that holds it is a `DataError`, and ends the cohort until it is resumed: pictures that a network or
a disk has hidden for a while are not to be counted as refused.
"""

import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from pyarrow import fs

from core import storage
from core.cohort.places import file_system, is_url
from core.errors import ConfigError, DataError, UploadError
from core.settings import settings

RETRY_SECONDS = (1.0, 4.0, 16.0)  # waited before what a URL holds is asked for again
# Errors of a URL that say something of the one picture. All others are of the network.
_OF_THE_PICTURE = (FileNotFoundError, PermissionError, IsADirectoryError, ValueError)


@contextmanager
def local_file(place: str, name: str) -> Iterator[Path]:
    """The file at a place: itself, or a copy of what a URL holds while open.

    Raises `UploadError` if there is none, or no file: reading from a pipe would wait for ever; and
    `DataError` if a URL does not answer, also when it is asked again.
    """
    try:
        system, path = file_system(place)
    except ConfigError as error:
        raise UploadError(f"{name} cannot be opened: {error}") from None
    if isinstance(system, fs.LocalFileSystem):
        yield _regular(Path(path), name)
        return
    with storage.scratch(Path(tempfile.gettempdir())) as folder:
        copy = folder / f"picture{PurePosixPath(path).suffix}"
        _fetch(system, path, copy, place)
        yield copy


def require_there(place: str) -> None:
    """Raises `DataError` if the folder or table of a source is not there, as if unmounted."""
    if not is_url(place) and not Path(place).exists():
        raise DataError(
            f"{place} is not there any more. Mount it or bring it back, then resume: what is "
            "scored is kept."
        )


def _regular(file: Path, name: str) -> Path:
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:  # a null character is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise UploadError(f"{name} cannot be opened: {reason}.") from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise UploadError(
            f"{name or 'It'} cannot be opened: it is {what}, not a file. Leave it out."
        )
    return file


def _fetch(system: Any, path: str, copy: Path, place: str) -> None:
    """Copies what a URL holds; asks again if the network fails."""
    for wait in (*RETRY_SECONDS, None):
        try:
            size = system.get_file_info(path).size or 0
            with system.open_input_stream(path) as stream, copy.open("wb") as file:
                # A server need not say how long a file is, nor be right.
                while size <= settings().max_scan_bytes and (chunk := stream.read(2**20)):
                    size = max(size, file.tell() + file.write(chunk))
            if size > settings().max_scan_bytes:
                raise UploadError(
                    f"{place} has {size / 2**20:.0f} MiB, more than the limit of "
                    f"{settings().max_scan_bytes / 2**20:.0f} MiB. Export a part of it."
                )
            return
        except _OF_THE_PICTURE as error:
            reason = getattr(error, "strerror", None) or error
            raise UploadError(f"{place} cannot be opened: {reason}.") from None
        except UploadError:
            raise
        except Exception as error:  # each driver has errors of its own
            if wait is None:
                raise DataError(
                    f"{place} cannot be fetched ({type(error).__name__}: {error}). Check the "
                    "network and the rights, then resume: what is scored is kept."
                ) from None
            time.sleep(wait)
