"""Recognises the layout of a data set."""

from collections.abc import Callable, Iterable, Sequence

from core.data.layouts.cnmc import Cnmc, is_cnmc, name_label
from core.data.layouts.described import Described
from core.data.layouts.labelling import Labelling
from core.data.layouts.layout import LABELS, ClassesUnknownError, Layout, is_hidden, is_image
from core.errors import DataError


def recognise(
    paths: Iterable[str], read: Callable[[str], bytes], labelling: Labelling | None = None
) -> Layout:
    """Recognises the layout of a tree from the paths of its files (below its root, with "/").

    `read` returns the content of a file. `labelling` is what the user says of the labels. Raises
    `core.data.layouts.layout.ClassesUnknownError` if it must say which classes are positive, and
    `DataError` if it names something that is not there, or the classes cannot be found.
    """
    labelling = labelling or Labelling()
    shown = [path for path in paths if not is_hidden(path)]
    if not labelling.says_where and _mostly_cnmc(shown):
        for path in filter(is_cnmc, shown):
            _require_agreement(path, labelling)
        return Cnmc(shown, read)
    described = Described(shown, read, labelling)
    if not described.classes:
        raise ClassesUnknownError(described.counts, described.columns)
    return described


def _require_agreement(path: str, labelling: Labelling) -> None:
    """Raises `DataError` if the classes that a user names are not those of C-NMC's file names."""
    if not (labelling.positive or labelling.negative):
        return
    above, label = {folder.lower() for folder in path.split("/")[:-1]}, name_label(path)
    said = {
        LABELS[name]
        for name, classes in (("ALL", labelling.positive), ("HEM", labelling.negative))
        if above & {folder.lower() for folder in classes}
    }
    if label is None or said != {label}:
        raise DataError(
            f"{path} is a file of C-NMC 2019, whose name says the class, and the classes that you "
            "name do not say the same. Name none, or give the files other names."
        )


def _mostly_cnmc(paths: Sequence[str]) -> bool:
    """Whether half of the images or more have names of C-NMC: a few do not speak for the others."""
    images = [path for path in paths if is_image(path)]
    return 0 < len(images) <= 2 * sum(map(is_cnmc, images))
