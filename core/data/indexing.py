"""The index of a data set: every cell image with its subject, label, hash and group."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from core import caches, leftovers, storage
from core.cells.scale import CAMERA_UM, UM_PER_PX
from core.data import duplicates, layouts
from core.data.layouts import Labelling, Layout
from core.data.layouts.cnmc import Cnmc
from core.data.walk import (
    DESCRIPTION,
    File,
    Look,
    Progress,
    as_text,
    find_pairs,
    look_into,
    table_content,
    walk,
)
from core.documents import Section
from core.errors import DataError
from core.settings import settings
from core.untrusted import json_text
from core.untrusted.fields import Line, shown
from core.untrusted.files import read_regular

VERSION = 6  # of the tables and thumbnails; an older index is built anew
FACTS = [
    *("image_id", "phase", "subject", "group", "label", "fold", "class_name", "part"),
    *("bytes", "mtime_ns", "sha256", "visible"),
]
# What an index was made of, by name; it holds as long as this stays the same.
_State = dict[str, str | int | None]
_TEXTS = ("phase", "subject", "class_name", "part", "sha256", "reason")


@dataclass(frozen=True)
class Index:
    """An indexed data set.

    `cells`: one row an image, sorted by image_id (its path below the root, with "/"): image_id,
    phase ("training", "preliminary", "final"), subject, group, label (1 = ALL, 0 = HEM), fold,
    class_name and part (the publisher's), bytes, mtime_ns, sha256 and visible (False for a black
    image). Subject to part are missing if the data set does not give them. What is measured on the
    cells is a table of its own: `core.data.measures`.
    `pairs`: duplicates, as `core.data.duplicates.find_pairs` gives them.
    `rejected`: path, reason of each file that is not a cell of this data set.
    `layout` is the title of its layout; `classes` gives the label of each of the publisher's
    classes, None for one that is left out, and is empty if the file names give the label.
    `um_per_px`: the micrometres that a pixel of its cells covers, by its description, or as assumed
    for C-NMC; None if unknown.
    `fingerprint`: 16 hex digits over names, contents, labels, subjects and phases of all cells.
    """

    root: Path
    name: str
    synthetic: bool
    um_per_px: float | None
    layout: str
    classes: dict[str, int | None]
    cells: pd.DataFrame
    pairs: pd.DataFrame
    rejected: pd.DataFrame
    fingerprint: str

    @property
    def folder(self) -> Path:
        """Where the index and the measures of its cells are kept."""
        return _folder(self.root)

    def path(self, image_id: str) -> Path:
        """The file of one image."""
        return self.root / image_id

    def labelled(self) -> pd.DataFrame:
        """The cells whose label is known, in all phases; label is int64."""
        return self.cells[self.cells["label"].notna()].astype({"label": "int64"})

    def copies(self, image_id: str) -> pd.DataFrame:
        """The duplicates of one image: image_id, kind and changed_pixels of each."""
        halves = [
            self.pairs.rename(columns={own: "self", other: "image_id"})
            for own, other in (("image_a", "image_b"), ("image_b", "image_a"))
        ]
        both = pd.concat(halves)
        return both.loc[both["self"] == image_id, ["image_id", "kind", "changed_pixels"]]

    def linked_subjects(self) -> list[list[str]]:
        """Groups of more than one subject, each sorted."""
        groups = self.cells.groupby("group")["subject"].unique()
        return [sorted(subjects) for subjects in groups if len(subjects) > 1]


def index(
    root: Path, progress: Progress | None = None, labelling: Labelling | None = None
) -> Index:
    """Indexes the data set below `root`, or returns the stored index if no file has changed.

    A file is unchanged if its name, size and modification time are; only changed files are read.
    `progress` gets (files done, files to do), and then counts pairs of images that are compared on
    top of both; what it raises stops the work. `labelling` is what the user says of its
    labels. Raises `DataError` if `root` is not a folder, of no known layout or holds no cell,
    `core.data.layouts.ClassesUnknownError` where it must be said which classes are positive.
    """
    root, labelling = root.absolute(), labelling or Labelling()
    if str(root) != as_text(str(root)):
        raise DataError(f"{as_text(str(root))} has a name that is not Unicode. Rename it.")
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. Give the folder that holds the data set.")
    folder = _folder(root)
    with caches.entry(folder):
        leftovers.sweep(folder)
        files = walk(root)
        state: _State = {
            "version": VERSION,
            "root": str(root),
            "labelling": digest([labelling.model_dump_json(), _table_state(root, labelling)]),
            "files": digest(f"{path}\0{size}\0{time}" for path, size, time in files),
        }
        result = _load(root, folder, state)
        if result is None:
            result, thumbnails = _build(root, files, progress, labelling, _seen_before(folder))
            _save(result, thumbnails, folder, state)
    return result


def _folder(root: Path) -> Path:
    return storage.index_dir(digest([str(root)]))


def digest(lines: Iterable[str]) -> str:
    """Hashes lines of text: 16 hex digits of their SHA-256."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _build(
    root: Path,
    files: list[File],
    progress: Progress | None,
    labelling: Labelling,
    before: dict[File, Look],
) -> tuple[Index, np.ndarray]:
    """Reads every new or changed file, on all cores.

    Returns the index and the thumbnails of its cells, uint8 (N, 768).
    """
    layout = layouts.recognise(
        [path for path, _, _ in files],
        lambda path: table_content(root / path),
        labelling,
    )
    files = [file for file in files if file[0] not in layout.tables]
    rows, thumbnails = look_into(root, files, layout, before, progress)
    rows += [{"image_id": path, "reason": reason} for path, reason in layout.absent.items()]
    cells, rejected = _sort_out(pd.DataFrame(rows, columns=[*FACTS, "reason"]), layout)
    pairs, lost = find_pairs(root, cells, thumbnails, _after(len(files), progress))
    if lost:
        gone = cells["image_id"].isin(lost)
        found = pd.DataFrame(lost.items(), columns=["path", "reason"])
        cells, rejected = cells[~gone].reset_index(drop=True), pd.concat([rejected, found])
        rejected = rejected.sort_values("path", ignore_index=True)
    if cells.empty:
        first = rejected.iloc[0].to_dict() if len(rejected) else dict.fromkeys(rejected, "none")
        raise DataError(
            f"{root} holds no cell: none of its {len(rejected)} files can be read and is "
            f"{layout.names}. The first, {first['path']}: {first['reason']}."
        )
    matrix = np.array([thumbnails[image_id] for image_id in cells["image_id"]])
    subjects = sorted(set(cells["subject"].dropna()))
    cells["group"] = cells["subject"].map(duplicates.link_subjects(subjects, pairs)).astype("str")
    known = ["image_id", "sha256", "label", "subject", "phase"]
    index = Index(
        root,
        *_describe(root, layout.title),
        layout=layout.title,
        classes=dict(layout.classes),
        cells=cells,
        pairs=pairs,
        rejected=rejected,
        fingerprint=digest(" ".join(map(str, row)) for row in cells[known].itertuples(index=False)),
    )
    return index, matrix


def _after(files: int, progress: Progress | None) -> Progress | None:
    """Progress of the comparison of images, which follows the reading of files."""
    return progress and (lambda done, total: progress(files + done, files + total))


def _table_state(root: Path, labelling: Labelling) -> str:
    """The size and time of a named table, which need not lie in the data set's folder."""
    if not labelling.table:
        return ""
    try:
        stat = (root / labelling.table).stat()
    except OSError:
        return "missing"
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _sort_out(rows: pd.DataFrame, layout: Layout) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Separates cells from rejected files; of files with one name, the first counts."""
    rows = rows.astype(dict.fromkeys(("label", "fold"), "Int8"))
    rows = rows.astype(dict.fromkeys(_TEXTS, "str"))
    if layout.unique:
        name = rows["image_id"].str.rsplit("/", n=1).str[-1].str.upper()
        good = rows["reason"].isna()
        first = rows[good].groupby([rows["phase"], name])["image_id"].transform("first")
        twice = first.index[first != rows.loc[first.index, "image_id"]]
        rows.loc[twice, "reason"] = "has the same name as " + first[twice]
    bad = rows["reason"].notna()
    rejected = rows.loc[bad, ["image_id", "reason"]].rename(columns={"image_id": "path"})
    cells = rows.loc[~bad, FACTS].astype({"visible": bool})
    return cells.reset_index(drop=True), rejected.reset_index(drop=True)


class _Description(Section):
    """What `DESCRIPTION` says of a data set."""

    name: Line | None = None
    synthetic: bool = False
    um_per_px: Annotated[float | None, Field(ge=CAMERA_UM[0], le=CAMERA_UM[1])] = None


def _describe(root: Path, layout: str) -> tuple[str, bool, float | None]:
    """Name, kind and scale of a data set, from its description if there is one."""
    file = root / DESCRIPTION
    try:
        text = read_regular(file, settings().max_file_bytes) if file.exists() else b"{}"
        about = _Description.parse(json_text.parse(text), DataError)
    except (OSError, ValueError, DataError) as error:
        raise DataError(
            f"{file} is damaged ({error}). Correct or delete it, or draw the synthetic set again."
        ) from None
    assumed = UM_PER_PX if layout == Cnmc.title else None
    return about.name or shown(root.name) or "data set", about.synthetic, about.um_per_px or assumed


_TABLES = ("cells", "pairs", "rejected")
_THUMBNAILS = "thumbnails.npy"


def _load(root: Path, folder: Path, state: _State) -> Index | None:
    """Returns the stored index if it describes these files."""
    try:
        document = storage.read_json(folder / "index.json")
        if document["state"] != state:
            return None
        return Index(
            root,
            *_describe(root, document["layout"]),
            layout=document["layout"],
            classes=document["classes"],
            fingerprint=document["fingerprint"],
            **{name: pd.read_parquet(folder / f"{name}.parquet") for name in _TABLES},
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None  # no index is stored, or it is incomplete: index again


def _seen_before(folder: Path) -> dict[File, Look]:
    """Returns the stored rows and thumbnails of an earlier state of the tree, by file."""
    try:
        if storage.read_json(folder / "index.json")["state"]["version"] != VERSION:
            return {}
        cells = pd.read_parquet(folder / "cells.parquet")
        thumbnails = np.load(folder / _THUMBNAILS)
    except (OSError, EOFError, ValueError, TypeError, KeyError):
        return {}
    rows = cells[["sha256", "visible"]].to_dict("records")
    files = zip(cells["image_id"], cells["bytes"], cells["mtime_ns"], strict=True)
    return dict(zip(files, zip(rows, thumbnails, strict=True), strict=True))


def _save(index: Index, thumbnails: np.ndarray, folder: Path, state: _State) -> None:
    # If writing is interrupted, a missing index.json marks the tables as invalid.
    (folder / "index.json").unlink(missing_ok=True)
    with storage.atomic(folder / _THUMBNAILS) as temporary:
        np.save(temporary, thumbnails)
    for name in _TABLES:
        with storage.atomic(folder / f"{name}.parquet") as temporary:
            getattr(index, name).to_parquet(temporary)
    document = {name: getattr(index, name) for name in ("layout", "classes", "fingerprint")}
    storage.write_json(folder / "index.json", document | {"state": state})
