"""The data sets the app knows: the synthetic demo set and what a user added by path."""

from pathlib import Path

from core import storage
from core.data.manifest import DESCRIPTION
from core.errors import DataError

DEMO = "demo"


def resolve(name: str) -> Path:
    """The root folder of a data set given by path, or of the demo set given as "demo"."""
    return storage.demo_dir() if name == DEMO else Path(name).expanduser().absolute()


def name(root: Path) -> str:
    """The inverse of `resolve`: a run names the demo set independently of where it is drawn."""
    return DEMO if root.absolute() == storage.demo_dir() else str(root.absolute())


def known() -> list[Path]:
    """Root folders that exist now: the demo set first, then added ones in their order."""
    demo = [storage.demo_dir()] if (storage.demo_dir() / DESCRIPTION).is_file() else []
    return [*demo, *(root for root in map(Path, _added()) if root.is_dir())]


def add(path: str) -> Path:
    """Remembers a data set's root folder. Raises `DataError` if it is not a folder."""
    root = Path(path).expanduser().absolute()
    if not path.strip() or not root.is_dir():
        raise DataError(f"{path!r} is not a folder on this machine. Give the data set's folder.")
    added = _added()
    if str(root) not in added and root != storage.demo_dir():
        storage.write_json(storage.sources_file(), [*added, str(root)])
    return root


def _added() -> list[str]:
    file = storage.sources_file()
    try:
        added = storage.read_json(file) if file.exists() else []
    except ValueError:
        added = None
    if not isinstance(added, list):
        raise DataError(f"{file} is damaged. Delete it, then add your data sets again.")
    return [str(path) for path in added]
