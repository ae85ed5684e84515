"""The index of a data set: every cell image with its subject, label, fold, hash and group.

Layout read here is C-NMC 2019's training tree: `fold_<k>` and `all` or `hem` among the parent
folders, and files named `UID_<subject>_<image>_<cell>_<label>.bmp`.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core import storage
from core.data import duplicates, images
from core.errors import DataError, UploadError

NAME = re.compile(r"UID_(h?\d+)_(\d+)_(\d+)_(all|hem)\.bmp", re.IGNORECASE)
FOLD = re.compile(r"fold_(\d{1,2})", re.IGNORECASE)
LABELS = {"ALL": 1, "HEM": 0}
DESCRIPTION = "dataset.json"
VERSION = 1

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Index:
    """A data set as it was found.

    `cells`: one row an image, sorted by image_id (its path below the root, with "/"): image_id,
    subject, group, label (1 = ALL, 0 = HEM), fold, bytes, mtime_ns, sha256.
    `pairs`: duplicates, as `core.data.duplicates.find_pairs` gives them.
    `rejected`: path, reason, bytes, mtime_ns of each file that is not a cell of this data set.
    `fingerprint`: 16 hex digits over names and contents of all cells.
    """

    root: Path
    name: str
    synthetic: bool
    cells: pd.DataFrame
    pairs: pd.DataFrame
    rejected: pd.DataFrame
    fingerprint: str

    def path(self, image_id: str) -> Path:
        """The file of one image."""
        return self.root / image_id

    def copies(self, image_id: str) -> pd.DataFrame:
        """The duplicates of one image: image_id, kind and changed_pixels of each."""
        halves = [
            self.pairs.rename(columns={here: "self", there: "image_id"})
            for here, there in (("image_a", "image_b"), ("image_b", "image_a"))
        ]
        both = pd.concat(halves)
        return both.loc[both["self"] == image_id, ["image_id", "kind", "changed_pixels"]]

    def linked_subjects(self) -> list[list[str]]:
        """Groups of more than one subject, each sorted."""
        groups = sorted(set(self.cells["group"]))
        return [group.split("+") for group in groups if "+" in group]


def index(root: Path, progress: Progress | None = None) -> Index:
    """Indexes the data set below `root`, or returns the kept index if no file has changed.

    A file counts as unchanged when its name, size and modification time are. `progress` gets
    (files done, files to do). Raises `DataError` if `root` is no folder or holds no cell.
    """
    root = root.absolute()
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. Give the folder that holds the data set.")
    files = _walk(root)
    kept = storage.index_dir(digest([str(root)]))
    with storage.lock(kept):
        found = _load(root, kept, files)
        if found is None:
            found = _build(root, files, progress)
            _save(found, kept)
    if found.cells.empty:
        first = found.rejected["reason"].iat[0] if len(found.rejected) else "the folder is empty"
        raise DataError(
            f"{root} holds no cell named like UID_<subject>_<image>_<cell>_<all|hem>.bmp "
            f"({len(found.rejected)} files looked at; the first: {first}). "
            "Give the folder C-NMC_Leukemia or one above it."
        )
    return found


def digest(lines: Iterable[str]) -> str:
    """A short name for a list of texts: 16 hex digits of the SHA-256 of its lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _walk(root: Path) -> pd.DataFrame:
    """Every file below `root`: path (relative, with "/"), bytes and mtime_ns, sorted by path."""
    rows: list[tuple[str, int, int]] = []
    seen: set[str] = set()
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        if os.path.realpath(folder) in seen:
            continue  # a link back into the tree
        seen.add(os.path.realpath(folder))
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise DataError(f"{folder} cannot be read: {error.strerror}.") from None
        for entry in entries:
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.name != DESCRIPTION:
                # A name that is not Unicode is kept readable, and rejected like any other name.
                path = os.fsencode(os.path.relpath(entry.path, root)).decode("utf-8", "replace")
                rows.append((Path(path).as_posix(), *_stat(entry)))
    files = pd.DataFrame(rows, columns=["path", "bytes", "mtime_ns"])
    return files.sort_values("path", ignore_index=True)


def _stat(entry: os.DirEntry[str]) -> tuple[int, int]:
    """Size and time of a file, of its target where it is a link; zeros for a dangling one."""
    try:
        stat = entry.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def _build(root: Path, files: pd.DataFrame, progress: Progress | None) -> Index:
    side = images.Geometry().window
    thumbnails: dict[str, np.ndarray] = {}

    def examine(path: str) -> dict[str, object]:
        try:
            facts = parse(path)
            data = (root / path).read_bytes()
            image = images.decode(data, name=Path(path).name)
        except OSError as error:
            return {"path": path, "reason": f"cannot be read: {error.strerror}"}
        except (DataError, UploadError) as error:
            return {"path": path, "reason": str(error)}
        thumbnails[path] = duplicates.thumbnail(image, side)
        return {"path": path, **facts, "sha256": hashlib.sha256(data).hexdigest()}

    rows = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, row in enumerate(pool.map(examine, files["path"]), start=1):
            rows.append(row)
            if progress and (done % 50 == 0 or done == len(files)):
                progress(done, len(files))
    columns = ["path", "subject", "label", "fold", "sha256", "reason"]
    found = pd.DataFrame(rows, columns=columns).merge(files, on="path")
    rejected = found.loc[found["reason"].notna(), ["path", "reason", "bytes", "mtime_ns"]]
    cells = found.loc[found["reason"].isna()].drop(columns="reason")
    cells = cells.rename(columns={"path": "image_id"}).reset_index(drop=True)
    cells = cells.astype({"label": "int8", "fold": "Int8"})
    matrix = np.array([thumbnails[i] for i in cells["image_id"]], dtype=np.float32)
    matrix = matrix.reshape(len(cells), duplicates.THUMBNAIL**2 * 3)
    pairs = duplicates.find_pairs(cells, matrix, lambda image_id: images.decode(root / image_id))
    group = duplicates.link_subjects(sorted(set(cells["subject"])), pairs)
    cells.insert(2, "group", cells["subject"].map(group))
    return _assemble(root, cells, pairs, rejected.reset_index(drop=True))


def parse(path: str) -> dict[str, object]:
    """Subject, label and fold of one file, from its path below the data set's root.

    Raises `DataError` with the reason for a file that is not a labelled training cell.
    """
    *folders, name = path.split("/")
    if name.startswith("."):
        raise DataError("hidden file")
    match = NAME.fullmatch(name)
    if not match:
        raise DataError("name is not UID_<subject>_<image>_<cell>_<all|hem>.bmp")
    subject, label = match[1].upper(), match[4].upper()
    if (label == "HEM") != subject.startswith("H"):
        raise DataError(f"subject {subject} and label {label} contradict each other")
    classes = {folder.upper() for folder in folders} & set(LABELS)
    if classes and classes != {label}:
        raise DataError(f"label {label} in the name, but folder {'/'.join(sorted(classes))}")
    folds = [int(match[1]) for folder in folders if (match := FOLD.fullmatch(folder))]
    return {"subject": subject, "label": LABELS[label], "fold": folds[-1] if folds else None}


def _assemble(
    root: Path, cells: pd.DataFrame, pairs: pd.DataFrame, rejected: pd.DataFrame
) -> Index:
    about = _describe(root / DESCRIPTION)
    return Index(
        root=root,
        name=str(about.get("name", root.name)),
        synthetic=bool(about.get("synthetic", False)),
        cells=cells,
        pairs=pairs,
        rejected=rejected,
        fingerprint=digest(
            f"{name} {sha256}"
            for name, sha256 in zip(cells["image_id"], cells["sha256"], strict=True)
        ),
    )


def _describe(file: Path) -> dict[str, object]:
    if not file.exists():
        return {}
    try:
        about = storage.read_json(file)
    except (OSError, ValueError):
        about = None
    if not isinstance(about, dict):
        raise DataError(f"{file} is damaged. Delete it, or draw the synthetic set again.")
    return about


def _load(root: Path, kept: Path, files: pd.DataFrame) -> Index | None:
    try:
        if storage.read_json(kept / "index.json") != {"version": VERSION, "root": str(root)}:
            return None
        tables = [pd.read_parquet(kept / f"{name}.parquet") for name in _TABLES]
    except (OSError, ValueError):
        return None  # nothing kept, or cut short: indexing again mends it
    cells, _, rejected = tables
    known = pd.concat([cells.rename(columns={"image_id": "path"}), rejected])[list(files.columns)]
    if not known.sort_values("path", ignore_index=True).equals(files):
        return None
    return _assemble(root, *tables)


_TABLES = ("cells", "pairs", "rejected")


def _save(found: Index, kept: Path) -> None:
    # Without index.json the tables are not believed, should this be cut short.
    (kept / "index.json").unlink(missing_ok=True)
    for name in _TABLES:
        with storage.atomic(kept / f"{name}.parquet") as temporary:
            getattr(found, name).to_parquet(temporary)
    storage.write_json(kept / "index.json", {"version": VERSION, "root": str(found.root)})


def spread(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells in an order that goes round the subjects, one cell a turn, classes alternating."""
    turn = cells.groupby("subject").cumcount()
    first = cells.drop_duplicates("subject")
    place = cells["subject"].map(
        dict(zip(first["subject"], first.groupby("label").cumcount(), strict=True))
    )
    order = pd.DataFrame({"turn": turn, "place": place, "label": -cells["label"]})
    return cells.loc[order.sort_values(["turn", "place", "label"]).index]


def summarise(found: Index, started: float) -> dict[str, object]:
    """The facts of an index as the command line and the Dataset page give them.

    `started` is `time.perf_counter()` before the indexing began. `splits` counts the images of
    each part under the default split (subject-disjoint, seed 0).
    """
    from core.data import splits

    cells, pairs = found.cells, found.pairs
    try:
        parts = splits.split(found, "subject", seed=0)["split"].value_counts()
        sizes = {part: int(parts.get(part, 0)) for part in splits.PARTS}
    except DataError:
        sizes = None  # too few groups of a class for three parts; training says so in full
    return {
        "dataset": str(found.root),
        "name": found.name,
        "synthetic": found.synthetic,
        "fingerprint": found.fingerprint,
        "images": len(cells),
        "rejected": found.rejected[["path", "reason"]].to_dict("records"),
        "splits": sizes,
        "labels": {name: int((cells["label"] == label).sum()) for name, label in LABELS.items()}
        | {"unlabelled": 0},
        "subjects": int(cells["subject"].nunique()),
        "groups": int(cells["group"].nunique()),
        "duplicates": {
            "exact_pairs": int((pairs["kind"] == "exact").sum()),
            "near_pairs": int((pairs["kind"] == "near").sum()),
            "cross_subject_pairs": int((pairs["subject_a"] != pairs["subject_b"]).sum()),
        },
        "linked_subjects": found.linked_subjects(),
        "seconds": round(time.perf_counter() - started, 3),
    }
