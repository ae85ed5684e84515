"""Known data sets: the synthetic demo set, and those that a user added by path."""

from pathlib import Path
from typing import Any

from core import storage
from core.data import indexing
from core.data.indexing import Index
from core.data.walk import DESCRIPTION, Progress
from core.errors import DataError

DEMO = "demo"


def resolve(name: str) -> Path:
    """Returns the root folder of a data set given by path, or of the demo set given as "demo".

    Raises `DataError` if the name is empty, or if the demo set has not been drawn yet.
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


def index(root: Path, progress: Progress | None = None) -> Index:
    """Indexes a data set, with the positive class that it was added with."""
    return indexing.index(root, progress, _added().get(str(root.absolute())))


def known() -> list[Path]:
    """Root folders that exist now: the demo set first, then added ones in their order."""
    demo = [storage.demo_dir()] if (storage.demo_dir() / DESCRIPTION).is_file() else []
    return [*demo, *(root for root in map(Path, _added()) if root.is_dir())]


def add(path: str, progress: Progress | None = None, positive: str | None = None) -> Path:
    """Indexes a data set and remembers its root folder.

    `positive` names the class folder that holds ALL, if file names do not give the class. Raises
    `DataError` if `path` is not a folder or holds no cell, and
    `core.data.layouts.ClassesUnknownError` if `positive` is needed.
    """
    root = Path(path).expanduser().absolute()
    if not path.strip() or not root.is_dir():
        raise DataError(f"{path!r} is not a folder on this machine. Give the data set's folder.")
    positive = positive or _added().get(str(root))
    indexing.index(root, progress, positive)
    if root != storage.demo_dir():
        _write(_added() | {str(root): positive})
    return root


def forget(root: Path) -> None:
    """Removes a folder from the list; the folder itself stays as it is."""
    _write({path: positive for path, positive in _added().items() if path != str(root)})


def _write(added: dict[str, str | None]) -> None:
    rows = [{"path": path, "positive": positive} for path, positive in added.items()]
    storage.write_json(storage.sources_file(), rows)


def _added() -> dict[str, str | None]:
    """Root folders with their positive class folders."""
    file = storage.sources_file()
    try:
        rows: Any = storage.read_json(file) if file.exists() else []
        return {str(row["path"]): row["positive"] for row in rows}
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{file} is damaged. Delete it, then add your data sets again.") from None
