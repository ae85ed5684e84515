"""Where pictures lie and parts go: a path of this machine, or a URL that fsspec opens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyarrow import fs

from core import extras
from core.errors import ConfigError, NotAllowedError
from core.roots import require_below

PURPOSE = "Reading from and writing to a URL"


def is_url(place: str) -> bool:
    """Whether a place is a URL, such as s3://bucket/cells, and not a path."""
    return "://" in place


def absolute(place: str) -> str:
    """A place that does not depend on the working folder. Raises `ConfigError` for an empty one."""
    if not place.strip():
        raise ConfigError("The place is empty. Give a folder, a table or a URL.")
    if is_url(place):
        return place.rstrip("/")
    return str(Path(place).expanduser().absolute())


def file_system(place: str) -> tuple[Any, str]:
    """The `pyarrow.fs.FileSystem` of a place, and the path there.

    Raises `ConfigError` if fsspec, or what it needs for this protocol, is not installed, and if
    the protocol is unknown or its settings are wrong.
    """
    if not is_url(place):
        return fs.LocalFileSystem(), place
    extras.require("fsspec", "cluster", PURPOSE)
    import fsspec

    try:
        # Other processes write there too: a listing that is kept would lack their parts.
        found, path = fsspec.core.url_to_fs(place, use_listings_cache=False)
    except ImportError as error:  # "Install s3fs to access S3"
        raise ConfigError(f"{place} cannot be opened: {error}. Install it with pip.") from None
    except ValueError as error:  # "Protocol not known: x"
        raise ConfigError(f"{place} cannot be opened: {error}. Check the URL.") from None
    if "file" in (found.protocol if isinstance(found.protocol, tuple) else (found.protocol,)):
        return fs.LocalFileSystem(), path
    return fs.PyFileSystem(fs.FSSpecHandler(found)), path


def require_allowed(place: str, roots: Sequence[Path]) -> None:
    """Raises `NotAllowedError` if a place is a URL, or a path that lies in none of the folders."""
    if is_url(place):
        raise NotAllowedError(
            "A URL cannot be named here: it would be opened in the name of the server. Use the "
            "command line, blastlens score."
        )
    require_below(place, roots)
