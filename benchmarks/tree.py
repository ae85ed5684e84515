"""A data set of full size to measure on: the names and sizes of C-NMC 2019, drawn cells inside.

The listing of the release (path, sha256, bytes) says what to draw. Files that are identical there
are identical here; files that differ there hold different cells here.
"""

import csv
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.measure import say
from core import storage
from core.data.synthetic.white_cell import SIZE, draw_cell
from core.errors import DataError

LISTING = "cnmc_full_listing.csv"
MARKER = "tree.json"
LABELS = "C-NMC_test_prelim_phase_data_labels.csv"
PRELIMINARY = "C-NMC_test_prelim_phase_data"
FINAL_SIDE = 600
BANK = 100  # drawn cells of each class; every image is one of them, transformed
ALL_SHARE = 0.65  # of the test phases, whose names do not give the class
# Subjects of the preliminary test phase: as many as in the release, under numbers not taken.
SUBJECTS = {1: [str(n) for n in range(100, 113)], 0: [f"H{n}" for n in range(100, 115)]}
VERSION = 1


@dataclass(frozen=True)
class Tree:
    """A drawn data set: `root` is C-NMC_Leukemia, `files` has path (below root), sha256, bytes.

    `sha256` is that of the listing: it tells which files are identical, not what is in them.
    """

    root: Path
    files: pd.DataFrame

    @property
    def paths(self) -> list[str]:
        """The image files."""
        return [str(self.root / path) for path in self.files["path"]]


@contextmanager
def tree(folder: Path | None, images: int | None = None) -> Iterator[Tree]:
    """The data set in `folder`, drawn if it is not there yet; without one, a temporary one.

    Raises `DataError` if the listing is not to be had or `folder` holds something else.
    """
    files = part(listing(), images)
    if folder:
        yield build(folder.absolute(), files)
        return
    temporary = Path(tempfile.mkdtemp(prefix="blastlens-tree-"))
    try:
        yield build(temporary, files)
    finally:
        shutil.rmtree(temporary)


def listing() -> pd.DataFrame:
    """The image files of the release: path (below C-NMC_Leukemia), sha256, bytes, by path.

    Raises `DataError` unless the environment variable BLASTLENS_REAL_DATA leads to the listing.
    """
    folder = os.environ.get("BLASTLENS_REAL_DATA")
    file = Path(folder or "") / LISTING
    if not folder or not file.is_file():
        raise DataError(
            f"Skipped: no listing to draw a data set from. Set BLASTLENS_REAL_DATA to the folder "
            f"that holds {LISTING}."
        )
    files = pd.read_csv(file, usecols=["path", "sha256", "bytes"])
    files = files[files["path"].str.endswith(".bmp")]
    files["path"] = files["path"].str.partition("/")[2]
    return files.sort_values("path", ignore_index=True)


def part(files: pd.DataFrame, images: int | None) -> pd.DataFrame:
    """At most `images` of the files, in even steps, so from every folder by its share."""
    if images is None or images >= len(files):
        return files
    every = np.unique(np.linspace(0, len(files) - 1, images).round().astype(int))
    return files.iloc[every].reset_index(drop=True)


def build(folder: Path, files: pd.DataFrame) -> Tree:
    """Draws `files` below `folder`/C-NMC_Leukemia, unless a finished set of them is there.

    Takes under a minute for all 15,114 images on two cores. Raises `DataError` if `folder`
    holds anything else.
    """
    marker = folder / MARKER
    lines = files.to_csv(index=False).encode()
    wanted = {"version": VERSION, "files": hashlib.sha256(lines).hexdigest()}
    held = storage.read_json(marker) if marker.is_file() else None
    if held is None and folder.is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder} is not empty and no drawn data set. Give another folder.")
    if held is not None and {key: held.get(key) for key in wanted} != wanted:
        raise DataError(
            f"{folder} holds another drawn data set. Delete it, or give another folder."
        )
    result = Tree(folder / "C-NMC_Leukemia", files)
    if not (held and held["finished"]):
        storage.write_json(marker, wanted | {"finished": False})
        _draw(result)
        storage.write_json(marker, wanted | {"finished": True})
    return result


def _draw(result: Tree) -> None:
    root, files = result.root, result.files
    for parent in {Path(path).parent for path in files["path"]}:
        (root / parent).mkdir(parents=True, exist_ok=True)
    cells = {label: cache(partial(_cell, label)) for label in (0, 1)}

    def place(row: tuple[str, str, int]) -> None:
        path, sha256, size = row
        image = variant(sha256, cells[label(path, sha256)])
        (root / path).write_bytes(bmp(image, size))

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = zip(files["path"], files["sha256"], files["bytes"], strict=True)
            for done, _ in enumerate(pool.map(place, rows), start=1):
                if done % 1000 == 0 or done == len(files):
                    say(f"drawing the data set: {done} of {len(files)}")
    finally:
        cv2.setNumThreads(threads)
    preliminary = files[files["path"].str.contains(f"/{PRELIMINARY}/")]
    if len(preliminary):
        _write_labels(root / "validation_data" / LABELS, preliminary)


def label(path: str, sha256: str) -> int:
    """1 = ALL, 0 = HEM: from the name where it says so, else drawn from the hash."""
    name = Path(path).stem
    if name.startswith("UID_"):
        return int(name.endswith("_all"))
    return int(int(sha256[-8:], 16) / 16**8 < ALL_SHARE)


def _cell(label: int, number: int) -> np.ndarray:
    """One cell of the bank; each is another subject's."""
    return draw_cell(subject=f"{label}-{number}", cell=0, label=label)


def variant(sha256: str, cell: Callable[[int], np.ndarray]) -> np.ndarray:
    """A cell of the bank, turned, flipped, scaled, moved and tinted as the hash has it.

    `cell` gives the bank's cells by number. Returns RGB uint8 (450, 450, 3).
    """
    rng = np.random.default_rng(int(sha256, 16))
    image = cell(int(rng.integers(BANK)))
    if rng.random() < 0.5:
        image = image[:, ::-1]
    middle = (SIZE - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), rng.uniform(0, 360), rng.uniform(0.85, 1.1))
    turn[:, 2] += rng.normal(0, 3, 2)
    image = cv2.warpAffine(image, turn, (SIZE, SIZE), flags=cv2.INTER_LINEAR)
    # Black stays black, and no other level falls to it: a segmented cell on nothing.
    levels = np.arange(256) * rng.uniform(0.8, 1.15, (3, 1))
    table = np.clip(np.rint(levels), np.arange(256) > 0, 255).astype(np.uint8)
    coloured: np.ndarray = cv2.LUT(image, table.T[None])
    return coloured


def bmp(image: np.ndarray, size: int) -> bytes:
    """The BMP file of `size` bytes with an RGB image, which is laid in the middle of 600x600.

    C-NMC has three kinds: 450x450 under the short header or the long one (version 5), and 600x600
    under the short one. Raises `DataError` for a size that is none of them.
    """
    for side, header in ((SIZE, 40), (SIZE, 124), (FINAL_SIDE, 40)):
        row = (3 * side + 3) // 4 * 4
        if size == 14 + header + side * row:
            break
    else:
        raise DataError(f"The listing has a file of {size} bytes, which no image of C-NMC has.")
    content = np.zeros((side, row), np.uint8)
    edge = (side - SIZE) // 2
    canvas = content[:, : 3 * side].reshape(side, side, 3)
    canvas[edge : edge + SIZE, edge : edge + SIZE] = image[::-1, :, ::-1]  # bottom up, BGR
    fields = [header, side, side, 1 | 24 << 16, 0, side * row, 2835, 2835, 0, 0]
    fields += [0] * ((header - 40) // 4)
    if header == 124:
        fields[14] = int.from_bytes(b"BGRs", "little")  # the colours are sRGB
        fields[27] = 4
    start = np.array([size, 0, 14 + header, *fields], "<u4").tobytes()
    return b"BM" + start + content.tobytes()


def _write_labels(file: Path, preliminary: pd.DataFrame) -> None:
    """The labels of the preliminary test phase, as the release words them."""
    rows = []
    counts = {0: 0, 1: 0}
    ordered = preliminary.assign(number=preliminary["path"].map(lambda path: int(Path(path).stem)))
    for path, sha256 in ordered.sort_values("number")[["path", "sha256"]].itertuples(index=False):
        ill = label(path, sha256)
        number, counts[ill] = counts[ill], counts[ill] + 1
        subject = SUBJECTS[ill][number % len(SUBJECTS[ill])]
        image, cell = divmod(number // len(SUBJECTS[ill]), 5)
        original = f"UID_{subject}_{image + 1}_{cell + 1}_{'all' if ill else 'hem'}.bmp"
        rows.append((original, Path(path).name, ill))
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Patient_ID", "new_names", "labels"])
        writer.writerows(rows)
