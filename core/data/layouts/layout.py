"""What every layout of a data set gives: the facts of each image, by its path."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from core.data.images import SUFFIXES
from core.errors import DataError

PHASES = ("training", "preliminary", "final")
LABELS = {"ALL": 1, "HEM": 0}
# The names that publishers give their own parts, and what the parts are called here.
_PART_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "holdout", "heldout"), "test"),
}
_PART_WORDS = re.compile(r"^\d+[\W_]|(?<=.)[\W_]*(data|set|split|images|imgs|part|folder)+$|[\W_]")
_LONGEST_PART = 40  # characters of the name of a part
_NAMED = 12  # classes that a message lists


@dataclass(frozen=True)
class PathFacts:
    """What a path says about a cell; None is unknown.

    label: 1 (ALL) or 0 (HEM). fold: an official fold of C-NMC. class_name: the publisher's class,
    where there are others than ALL and HEM. part: the publisher's part ("train", "validation",
    "test").
    """

    phase: str
    subject: str | None
    label: int | None
    fold: int | None = None
    class_name: str | None = None
    part: str | None = None


def part_of(name: str) -> str | None:
    """Returns what the publisher's part of this name is called here; None if it names no part.

    Case, numbers before it, and words such as "set" and "data" behind it say nothing:
    "02_Training-Set" is "train".
    """
    if len(name) > _LONGEST_PART:  # the time of the expression grows with their square
        return None
    return _PART_NAMES.get(_PART_WORDS.sub("", name.lower()))


class Layout(Protocol):
    """A way to lay out a data set.

    `title` names it. `names` describes its file names. `unique`: a file name may occur only once in
    a phase. `classes` gives the label of each of the publisher's classes, None for one that is left
    out; it is empty if the file names give the label. `tables` are the files that describe other
    files. `absent` gives a reason for each image that a table lists and that is not there.
    """

    title: str
    names: str
    unique: bool
    classes: Mapping[str, int | None]
    tables: frozenset[str]
    absent: Mapping[str, str]

    def facts(self, path: str) -> PathFacts:
        """Facts of one file. Raises `DataError` if it is not a cell of this layout."""


class UnlabelledError(DataError):
    """The images can be labelled only if the user says more."""


class ClassesUnknownError(UnlabelledError):
    """The classes of a data set are known, but not which of them are positive and negative.

    `classes` gives the number of images of each class; `columns` the columns of the table of labels
    by their role, if there is such a table.
    """

    def __init__(self, classes: Mapping[str, int], columns: Mapping[str, str]) -> None:
        """Makes the sentence; see the class."""
        self.classes, self.columns = classes, columns
        counted = [f"{name} ({images:,})" for name, images in classes.items()]
        more = f" and {len(counted) - _NAMED} more" if len(counted) > _NAMED else ""
        said = ", ".join(f"{role} from {column!r}" for role, column in columns.items())
        super().__init__(
            f"The classes of these images are {', '.join(counted[:_NAMED])}{more}"
            f"{f' ({said})' if said else ''}. Say which are positive (ALL, blasts) and which are "
            "negative: on the Dataset page, or with python -m core index FOLDER --positive "
            "NAME,NAME --negative NAME. Classes that you do not name are left out."
        )


class ColumnsUnknownError(UnlabelledError):
    """A table lists the images, but a column of it is not recognised.

    `table` is its path, `columns` are all its columns, `recognised` those that are, by role.
    `encoding`: in which it was read; None of Parquet.
    """

    encoding: str | None = None

    def __init__(self, table: str, columns: Sequence[str], recognised: Mapping[str, str]) -> None:
        """Makes the sentence; see the class."""
        self.table, self.columns, self.recognised = table, columns, recognised
        role = "class" if "file" in recognised else "file"
        super().__init__(
            f"{table} has the columns {', '.join(columns)}; none is recognised as {role}. Name it "
            f"on the Dataset page, or with --columns {role}=COLUMN."
        )


def is_hidden(path: str) -> bool:
    """Whether a file or a folder above it is hidden, or is left by a packer of macOS."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def visible(path: str) -> list[str]:
    """Returns the folders and the name of a file. Raises `DataError` if it is hidden."""
    if is_hidden(path):
        raise DataError("hidden file")
    return path.split("/")


def is_image(path: str) -> bool:
    """Whether a file has the suffix of a format that can be read."""
    return PurePosixPath(path).suffix.lower().removeprefix(".") in SUFFIXES
