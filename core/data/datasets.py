"""Known data sets: the synthetic demo set, and those that a user added by path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from core import locks, storage
from core.data import indexing
from core.data.indexing import Index
from core.data.layouts import Labelling
from core.data.layouts.described import Described
from core.data.layouts.layout import is_hidden
from core.data.walk import DESCRIPTION, Progress, table_content, walk
from core.documents import Section
from core.errors import DataError
from core.untrusted.fields import Message, Place

DEMO = "demo"
FEW_PATIENTS = "few-patients"  # the folder of the synthetic cells of few patients


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


def found(name: str) -> Path | None:
    """As `resolve`; None where that raises."""
    try:
        return resolve(name)
    except DataError:
        return None


def name(root: Path) -> str:
    """The inverse of `resolve`: a run names the demo set independently of where it is drawn."""
    return DEMO if root.absolute() == storage.demo_dir() else str(root.absolute())


def index(root: Path, progress: Progress | None = None) -> Index:
    """Indexes a data set, with the labelling that it was added with."""
    return indexing.index(root, progress, labelling(root))


def labelling(root: Path) -> Labelling | None:
    """What was said of a data set's labels when it was added; None if it was not added."""
    return _added().get(str(root.absolute()))


def known() -> list[Path]:
    """Root folders that exist now: the demo set first, then added ones in their order."""
    demo = [storage.demo_dir()] if (storage.demo_dir() / DESCRIPTION).is_file() else []
    return [*demo, *(root for root in map(Path, _added()) if root.is_dir())]


def add(path: str, progress: Progress | None = None, labelling: Labelling | None = None) -> Path:
    """Indexes a data set and remembers its root folder and what is said of its labels.

    Without a `labelling`, that of an earlier time holds. Raises `DataError` if `path` is not a
    folder or holds no cell, and `core.data.layouts.ClassesUnknownError` if `labelling` must say
    which classes are positive.
    """
    root = _folder(path)
    labelling = labelling or _added().get(str(root))
    indexing.index(root, progress, labelling)
    if root != storage.demo_dir():
        said = labelling or Labelling()
        _change(lambda added: added | {str(root): said})
    return root


def preview(path: str, labelling: Labelling) -> Described:
    """Looks at the names of a folder's files: where classes stand, and how many images each has.

    Reads no image. Raises `DataError` as `add` does, but not for classes without a label.
    """
    root = _folder(path)
    return Described(names(path), lambda name: table_content(root / name), labelling)


def names(path: str) -> list[str]:
    """The names of a folder's files that are not hidden. Raises `DataError` if it is none."""
    return [name for name, _, _ in walk(_folder(path)) if not is_hidden(name)]


def forget(root: Path) -> None:
    """Removes a folder from the list; the folder itself stays as it is."""
    _change(lambda added: {path: said for path, said in added.items() if path != str(root)})


class _Added(Section):
    """A data set in the list; positive: the name of a folder, as version 1 wrote it."""

    path: Place
    labelling: Labelling | None = None
    positive: Message | None = None

    @model_validator(mode="after")
    def _require_said(self) -> Self:
        if not {"labelling", "positive"} & self.model_fields_set:
            raise ValueError("it says nothing of its labels")
        return self

    @property
    def said(self) -> Labelling:
        """What is said of its labels."""
        return self.labelling or Labelling(positive=(self.positive,) if self.positive else ())


def _folder(path: str) -> Path:
    root = Path(path).expanduser().absolute()
    if not path.strip() or not root.is_dir():
        raise DataError(f"{path!r} is not a folder on this machine. Give the data set's folder.")
    return root


def _change(changed: Callable[[dict[str, Labelling]], dict[str, Labelling]]) -> None:
    """Replaces the list by what becomes of it, while no other process changes it."""
    with locks.lock(storage.sources_file()):
        added = changed(_added())
        rows = [{"path": path, "labelling": said.to_json()} for path, said in added.items()]
        storage.write_json(storage.sources_file(), rows)


def _added() -> dict[str, Labelling]:
    """Root folders with what is said of their labels."""
    file = storage.sources_file()
    try:
        rows: Any = storage.read_json(file) if file.exists() else []
        added = [_Added.parse(row, DataError) for row in rows]
    except (ValueError, TypeError, DataError):
        raise DataError(f"{file} is damaged. Delete it, then add your data sets again.") from None
    return {one.path: one.said for one in added}
