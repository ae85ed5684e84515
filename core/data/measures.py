"""What is measured on the cells of a data set: morphology and quality flags.

Measuring takes several times as long as indexing, so it is put off until it is asked for.
"""

from collections.abc import Iterable
from dataclasses import asdict, fields
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from core import caches, leftovers, storage
from core.cells import morphology
from core.cells.masks import cell_mask
from core.cells.morphology import Morphology
from core.data import images, quality
from core.data.indexing import Index
from core.data.walk import Progress, on_all_cores, read_unchanged
from core.errors import DataError

VERSION = 1  # of what is measured; a table of another version is left alone
MEASURES = [field.name for field in fields(Morphology)]
COLUMNS = ["quality", *MEASURES]


def measure(
    index: Index, progress: Progress | None = None, image_ids: Iterable[str] | None = None
) -> pd.DataFrame:
    """Returns the measures of cells, measuring on all cores those that no one has asked for yet.

    `image_ids` are the cells, None for all. Returns one row a cell, in their order: image_id,
    quality (names of `core.data.quality.FLAGS`, joined by ", ") and the fields of
    `core.cells.morphology.Morphology`, float64, missing if the image shows no cell.

    Measures are kept beside the index by the content of the file, so a changed file is measured
    anew, and no other. `progress` gets (files done, files to do), also while another process
    measures; what it raises stops the work, and what was measured until then is kept.

    Raises `DataError` if an image_id is not in the index, or a file is missing or has changed
    since it was indexed.
    """
    cells = _chosen(index, image_ids)
    table = _load(index)
    if _lacking(table, cells).any():
        table = _measure_missing(index, cells, progress)
    rows = table.loc[cells["sha256"]].reset_index(drop=True)
    rows.insert(0, "image_id", cells["image_id"].array)
    return rows


def missing(index: Index) -> list[str]:
    """The image_ids of the cells that have not been measured; asking reads no image."""
    lacking = index.cells[_lacking(_load(index), index.cells)]
    image_ids: list[str] = lacking["image_id"].tolist()
    return image_ids


def _chosen(index: Index, image_ids: Iterable[str] | None) -> pd.DataFrame:
    if image_ids is None:
        return index.cells
    wanted = list(image_ids)
    cells = index.cells.set_index("image_id", drop=False)
    unknown = [image_id for image_id in wanted if image_id not in cells.index]
    if unknown:
        raise DataError(f"{unknown[0]} is not in the index of {index.root}. Index it again.")
    return cells.loc[wanted]


def _lacking(table: pd.DataFrame, cells: pd.DataFrame) -> np.ndarray:
    # Ten times as fast as `isin`, which does not look texts up in the index.
    lacking: np.ndarray = table.index.get_indexer(cells["sha256"]) < 0
    return lacking


def _measure_missing(index: Index, cells: pd.DataFrame, progress: Progress | None) -> pd.DataFrame:
    """Measures the cells that the kept table lacks, adds them to it, and returns it."""
    file = _file(index)

    def waiting() -> None:
        if progress:
            progress(0, len(cells))

    with caches.entry(file.parent, waiting):
        table = _load(index)  # another process may have measured them meanwhile
        new = cells[_lacking(table, cells)].drop_duplicates("sha256")
        rows: list[dict[str, object]] = []
        files = list(zip(new["image_id"], new["sha256"], strict=True))
        try:
            for row in on_all_cores(partial(_measure, index.root), files, progress):
                rows.append(row)
        finally:
            if rows:
                table = pd.concat([table, _table(rows)])
                leftovers.sweep(file.parent)
                with storage.atomic(file) as temporary:
                    table.to_parquet(temporary)
    return table


def _measure(root: Path, file: tuple[str, str]) -> dict[str, object]:
    image_id, sha256 = file
    path = root / image_id
    image = images.decode(read_unchanged(path, sha256), path.name)
    mask = cell_mask(image)
    shape = morphology.measure(image, mask) if mask.any() else None
    flags = quality.flags(image, mask, shape)
    row = {"sha256": sha256, "quality": ", ".join(flags)}
    return row | (asdict(shape) if shape else {})


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["sha256", *COLUMNS]).set_index("sha256")
    return table.astype({"quality": "str", **dict.fromkeys(MEASURES, "float64")})


def _file(index: Index) -> Path:
    # In a folder of its own: who indexes locks and sweeps the index's.
    return index.folder / "measures" / f"measures-{VERSION}.parquet"


def _load(index: Index) -> pd.DataFrame:
    """The kept measures by SHA-256, not to be changed; none if the file lacks or is damaged."""
    file = _file(index)
    try:
        facts = file.stat()
        return _read(file, facts.st_size, facts.st_mtime_ns, facts.st_ino)
    except (OSError, ValueError, KeyError):
        return _table([])


@lru_cache(maxsize=2)  # a page asks at each click
def _read(file: Path, *changed: int) -> pd.DataFrame:
    return pd.read_parquet(file)[COLUMNS]
