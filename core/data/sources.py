"""The data sets the app knows: the synthetic demo set and what a user added by path."""

from pathlib import Path

from core import storage
from core.data.manifest import DESCRIPTION, Progress, index
from core.errors import DataError

DEMO = "demo"


def resolve(name: str) -> Path:
    """The root folder of a data set given by path, or of the demo set given as "demo".

    Raises `DataError` for an empty name, and for the demo set before it is drawn.
    """
    if name == DEMO:
        if not (storage.demo_dir() / DESCRIPTION).is_file():
            raise DataError("The demo set is not drawn yet. Draw it with: python -m core demo")
        return storage.demo_dir()
    if not name.strip():
        raise DataError("The data set has no name. Give its folder, or demo.")
    return Path(name).expanduser().absolute()


def name(root: Path) -> str:
    """The inverse of `resolve`: a run names the demo set independently of where it is drawn."""
    return DEMO if root.absolute() == storage.demo_dir() else str(root.absolute())


def known() -> list[Path]:
    """Root folders that exist now: the demo set first, then added ones in their order."""
    demo = [storage.demo_dir()] if (storage.demo_dir() / DESCRIPTION).is_file() else []
    return [*demo, *(root for root in map(Path, _added()) if root.is_dir())]


def add(path: str, progress: Progress | None = None) -> Path:
    """Remembers a data set's root folder, once it has been indexed.

    Raises `DataError` if it is not a folder or holds no cell.
    """
    root = Path(path).expanduser().absolute()
    if not path.strip() or not root.is_dir():
        raise DataError(f"{path!r} is not a folder on this machine. Give the data set's folder.")
    index(root, progress)
    added = _added()
    if str(root) not in added and root != storage.demo_dir():
        storage.write_json(storage.sources_file(), [*added, str(root)])
    return root


def forget(root: Path) -> None:
    """Takes an added folder off the list; the folder itself is left alone."""
    storage.write_json(storage.sources_file(), [path for path in _added() if path != str(root)])


def _added() -> list[str]:
    file = storage.sources_file()
    try:
        added = storage.read_json(file) if file.exists() else []
    except ValueError:
        added = None
    if not isinstance(added, list):
        raise DataError(f"{file} is damaged. Delete it, then add your data sets again.")
    return [str(path) for path in added]
