"""Data sets whose classes come from folders, file names or a table, and are mapped to labels."""

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from core.data.layouts import tables
from core.data.layouts.folders import Folders
from core.data.layouts.labelling import ASSUMED, ENCODINGS, Labelling, label_classes, natural
from core.data.layouts.layout import (
    ColumnsUnknownError,
    PathFacts,
    UnlabelledError,
    is_image,
    part_of,
    visible,
)
from core.data.layouts.patterns import Pattern, recognise_preset
from core.data.layouts.tables import Table
from core.errors import DataError

_MOST = 0.9  # of the images, for a pattern or a table that was not asked for
_LISTED, _EXAMPLES = 6, 3
_TABLES = (".csv", ".tsv", ".parquet")  # a text may be anything
Read = Callable[[str], bytes]


class Described:
    """Images of any number of classes; see `Labelling` for where their facts come from.

    `counts` gives the number of images of each class, `examples` up to three of their paths,
    `subjects` and `parts` count the images of each known subject and of each publisher's part,
    `columns` the columns of the table by role, of `all_columns`. `levels` names the folders at each
    depth. `classes` is empty if the labels are not known. `encoding` is that of the table, a key of
    `core.data.layouts.labelling.ENCODINGS`, None without one or for one in Parquet.
    """

    unique = False

    def __init__(self, paths: Sequence[str], read: Read, labelling: Labelling) -> None:
        """Finds the source of the classes; see `core.data.layouts.recognise`."""
        images = [path for path in paths if is_image(path)]
        self._pattern = Pattern(labelling.pattern) if labelling.pattern else None
        named = {*labelling.positive, *labelling.negative}
        self._folders = Folders(images, labelling.class_folder, labelling.subject_folder, named)
        self.encoding: str | None = None
        self._table, unread = self._find_table(paths, images, read, labelling)
        self.encoding = self.encoding if self._table else None
        self.levels = self._folders.levels
        self._found = list(self.levels[0]) if self.levels else []
        by_name = self._pattern is not None and "class" in self._pattern.roles
        if not (self._table or by_name or self._folders.give_classes):
            preset = recognise_preset(images, _MOST)
            if preset is None or self._pattern:
                raise unread or _unknown(self._found, paths)
            self._pattern, by_name = Pattern(preset), True
        self._where = "table" if self._table else "pattern" if by_name else "folders"
        self._listing = PurePosixPath(self._table[0]).name if self._table else ""
        self.title, self.names = {
            "table": (
                f"a table of labels ({self._listing}{self._assumed})",
                f"an image that {self._listing} lists",
            ),
            "pattern": ("classes in the file names", "an image whose name gives its class"),
            "folders": ("a folder per class", "an image in a class folder"),
        }[self._where]
        self.tables = frozenset({self._table[0]} if self._table else ())
        table = self._table[1] if self._table else None
        self.absent: Mapping[str, str] = table.absent if table else {}
        self.columns: Mapping[str, str] = table.columns if table else {}
        self.all_columns: Sequence[str] = table.all_columns if table else ()
        self.subjects: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.counts, self.examples = self._count(images)
        known = self._pattern.labels if self._pattern and by_name else None
        self.classes: Mapping[str, int | None] = label_classes(self.counts, labelling, known) or {}

    @property
    def _assumed(self) -> str:
        words = ENCODINGS[ASSUMED].partition(" ")[0]
        return f", read as {words}" if self._table and self.encoding == ASSUMED else ""

    def facts(self, path: str) -> PathFacts:
        """See `core.data.layouts.layout.Layout`."""
        if not is_image(visible(path)[-1]):
            raise DataError("not an image file")
        facts = self._facts(path)
        name = facts.get("class")
        if name is None or name not in self.classes:
            raise DataError(self._refusal())
        part = part_of(facts.get("part", ""))
        return PathFacts(
            "training", facts.get("subject"), self.classes[name], class_name=name, part=part
        )

    def _facts(self, path: str) -> dict[str, str]:
        facts = self._folders.facts(path)
        if self._where != "folders":
            facts.pop("class", None)
        if self._pattern:
            facts |= self._pattern.facts(path)
        if self._table:
            facts.pop("class", None)
            facts |= self._table[1].facts(path)
        return facts

    def _refusal(self) -> str:
        if self._table:
            return f"not listed in {self._listing}, or without a class there"
        if self._where == "pattern":
            return "the pattern finds no class in its path"
        return f"not in a class folder ({' or '.join(self.classes)})"

    def _count(self, images: Sequence[str]) -> tuple[dict[str, int], dict[str, list[str]]]:
        """The number of images of each class, and up to `_EXAMPLES` of their paths."""
        paths: dict[str, list[str]] = defaultdict(list)
        for path in images:
            try:
                facts = self._facts(path)
            except DataError:
                continue  # said of this file when it is read
            if "class" not in facts:
                continue
            paths[facts["class"]].append(path)
            if subject := facts.get("subject"):
                self.subjects[subject] += 1
            if part := part_of(facts.get("part", "")):
                self.parts[part] += 1
        if not paths:
            raise _unknown(self._found, images)
        order = sorted(paths, key=natural)
        return (
            {name: len(paths[name]) for name in order},
            {name: paths[name][:_EXAMPLES] for name in order},
        )

    def _find_table(
        self, paths: Sequence[str], images: Sequence[str], read: Read, labelling: Labelling
    ) -> tuple[tuple[str, Table] | None, ColumnsUnknownError | None]:
        """The named table of labels with its path, or one that lists most images.

        Also returns the error of a table that lists images without a recognised column.
        """
        unread: ColumnsUnknownError | None = None
        if labelling.table:
            name = PurePosixPath(labelling.table.replace("\\", "/")).name
            table = self._read_table(read(labelling.table), name, images, labelling)
            return (labelling.table, table), None
        if self._pattern and "class" in self._pattern.roles:
            return None, None
        for path in paths:
            if path.lower().endswith(tables.SUFFIXES):
                name = PurePosixPath(path).name
                try:
                    data = read(path)
                    if not tables.may_have_rows(data, name, _MOST * len(images)):
                        continue  # such as the boxes of one image, of thousands
                    table = self._read_table(data, name, images, labelling, _MOST * len(images))
                except ColumnsUnknownError as error:
                    unread = error if "file" in error.recognised else unread
                except DataError:
                    continue  # a file like any other
                else:
                    if images and len(table) >= _MOST * len(images):
                        return (path, table), None
        return None, unread

    def _read_table(
        self,
        data: bytes,
        name: str,
        images: Sequence[str],
        labelling: Labelling,
        least: float = 0,
    ) -> Table:
        """A table of at least so many rows, and its `encoding`; raises `DataError`, see `Table`."""
        self.encoding = labelling.encoding or tables.encoding_of(io.BytesIO(data), name)
        rows = tables.read_table(data, name, self.encoding)
        if len(rows) < least:
            raise DataError(f"{name} has {len(rows):,} rows, too few to list all images.")
        try:
            return Table(rows, images, labelling.columns, name)
        except ColumnsUnknownError as error:
            error.encoding = self.encoding
            raise


def _unknown(found: Sequence[str], paths: Sequence[str]) -> UnlabelledError:
    """What to say of images in the folders `found`, of no known class, among the files `paths`."""
    lists = [path for path in paths if path.lower().endswith((*_TABLES, *tables.SPREADSHEETS))]
    named = ""
    if lists:
        named = (
            f" {lists[0]} does not list nearly all images by columns that are recognised: if it "
            "holds the labels, name it (--table), a spreadsheet saved as CSV."
        )
    contents = f"the folders {', '.join(found[:_LISTED])}" if found else "no folders with images"
    return UnlabelledError(
        f"The classes of these images are not known: there are {contents}. Give a folder with a "
        "folder for each class, C-NMC's files (UID_<subject>_<image>_<cell>_<all|hem>, as any "
        "format), or the folder above that of a test phase; or say where the classes stand: in a "
        "table of labels (--table FILE), in the file names (--pattern EXPRESSION), or in which "
        f"level of folders (--class-folder NUMBER).{named}"
    )
