"""What a cohort is made of: the pictures below a folder, or those that a table lists.

They are listed one after another; nothing keeps them all.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pandas as pd
from pyarrow import fs
from pydantic import Field

from core.cohort.places import file_system, is_url, require_allowed
from core.data.layouts import Labelling, tables
from core.data.layouts.labelling import ASSUMED
from core.data.layouts.layout import is_hidden, is_image
from core.data.layouts.patterns import Pattern
from core.data.walk import as_text, scan
from core.documents import Section
from core.errors import DataError
from core.untrusted.fields import Place

_LOOKED_AT = 200  # rows of a table, for the column of files
_MOST = 0.9  # of them name images


class Source(Section):
    """Where pictures are listed.

    place: a folder with pictures, or a table of their paths; a path or a URL. labelling: how
    subjects are known: by a column of the table, a pattern over paths, or a level of folders;
    without any, by a column that is called so, or by file names of C-NMC. roots: the folders that
    pictures may lie in; None for any.
    """

    place: Place
    labelling: Labelling = Field(default_factory=Labelling)
    roots: tuple[Place, ...] | None = None


class ListedPicture(NamedTuple):
    """A picture of a source: its path, below the source or as the table has it, and its subject.

    size: bytes; mtime_ns: Unix time in ns; both 0 where they are not known.
    """

    path: str
    subject: str | None
    size: int = 0
    mtime_ns: int = 0


def pictures(source: Source) -> Iterator[ListedPicture]:
    """Yields the pictures of a source, in any order.

    Of a folder these are all files with the suffix of an image; of a table, each row.

    Raises `DataError` if the source is missing, is not a table or names no column of files, and
    `ConfigError` as `core.cohort.places.file_system` does.
    """
    system, path = file_system(source.place)
    try:
        info = system.get_file_info(path)
    except OSError as error:
        raise DataError(f"{source.place} cannot be opened: {error}.") from None
    if info.type == fs.FileType.Directory:
        return _below(source, system, path)
    if info.type == fs.FileType.File and path.lower().endswith(tables.SUFFIXES):
        return _rows(source, system, path)
    raise DataError(
        f"{source.place} is neither a folder nor a table ({', '.join(tables.SUFFIXES)}) that can "
        "be opened. Check the path."
    )


def with_encoding(source: Source) -> Source:
    """The source, which says so if it is a table that is read in an encoding that is assumed."""
    said = source.labelling
    if said.encoding is None and source.place.lower().endswith(tables.SUFFIXES):
        system, path = file_system(source.place)
        try:
            with system.open_input_file(path) as file:
                found = tables.encoding_of(file, PurePosixPath(path).name)
        except OSError:
            return source  # said when it is listed
        if found == ASSUMED:
            return source.replace(labelling=said.replace(encoding=ASSUMED))
    return source


def place_of(source: Source, path: str) -> str:
    """The place of a listed picture, a path or a URL.

    Raises `NotAllowedError` if it lies in none of the source's roots.
    """
    place = path
    if not is_url(path) and not PurePosixPath(path).is_absolute() and not Path(path).is_absolute():
        folder = source.place
        if folder.lower().endswith(tables.SUFFIXES):
            folder = folder.rpartition("/")[0] if is_url(folder) else str(Path(folder).parent)
        place = f"{folder}/{path}"
    if source.roots is not None:
        require_allowed(place, [Path(root) for root in source.roots])
    return place


def _below(source: Source, system: Any, root: str) -> Iterator[ListedPicture]:
    subject = _subject_of(source.labelling)
    local = isinstance(system, fs.LocalFileSystem)
    for path, size, mtime_ns in scan(Path(root)) if local else _scan(system, root):
        unread = path.endswith("/")  # a folder that cannot be listed: said where it would be read
        if (unread or is_image(path)) and not is_hidden(path):
            yield ListedPicture(path, subject(path), size, mtime_ns)


def _scan(system: Any, root: str) -> Iterator[tuple[str, int, int]]:
    folders = [root]
    while folders:
        for info in system.get_file_info(fs.FileSelector(folders.pop())):
            if info.type == fs.FileType.Directory:
                folders.append(info.path)
            else:
                path = info.path[len(root) :].lstrip("/")
                yield as_text(path), info.size or 0, info.mtime_ns or 0


def _subject_of(said: Labelling) -> Callable[[str], str | None]:
    if said.subject_folder is not None:
        level = said.subject_folder

        def by_folder(path: str) -> str | None:
            folders = path.split("/")[:-1]
            return folders[level - 1] if len(folders) >= level else None

        return by_folder
    pattern = Pattern(said.pattern or "C-NMC")
    if said.pattern:
        return lambda path: pattern.facts(path).get("subject")
    return lambda path: pattern.facts(path).get("subject", "").upper() or None


def _rows(source: Source, system: Any, table: str) -> Iterator[ListedPicture]:
    name = PurePosixPath(table).name
    by_path = _subject_of(source.labelling)
    columns: dict[str, str] | None = None
    with system.open_input_file(table) as file:
        for part in tables.parts_of_table(file, name, encoding=source.labelling.encoding):
            columns = columns or _columns(part, source.labelling, name)
            files = part[columns["file"]].str.strip()
            if "subject" not in columns:
                yield from (ListedPicture(path, by_path(path)) for path in files)
                continue
            for path, subject in zip(files, part[columns["subject"]], strict=True):
                yield ListedPicture(path, tables.plain(subject) or None)


def _columns(rows: pd.DataFrame, said: Labelling, name: str) -> dict[str, str]:
    """The columns of files and, if there is one, of subjects. Raises `DataError`."""
    have = list(rows.columns)
    found = {role: name for role, name in said.columns.items() if role in ("file", "subject")}
    for role, column in found.items():
        if column not in have:
            raise DataError(
                f"{name} has no column {column!r} for {role}; it has {', '.join(have)}."
            )
    if "file" not in found:
        some = rows.head(_LOOKED_AT)
        shares = {column: some[column].str.strip().map(is_image).mean() for column in have}
        best = max(shares, key=lambda column: shares[column])
        file = best if shares[best] >= _MOST else tables.called("file", have)
        if file is None:
            raise DataError(
                f"{name} has the columns {', '.join(have)}; none is recognised as that of the "
                "pictures. Name it with --columns file=COLUMN."
            )
        found["file"] = file
    subject = tables.called("subject", [column for column in have if column != found["file"]])
    if "subject" not in found and subject and not said.pattern and not said.subject_folder:
        found["subject"] = subject
    return found
