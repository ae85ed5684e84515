"""Recognises the layout of a data set."""

from collections.abc import Callable, Iterable

from core.data.layouts.cnmc import Cnmc, is_cnmc
from core.data.layouts.described import Described
from core.data.layouts.labelling import Labelling
from core.data.layouts.layout import ClassesUnknownError, Layout, is_hidden
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
    if not labelling.says_where and any(map(is_cnmc, shown)):
        if labelling.positive or labelling.negative:
            raise DataError("These are files of C-NMC 2019, whose names say the class. Name none.")
        return Cnmc(shown, read)
    described = Described(shown, read, labelling)
    if not described.classes:
        raise ClassesUnknownError(described.counts, described.columns)
    return described
