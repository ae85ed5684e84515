"""Reads phase, subject and label of a cell from its path: C-NMC 2019, or a folder per class."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from core.data.images import SUFFIXES
from core.errors import DataError

PHASES = ("training", "preliminary", "final")
LABELS = {"ALL": 1, "HEM": 0}
LABELS_COLUMNS = ("Patient_ID", "new_names", "labels")

_NAME = re.compile(r"UID_(h?\d+)_(\d+)_(\d+)_(all|hem)\.(\w+)", re.IGNORECASE)
_NUMBERED = re.compile(r"\d+\.(\w+)")
_FOLD = re.compile(r"fold_(\d{1,2})", re.IGNORECASE)
# The names that Kaggle and The Cancer Imaging Archive give the folders of the two test phases.
_TEST_PHASES = {
    "preliminary": re.compile(r"validation_data|.*prelim.*|phase_?2", re.IGNORECASE),
    "final": re.compile(r"testing_data|.*final_phase.*|phase_?3", re.IGNORECASE),
}
_PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}
_MOST = 0.9  # a few stray images above the class folders are rejected one by one


@dataclass(frozen=True)
class PathFacts:
    """What a path says about a cell. None is unknown; label is 1 (ALL) or 0 (HEM)."""

    phase: str
    subject: str | None
    label: int | None
    fold: int | None = None


class Layout(Protocol):
    """A way to lay out a data set.

    `classes` are the folders of HEM and ALL, or None if the file names give the class. `names`
    describes its file names. `unique`: a file name may occur only once in a phase. `tables` are
    the files that describe other files.
    """

    title: str
    names: str
    unique: bool
    classes: tuple[str, str] | None
    tables: frozenset[str]

    def facts(self, path: str) -> PathFacts:
        """Facts of one file. Raises `DataError` if it is not a cell of this layout."""


class ClassesUnknownError(DataError):
    """There are two class folders, and the positive one is not known."""

    def __init__(self, classes: tuple[str, str]) -> None:
        """`classes`: the two folders' names."""
        self.classes = classes
        super().__init__(
            f"The images stand in the two folders {classes[0]} and {classes[1]}. Say which of "
            "them holds the positive class (ALL, blasts): on the Dataset page, or with "
            "python -m core index FOLDER --positive NAME."
        )


def recognise(
    paths: Iterable[str], read: Callable[[str], str], positive: str | None = None
) -> Layout:
    """Recognises the layout of a tree from the paths of its files (below its root, with "/").

    `read` returns the text of a file. `positive` names the class folder that holds ALL; None if
    the file names give the class. Raises `ClassesUnknownError` if `positive` is needed, and
    `DataError` if it names no class folder or the layout is unknown.
    """
    visible = [path for path in paths if not _hidden(path)]
    if any(_is_cnmc(path) for path in visible):
        if positive is not None:
            raise DataError("These are files of C-NMC 2019, whose names say the class. Name none.")
        return Cnmc(visible, read)
    return FolderPerClass(visible, positive)


def published_parts(paths: Iterable[str]) -> dict[str, int]:
    """The publisher's folders for training, validation and test, and how many images each holds.

    `paths` are those of a data set of `FolderPerClass`, which pools the parts. Empty unless all
    images stand in at least two such folders, at one depth.
    """
    folders = [path.split("/")[:-1] for path in paths]
    for depth in range(min(map(len, folders), default=0)):
        level = [folder[depth] for folder in folders]
        parts = Counter(level)
        if {name.lower() for name in parts} <= _PARTS:
            return dict(sorted(parts.items())) if len(parts) > 1 else {}
    return {}


def _hidden(path: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def _is_cnmc(path: str) -> bool:
    *folders, name = path.split("/")
    in_test = _test_phase(folders) is not None and _NUMBERED.fullmatch(name) is not None
    return in_test or _NAME.fullmatch(name) is not None


def _test_phase(folders: list[str]) -> str | None:
    for phase, pattern in _TEST_PHASES.items():
        if any(pattern.fullmatch(folder) for folder in folders):
            return phase
    return None


class Cnmc:
    """C-NMC 2019, all three phases, in the folders of Kaggle's release or of TCIA's.

    Training cells and their folds by name and folder; preliminary test cells by the labels CSV,
    which gives their original names; final test cells without label and subject.
    """

    title = "C-NMC 2019"
    names = "UID_<subject>_<image>_<cell>_<all|hem>.bmp, or N.bmp in a folder of a test phase"
    unique = True
    classes: tuple[str, str] | None = None

    def __init__(self, paths: Iterable[str], read: Callable[[str], str]) -> None:
        """Looks for the labels CSV among `paths`; see `recognise`."""
        tables = {path: _labels_table(read(path)) for path in paths if _is_table(path)}
        self.tables = frozenset(path for path, rows in tables.items() if rows)
        self._originals: dict[str, tuple[str, str]] = {}
        for rows in tables.values():
            self._originals |= rows

    def facts(self, path: str) -> PathFacts:
        """See `Layout`."""
        *folders, name = _visible(path)
        phase = _test_phase(folders)
        named, numbered = _NAME.fullmatch(name), _NUMBERED.fullmatch(name)
        suffix = PurePosixPath(name).suffix
        if not (named or (numbered and phase)):
            if suffix.lower().removeprefix(".") not in SUFFIXES:
                raise DataError("not an image file")
            raise DataError(f"name is not {self.names}")
        if suffix.lower() != ".bmp":
            raise DataError(f"suffix {suffix}: C-NMC's cells are .bmp files")
        if phase == "preliminary" and numbered and name.lower() in self._originals:
            original, label = self._originals[name.lower()]
            return _from_name(original, label, phase, [])
        if phase and numbered:
            return PathFacts(phase, None, None)
        return _from_name(name, None, phase or "training", folders)


def _is_table(path: str) -> bool:
    return path.lower().endswith(".csv")


def _visible(path: str) -> list[str]:
    if _hidden(path):
        raise DataError("hidden file")
    return path.split("/")


def _from_name(name: str, listed: str | None, phase: str, folders: list[str]) -> PathFacts:
    match = _NAME.fullmatch(name)
    if not match:
        raise DataError(f"the labels CSV calls it {name}, which is no name of C-NMC")
    subject, label = match[1].upper(), match[4].upper()
    if (label == "HEM") != subject.startswith("H"):
        raise DataError(f"subject {subject} and label {label} contradict each other")
    if listed is not None and listed != str(LABELS[label]):
        raise DataError(f"the labels CSV says {listed}, but the original name {name} says {label}")
    classes = {folder.upper() for folder in folders} & set(LABELS)
    if classes and classes != {label}:
        raise DataError(f"label {label} in the name, but folder {'/'.join(sorted(classes))}")
    folds = [int(match[1]) for folder in folders if (match := _FOLD.fullmatch(folder))]
    return PathFacts(phase, subject, LABELS[label], folds[-1] if folds else None)


def _labels_table(text: str) -> dict[str, tuple[str, str]]:
    """Maps N.bmp to original name and label; empty for a CSV of another kind."""
    original, name, label = LABELS_COLUMNS
    try:
        rows = csv.DictReader(text.lstrip("\ufeff").splitlines())
        if not set(LABELS_COLUMNS) <= set(rows.fieldnames or ()):
            return {}
        return {
            row[name].strip().lower(): (row[original].strip(), row[label].strip())
            for row in rows
            if row[name] and row[original] and row[label]
        }
    except csv.Error:
        return {}  # no CSV, whatever it is called


class FolderPerClass:
    """Images in two class folders; a folder between class and image is a subject."""

    title = "a folder per class"
    names = "any image, in one of two class folders"
    unique = False
    tables: frozenset[str] = frozenset()

    def __init__(self, paths: Iterable[str], positive: str | None) -> None:
        """Finds the two class folders; see `recognise`."""
        folders = [path.split("/")[:-1] for path in paths if _is_image(path)]
        self._depth, classes = _class_level([folder for folder in folders if folder])
        if positive is None:
            named = {name.upper(): name for name in classes}
            if set(named) != set(LABELS):
                raise ClassesUnknownError(classes)
            positive = named["ALL"]
        if positive not in classes:
            raise DataError(
                f"There is no class folder {positive!r}; the two are {classes[0]} and {classes[1]}."
            )
        negative = classes[1] if positive == classes[0] else classes[0]
        self.classes: tuple[str, str] | None = (negative, positive)

    def facts(self, path: str) -> PathFacts:
        """See `Layout`."""
        *folders, name = _visible(path)
        if not _is_image(name):
            raise DataError("not an image file")
        classes = self.classes or ()
        if len(folders) <= self._depth or folders[self._depth] not in classes:
            raise DataError(f"not in a class folder ({' or '.join(classes)})")
        subject = folders[self._depth + 1] if len(folders) > self._depth + 1 else None
        return PathFacts("training", subject, classes.index(folders[self._depth]))


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower().removeprefix(".") in SUFFIXES


def _class_level(folders: list[list[str]]) -> tuple[int, tuple[str, str]]:
    """Returns the depth at which nearly all images lie in one of two folders, and their names."""
    names: list[str] = []
    for depth in range(max(map(len, folders), default=0)):
        level = [folder[depth] for folder in folders if len(folder) > depth]
        if len(level) < _MOST * len(folders):
            break
        names = sorted(set(level))
        if {name.lower() for name in names} <= _PARTS:
            continue
        if len(names) == 2:
            return depth, (names[0], names[1])
        if len(names) > 2:
            break
    contents = f"the folders {', '.join(names[:6])}" if names else "no folders with images"
    raise DataError(
        f"This is neither C-NMC 2019 nor two class folders with images: it holds {contents}. "
        "Give a folder with C-NMC's files (UID_<subject>_<image>_<cell>_<all|hem>.bmp), the folder "
        "above that of a test phase, or one with a folder for each of two classes."
    )
