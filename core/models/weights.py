"""ImageNet weights: finding and downloading them.

Looked for in the weights folder, then in Keras's own cache, then at Keras's public address.
"""

import hashlib
import urllib.request
from pathlib import Path

from core import storage
from core.data.indexing import Progress
from core.errors import ModelError
from core.models.catalog import Architecture
from core.settings import settings

CHOICES = ("imagenet", "random")
_CHUNK = 2**20
# A page waits for the answer.
_PATIENCE_SECONDS = 3.0


def find(entry: Architecture) -> Path | None:
    """The architecture's weight file on this machine; None where it has none or it is not here."""
    if entry.pretrained is None:
        return None
    folders = (settings().weights, Path.home() / ".keras" / "models")
    files = (folder / entry.pretrained.file for folder in folders)
    return next((file for file in files if file.is_file()), None)


def require(entry: Architecture) -> Path:
    """As `find`, but raises `ModelError` that names the file, the place and the alternative."""
    file = find(entry)
    if file is None:
        raise ModelError(missing(entry))
    return file


def can_be_had(entry: Architecture) -> bool:
    """Whether the weights are here, or the place to download them from answers now.

    True as well for an architecture without any. Asks the network, for a few seconds at most.
    """
    if entry.pretrained is None or find(entry) is not None:
        return True
    request = urllib.request.Request(entry.pretrained.url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def obtain(entry: Architecture, progress: Progress | None = None) -> Path:
    """As `require`, but downloads the file into the weights folder if it is nowhere.

    `progress` gets (bytes done, bytes in all). Raises `ModelError` where there is no network, or
    what arrived is not the published file.
    """
    assert entry.pretrained is not None
    file = find(entry)
    if file is not None:
        return file
    target = settings().weights / entry.pretrained.file
    with storage.lock(target), storage.atomic(target) as temporary:
        try:
            digest = _download(entry.pretrained.url, temporary, progress)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None):
                raise  # the disk's, not the network's
            raise ModelError(f"{missing(entry)} (Downloading failed: {error}.)") from None
        if digest != entry.pretrained.md5:
            raise ModelError(
                f"What arrived from {entry.pretrained.url} is not the published file (MD5 {digest} "
                f"instead of {entry.pretrained.md5}). Try again, or bring the file yourself to "
                f"{settings().weights}."
            )
    return target


def _download(url: str, file: Path, progress: Progress | None) -> str:
    digest, done = hashlib.md5(usedforsecurity=False), 0
    with (
        urllib.request.urlopen(url, timeout=30) as response,
        file.open("wb") as stream,
    ):
        total = int(response.headers.get("Content-Length", 0))
        while chunk := response.read(_CHUNK):
            stream.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
    if total and done != total:
        raise ValueError(f"{done} of {total} bytes arrived")
    return digest.hexdigest()


def missing(*entries: Architecture) -> str:
    """What to tell a user who lacks the weights of these architectures."""
    pretrained = [(entry.title, entry.pretrained) for entry in entries if entry.pretrained]
    files = " and ".join(
        f"{title}: {published.file}, {published.mebibytes} MiB" for title, published in pretrained
    )
    return (
        f"This machine neither has the ImageNet weights that are needed ({files}; published with "
        f"Keras) nor reaches the place to download them from. Put them into {settings().weights}, "
        "or choose random weights (in the settings, or --set weights=random), which a frozen "
        "backbone learns little from."
    )
