"""Class, subject and part from the folders above an image."""

from collections import Counter
from collections.abc import Collection, Sequence

from core.data.layouts.layout import LABELS, part_of
from core.errors import DataError

_MOST = 0.9  # a few stray images above the class folders are rejected one by one
MAX_CLASSES = 50  # more folders at one level are subjects, or something else


class Folders:
    """Reads the folders of each path.

    The class folders are those of the level that `class_folder` names, else of one that has a
    folder for each of the `named` classes, or has ALL and HEM alone, else of the first at which
    nearly all images stand in two to `MAX_CLASSES` folders, if it can be one whose names have no
    number. The subject is the folder of `subject_folder`, else the first below the class if names
    there have numbers: others may be kinds of cells. Folders of the publisher's parts are neither.
    `levels` counts the images in the folders of each depth, by name.
    """

    def __init__(
        self,
        images: Sequence[str],
        class_folder: int | None,
        subject_folder: int | None,
        named: Collection[str] = (),
    ) -> None:
        """Looks for the levels among the paths of all images."""
        folders = _above(images)
        self._parts = _part_level(folders)
        self._classes = _class_level(folders, named) if class_folder is None else class_folder - 1
        self._subjects = (
            _subject_level(folders, self._classes, self._parts)
            if subject_folder is None
            else subject_folder - 1
        )
        self.levels = levels_of(images)
        for number, name in ((class_folder, "class_folder"), (subject_folder, "subject_folder")):
            if number and number > len(self.levels):
                raise DataError(
                    f"{name} is {number}; the images stand in {len(self.levels)} levels of folders."
                )

    @property
    def give_classes(self) -> bool:
        """Whether there is a level of class folders."""
        return self._classes is not None

    def facts(self, path: str) -> dict[str, str]:
        """The facts of one image by role; a role that its folders do not give is left out."""
        folders = path.split("/")[:-1]
        at = {"class": self._classes, "subject": self._subjects, "part": self._parts}
        facts = {
            role: folders[level]
            for role, level in at.items()
            if level is not None and level < len(folders)
        }
        if part_of(facts.get("part", "")) is None:
            facts.pop("part", None)
        return facts


def levels_of(images: Sequence[str]) -> list[Counter[str]]:
    """The number of images in the folders of each depth, by the folder's name."""
    return [Counter(level) for level in _levels(_above(images))]


def _above(images: Sequence[str]) -> list[list[str]]:
    """The folders above each image that is in one."""
    return [above for path in images if (above := path.split("/")[:-1])]


def _levels(folders: list[list[str]]) -> list[list[str]]:
    """The names at each depth of the tree."""
    deepest = max(map(len, folders), default=0)
    return [[above[depth] for above in folders if len(above) > depth] for depth in range(deepest)]


def _class_level(folders: list[list[str]], named: Collection[str]) -> int | None:
    levels = [level for level in _levels(folders) if len(level) >= _MOST * len(folders)]
    for depth, level in enumerate(levels):
        if named and set(named) <= set(level):
            return depth
    for depth, level in enumerate(levels):
        if {name.upper() for name in level} == set(LABELS):
            return depth
    several = [
        (depth, names)
        for depth, level in enumerate(levels)
        if len(names := set(level)) > 1 and not all(map(part_of, names))
    ]
    words = [(depth, names) for depth, names in several if not _are_numbered(names)]
    for depth, names in words or several:
        return depth if len(names) <= MAX_CLASSES else None
    return None


def _are_numbered(names: Collection[str]) -> bool:
    """Whether most names have a digit, as those of patients do."""
    return 2 * sum(any(map(str.isdigit, name)) for name in names) > len(names)


def _subject_level(folders: list[list[str]], classes: int | None, parts: int | None) -> int | None:
    """The depth below the class, if its names look like those of patients."""
    if classes is None:
        return None
    below = classes + 1 + (parts == classes + 1)
    names = {above[below] for above in folders if len(above) > below}
    return below if _are_numbered(names) else None


def _part_level(folders: list[list[str]]) -> int | None:
    """The depth at which all images stand in at least two folders of the publisher's parts."""
    for depth, level in enumerate(_levels(folders)):
        parts = {part_of(name) for name in level}
        if len(level) == len(folders) and len(parts) > 1 and None not in parts:
            return depth
    return None
