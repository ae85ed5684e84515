"""Class, subject and part from the folders above an image."""

from collections import Counter
from collections.abc import Collection, Sequence

from core.data.layouts.layout import LABELS, PART_NAMES
from core.errors import DataError

_MOST = 0.9  # a few stray images above the class folders are rejected one by one
MAX_CLASSES = 50  # more folders at one level are subjects, or something else


class Folders:
    """Reads the folders of each path.

    The class folders are those of the level that `class_folder` names, else of one that has a
    folder for each of the `named` classes, or has ALL and HEM alone, else of the first at which
    nearly all images stand in two to `MAX_CLASSES` folders. The subject is the folder of
    `subject_folder`, else the first below the class. Folders of the publisher's parts are neither.
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
        self._subjects = None if subject_folder is None else subject_folder - 1
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
        if self._subjects is None and self._classes is not None:
            at["subject"] = self._classes + 1 + (self._parts == self._classes + 1)
        facts = {
            role: folders[level]
            for role, level in at.items()
            if level is not None and level < len(folders)
        }
        if "part" in facts and facts["part"].lower() not in PART_NAMES:
            del facts["part"]
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
    for depth, level in enumerate(levels):
        names = set(level)
        if {name.lower() for name in names} <= set(PART_NAMES) or len(names) == 1:
            continue
        return depth if len(names) <= MAX_CLASSES else None
    return None


def _part_level(folders: list[list[str]]) -> int | None:
    """The depth at which all images stand in at least two folders of the publisher's parts."""
    for depth, level in enumerate(_levels(folders)):
        names = {name.lower() for name in level}
        if len(level) == len(folders) and len(names) > 1 and names <= set(PART_NAMES):
            return depth
    return None
