"""A data set of full size to measure on: the names and sizes of C-NMC 2019, drawn cells inside.

The listing of the release (path, sha256, bytes) says what to draw. Files that are identical there
are identical here; files that differ there hold different cells here.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.measure import say
from benchmarks.workbench import on_all_cores, require_real_data, temporary_folder
from core import storage
from core.data.geometry import Geometry
from core.data.images import encode
from core.data.synthetic.white_cell import SIZE, draw_cell
from core.errors import DataError

LISTING = "cnmc_full_listing.csv"
MARKER = "tree.json"
LABELS = "C-NMC_test_prelim_phase_data_labels.csv"
PRELIMINARY = "C-NMC_test_prelim_phase_data"
SHORT_HEADER, LONG_HEADER = 40, 124  # the long one is version 5
# Bytes of a file: the pixels a side, and the bytes of its header.
FILES = {
    608_454: (SIZE, SHORT_HEADER),
    608_538: (SIZE, LONG_HEADER),
    1_080_054: (600, SHORT_HEADER),
}
BANK = 100  # drawn cells of each class; every image is one of them, transformed
ALL_SHARE = 0.65  # of the test phases, whose names do not give the class
# Subjects of the preliminary test phase: as many as in the release, under numbers not taken.
SUBJECTS = {1: [str(n) for n in range(100, 113)], 0: [f"H{n}" for n in range(100, 115)]}
VERSION = 1
# As many as C-NMC has for training.
PATTERNS, PATTERN_SUBJECTS = 10_661, 100


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

    Raises `ConfigError` without a listing, `DataError` if `folder` holds something else.
    """
    files = part(listing(), images)
    with nullcontext(folder.absolute()) if folder else temporary_folder() as used:
        yield build(used, files)


def listing() -> pd.DataFrame:
    """The image files of the release: path (below C-NMC_Leukemia), sha256, bytes, by path.

    Raises `ConfigError` unless the real data hold the listing.
    """
    file = require_real_data(LISTING) / LISTING
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

    def place(file: tuple[int, str, str, int]) -> None:
        row, path, sha256, size = file
        image = variant(sha256, cells[label(path, sha256)])
        (root / path).write_bytes(bmp(image, size))
        if row % 1000 == 999:
            say(f"drawing the data set: about {row + 1} of {len(files)}")

    on_all_cores(place, files[["path", "sha256", "bytes"]].itertuples(name=None))
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

    C-NMC has the kinds of `FILES`. Raises `DataError` for a size that is none of them.
    """
    if size not in FILES:
        raise DataError(f"The listing has a file of {size} bytes, which no image of C-NMC has.")
    side, header = FILES[size]
    edge = (side - SIZE) // 2
    file = encode(np.pad(image, ((edge, edge), (edge, edge), (0, 0))), "BMP")
    if header == SHORT_HEADER:
        return file
    start = struct.pack("<2sIIII", b"BM", size, 0, 14 + header, header)
    rest = bytearray(header - SHORT_HEADER)
    rest[16:20], rest[68:72] = b"BGRs", b"\4\0\0\0"  # the colours are sRGB
    return start + file[18 : 14 + SHORT_HEADER] + bytes(rest) + file[14 + SHORT_HEADER :]


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
    table = pd.DataFrame(rows, columns=["Patient_ID", "new_names", "labels"])
    table.to_csv(file, index=False)


@contextmanager
def many_cells(folder: Path | None, images: int | None) -> Iterator[tuple[Path, int | None]]:
    """The data set in `folder`, or patterns; and how many of its cells to sample (None: all)."""
    if folder:
        with tree(folder) as drawn:
            yield drawn.root, images
    else:
        with temporary_folder() as drawn_here:
            yield draw_patterns(drawn_here / "cells", images or PATTERNS), None


def draw_patterns(root: Path, images: int) -> Path:
    """Smooth noise in the layout of C-NMC, as small BMP files: quick to draw, no two alike."""
    side = Geometry().size
    folder = root / "C-NMC_Leukemia" / "training_data" / "fold_0"
    for label in ("all", "hem"):
        (folder / label).mkdir(parents=True)

    def draw(number: int) -> None:
        coarse = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        picture = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR)
        subject, label = number % PATTERN_SUBJECTS, ("all", "hem")[number % 2]
        name = f"UID_{'H' * (number % 2)}{subject}_{number // PATTERN_SUBJECTS + 1}_1_{label}.bmp"
        (folder / label / name).write_bytes(encode(picture, "BMP"))

    on_all_cores(draw, range(images))
    return root
