"""The errors a user can meet. Each message names the value, the rule and the remedy."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

_BEGIN, _END = 1000, 400  # characters of a long message that are shown


class BlastLensError(Exception):
    """Base of every error that is shown to a user as one sentence.

    What a file says of itself, such as a layer's name, can be of any length: of a message with over
    1,400 characters the middle is left out.
    """

    def __str__(self) -> str:
        text = super().__str__()
        if len(text) <= _BEGIN + _END:
            return text
        return f"{text[:_BEGIN]} … {text[-_END:]}"


class DataError(BlastLensError):
    """A data set, a folder or a split cannot be used as asked."""


class ConfigError(BlastLensError):
    """A setting of a run is unknown or out of range."""


class NotAllowedError(BlastLensError):
    """A person lacks the role that an action takes."""


class RunError(BlastLensError):
    """A run folder is missing, unfinished or broken."""


class ModelError(BlastLensError):
    """An architecture, its weights or an engine is missing or unusable."""


class UploadError(BlastLensError):
    """An image file cannot be read as a cell image."""


class TooSmallError(UploadError):
    """An image has too few pixels to show a cell."""


class CaseError(BlastLensError):
    """A case, or the database of cases, cannot be used as asked."""


class StaleError(CaseError):
    """Somebody else has changed a case since it was looked at; nothing was written."""


class ClusterError(BlastLensError):
    """Ray or SLURM is missing, does not answer, or cannot run a job as asked."""


_ROOM = 2**16  # bytes by which a file is tried to grow
_FREE = "Free some space. The command blastlens clean removes caches and leftovers."
# What an error number of the system says, and the remedy.
_DISK = {
    errno.ENOSPC: ("The disk is full", _FREE),
    errno.EDQUOT: ("The disk quota of this user is used up", _FREE),
    errno.EROFS: ("The disk is read-only", "Make it writable, or set BLASTLENS_ARTIFACTS."),
    errno.EACCES: ("Permission denied", "Give the user who runs BlastLens the right to it."),
    errno.EPERM: ("Not permitted", "Give the user who runs BlastLens the right to it."),
    errno.ENAMETOOLONG: ("A name is too long for the disk", "Choose a shorter one."),
    errno.EFBIG: ("A file would be larger than the system allows", "Raise the limit (ulimit -f)."),
    errno.EIO: ("The disk reports a fault", "Check the disk and its connection."),
    errno.ENOENT: ("A file or folder is gone", "Bring it back, or choose another."),
    errno.ENOTDIR: ("A file stands where a folder is needed", "Move it away."),
    errno.EISDIR: ("A folder stands where a file is needed", "Move it away."),
    errno.EMFILE: ("Too many files are open", "Raise the limit (ulimit -n)."),
    errno.ENFILE: ("Too many files are open", "Close other programs."),
}


class DiskError(BlastLensError, OSError):
    """The system refuses to write or read a file: names what happened, the file and the remedy."""

    @classmethod
    def of(cls, problem: OSError, path: object) -> Self:
        """The error of the system, as one that names a file; `path` if it names none itself."""
        if isinstance(problem, cls):
            return problem
        named = problem.filename if isinstance(problem.filename, str | os.PathLike) else path
        return cls(problem.errno, problem.strerror or str(problem), str(named))

    def __str__(self) -> str:
        what, remedy = _DISK.get(self.errno or 0, (self.strerror, "Check the disk and try again."))
        return f"{what} ({self.filename}). {remedy}"


@contextmanager
def disk_errors(path: object) -> Iterator[None]:
    """Turns errors of the system into `DiskError`; one without a number passes, as of a decoder.

    `FileExistsError` passes too: a name that is taken is no fault of the disk.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno is None or isinstance(problem, FileExistsError):
            raise
        raise DiskError.of(problem, path) from problem


@contextmanager
def refusals(temporary: Path, path: Path) -> Iterator[None]:
    """Turns errors of the disk into `DiskError`, also those that a library words in its own way.

    NumPy, HDF5 and OpenVINO hide the number of the error; the disk is asked for it then.
    """
    try:
        yield
    except (BlastLensError, FileExistsError):
        raise
    except Exception as problem:
        numbered = isinstance(problem, OSError) and problem.errno is not None
        refused = problem if numbered else refusal(temporary)
        if not isinstance(refused, OSError):
            raise
        if refused.filename == str(temporary):
            refused.filename = None
        raise DiskError.of(refused, path) from problem


def refusal(file: Path) -> OSError | None:
    """Why the disk does not let a file grow, or be made; None if it does."""
    try:
        with file.open("ab", buffering=0) as stream:
            if stream.write(bytes(_ROOM)) < _ROOM:
                return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
    except OSError as problem:
        return problem
    return None
