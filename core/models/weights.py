"""Where ImageNet weights lie on this machine, and what to do when they do not."""

from pathlib import Path

from core.errors import ModelError
from core.models.catalog import Architecture
from core.settings import settings

CHOICES = ("imagenet", "random")


def find(entry: Architecture) -> Path | None:
    """The architecture's weight file, looked for in the weights folder, then in Keras's cache.

    None where it has none or it is in neither place.
    """
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


def missing(entry: Architecture) -> str:
    """What to tell a user who lacks the weights of `entry`."""
    assert entry.pretrained is not None
    return (
        f"{entry.title} needs its ImageNet weights, {entry.pretrained.file} "
        f"({entry.pretrained.mebibytes} MiB, published with Keras), and this machine does not have "
        f"them. Put the file into {settings().weights}, or choose random weights "
        "(in the settings, or --set weights=random), which a frozen backbone learns little from."
    )
