"""ImageNet weights: finding and downloading them.

Looked for in the weights folder, then in Keras's own cache, then at Keras's public address; those
that a package brings, in the weights folder and in the package.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from core import extras, locks, storage
from core.data.walk import Progress
from core.errors import ModelError
from core.models import own_backbone
from core.models.architecture import Architecture, Pretrained
from core.settings import settings

CHOICES = ("imagenet", "random")
_CHUNK = 2**20
_STALLED_SECONDS = 30.0
# A page waits for the answer.
_PATIENCE_SECONDS = 3.0


def find(entry: Architecture) -> Path | None:
    """The architecture's weight file on this machine; None if it is not here, or there is none."""
    if entry.pretrained is None:
        return None
    if entry.own:
        return own_backbone.files().get(entry.key)
    files = (folder / entry.pretrained.file for folder in _folders(entry.pretrained))
    return next((file for file in files if file.is_file()), None)


def _folders(published: Pretrained) -> Iterator[Path]:
    yield settings().weights
    if not published.module:
        yield Path.home() / ".keras" / "models"
    elif spec := find_spec(published.module):
        yield from (Path(part, published.folder) for part in spec.submodule_search_locations or ())


def require(entry: Architecture) -> Path:
    """As `find`, but raises `ModelError` that names the file, the place and the alternative."""
    if entry.own:
        return own_backbone.require(entry.key)
    file = find(entry)
    if file is None:
        raise ModelError(missing(entry))
    return file


def available(entry: Architecture) -> bool:
    """Whether the weights are on this machine, or can be downloaded now.

    True for an architecture without any. Asks the network, for a few seconds at most, unless a
    package brings them.
    """
    if entry.pretrained is None or find(entry) is not None:
        return True
    if entry.pretrained.module or entry.own:
        return False
    import pooch  # here, since a page seldom needs it

    ask = pooch.HTTPDownloader(timeout=_PATIENCE_SECONDS)
    try:
        return bool(ask(entry.pretrained.url, "", None, check_only=True))
    except (OSError, ValueError):
        return False


def obtain(entry: Architecture, progress: Progress | None = None) -> Path:
    """As `require`, but downloads the file into the weights folder if it is not on this machine.

    `progress` gets (bytes done, bytes in all). Raises `ModelError` if there is no network, if the
    file that arrives is not the published one, or if the package that brings it is missing.
    """
    import pooch

    assert entry.pretrained is not None
    file = find(entry)
    if file is not None or entry.pretrained.module or entry.own:
        return file or require(entry)
    target = settings().weights / entry.pretrained.file
    with locks.lock(target), storage.atomic(target) as temporary:
        download = pooch.HTTPDownloader(
            progressbar=_Bar(progress), chunk_size=_CHUNK, timeout=_STALLED_SECONDS
        )
        try:
            download(entry.pretrained.url, temporary, None)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None):
                raise  # the disk's, not the network's
            raise ModelError(f"{missing(entry)} (Downloading failed: {error}.)") from None
        digest = pooch.file_hash(temporary, alg="md5")
        if digest != entry.pretrained.md5:
            raise ModelError(
                f"What arrived from {entry.pretrained.url} is not the published file (MD5 {digest} "
                f"instead of {entry.pretrained.md5}). Try again, or bring the file yourself to "
                f"{settings().weights}."
            )
    return target


class _Bar:
    """What pooch takes for a progress bar: passes the bytes on to `progress`."""

    def __init__(self, progress: Progress | None) -> None:
        self.total = self.done = 0
        self._progress = progress

    def update(self, count: int) -> None:
        self.done = min(self.done + count, self.total) if self.total else self.done + count
        if self._progress:
            self._progress(self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None: ...


def missing(*entries: Architecture) -> str:
    """What to tell a user who lacks the weights of these architectures."""
    lost = [own_backbone.missing(entry.key) for entry in entries if entry.own]
    pretrained = [(e.title, e.pretrained) for e in entries if e.pretrained and not e.own]
    if not pretrained:
        return " ".join(lost)
    sentences = [
        extras.missing(needed.module, "weights", title)
        for title, needed in pretrained
        if needed.module
    ]
    files = " and ".join(
        f"{title}: {published.file}, {published.mebibytes} MiB"
        for title, published in pretrained
        if not published.module
    )
    if files:
        sentences.append(
            f"This machine neither has the ImageNet weights that are needed ({files}; published "
            "with Keras) nor reaches the place to download them from. Put them into "
            f"{settings().weights}."
        )
    sentences.append(
        "You may also choose random weights (in the settings, or --set weights=random), which a "
        "frozen backbone learns little from."
    )
    return " ".join(lost + sentences)
