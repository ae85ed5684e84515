"""The documents of a cohort: plan.json, summary.json, and manifest.parquet, the list of pictures.

The manifest has one row group a chunk, so that it is written, and read, a chunk at a time.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from pydantic import Field

from core import storage
from core.cohort.source import ListedPicture, Source, pictures
from core.data.pixel_cache import CELL
from core.documents import Document
from core.errors import DataError, RunError
from core.reading.preparing.options import ReadingOptions
from core.runs import active_model, run_store
from core.runs.run_store import Run
from core.untrusted.fields import Count, Instant, Line, Place, Share

CHUNK = 128  # pictures: some seconds of work, and one file
# The first chunks are smaller, so that a small cohort keeps all workers busy.
SMALL, SMALL_CHUNKS = 16, 32
_MANIFEST = pa.schema(
    [
        ("path", pa.string()),
        ("subject", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
    ]
)
_DIGEST = b"blastlens.digest"
_ELSEWHERE = "Score it into another folder (--out)."


Numbered = tuple[int, ListedPicture]


class CohortPlan(Document):
    """The plan of a cohort, plan.json, of which only `workers` can change.

    run: the run that reads; engine and files: the digests of its engine and of what it reads with,
    as `core.runs.active_model.Promotion` has them. um_per_px, adapt_stain, swap_red_blue: see
    `ReadingOptions`. threshold: of the run's calibration. parts: where the parts go, a path below
    the cohort's folder or a URL. workers: processes that read; None for as
    many as the machine allows. created: Unix time.
    """

    FORMAT: ClassVar[int] = 1

    source: Source
    run: Line
    engine: Line
    files: dict[Line, Line | None]
    threshold: Share
    um_per_px: Annotated[float, Field(gt=0, le=1000)] | None = None
    adapt_stain: bool = False
    swap_red_blue: bool = False
    parts: Place = "parts"
    chunk_size: Annotated[int, Field(ge=1, le=100_000)] = CHUNK
    workers: Annotated[int, Field(ge=1, le=10_000)] | None = None
    created: Instant

    @property
    def options(self) -> ReadingOptions:
        """How every picture is read."""
        return ReadingOptions(self.swap_red_blue, self.um_per_px, self.adapt_stain)

    def model(self) -> Run:
        """The run that reads. Raises `RunError` if it is gone or reads otherwise by now."""
        run = run_store.get(self.run)
        now = digests(run)
        changed = [name for name, digest in self.files.items() if now[1].get(name) != digest]
        if now[0] != self.engine:
            changed.insert(0, "engine.xml")
        if changed:
            raise RunError(
                f"{' and '.join(changed)} of run {self.run} changed since this cohort was begun, "
                "so that its parts would not be of one model. Undo that (an operating point can be "
                f"set back), or: {_ELSEWHERE}"
            )
        return run


class CohortSummary(Document):
    """The sum of a cohort, summary.json.

    pictures = cells + fields + refused. calls: of pictures of one cell and of cells of fields, by
    call. refused_by: of both, by the code of the check. copies: pictures whose bytes are those of
    an earlier one; of one patient they count once. known: pictures of cells that the model was
    trained or tested on. without_subject: pictures of no known patient. item: what the model reads,
    "cell", or "image" of one that sees whole images, which are its cells here.
    """

    pictures: Count = 0
    cells: Count = 0
    fields: Count = 0
    refused: Count = 0
    field_cells: Count = 0
    calls: dict[Line, Count] = Field(default_factory=dict)
    refused_by: dict[Line, Count] = Field(default_factory=dict)
    copies: Count = 0
    known: Count = 0
    patients: Count = 0
    without_subject: Count = 0
    item: Line = CELL


def digests(run: Run) -> tuple[str, dict[str, str | None]]:
    """The digests of a run's engine and of what it reads with. Raises `RunError` without one."""
    run_store.require_model(run)
    files = {
        name: storage.sha256(file) if (file := run.path / name).exists() else None
        for name in active_model.FILES
    }
    return run.engine_digest or "", files


class Manifest:
    """The pictures of a cohort, manifest.parquet, in chunks."""

    def __init__(self, file: Path) -> None:
        """Opens a manifest that `write_manifest` wrote. Raises `DataError` if it is damaged."""
        try:
            self._file = parquet.ParquetFile(file)
            self.digest = self._file.metadata.metadata[_DIGEST].decode()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file} is damaged ({error}). {_ELSEWHERE}") from None
        self.file = file

    @property
    def pictures(self) -> int:
        """The number of pictures."""
        return int(self._file.metadata.num_rows)

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return int(self._file.num_row_groups)

    def size(self, chunk: int) -> int:
        """The number of pictures in a chunk."""
        return int(self._file.metadata.row_group(chunk).num_rows)

    def read(self, chunk: int) -> list[Numbered]:
        """The pictures of a chunk, with their numbers."""
        small = min(chunk, SMALL_CHUNKS)  # all others but the last have one size
        first = sum(map(self.size, range(small)))
        if chunk > small:
            first += (chunk - small) * self.size(small)
        rows = self._file.read_row_group(chunk).to_pylist()
        return [(number, ListedPicture(**row)) for number, row in enumerate(rows, start=first)]

    def __iter__(self) -> Iterator[ListedPicture]:
        """All pictures, a chunk at a time."""
        for chunk in range(self.chunks):
            for row in self._file.read_row_group(chunk).to_pylist():
                yield ListedPicture(**row)


def write_manifest(
    file: Path, source: Source, chunk_size: int, progress: Callable[[int, int], object]
) -> None:
    """Lists a source. `progress` gets the number of pictures so far, and 0.

    Raises `DataError` if the source has no picture, and as `core.cohort.source.pictures` does.
    """
    digest, number = 0, 0
    with storage.atomic(file) as temporary:
        with parquet.ParquetWriter(temporary, _MANIFEST) as writer:
            listed = pictures(source)
            sizes = chain(repeat(min(SMALL, chunk_size), SMALL_CHUNKS), repeat(chunk_size))
            while chunk := list(islice(listed, next(sizes))):
                writer.write_table(_table(chunk))
                digest += sum(map(_mark, chunk))
                number += len(chunk)
                progress(number, 0)
            writer.add_key_value_metadata({_DIGEST: _text(digest)})
        if not number:
            raise DataError(f"{source.place} holds no picture. Check the path.")


def require_unchanged(
    manifest: Manifest, source: Source, progress: Callable[[int, int], object]
) -> None:
    """Raises `DataError` if the source has other pictures by now than the manifest lists."""
    digest, number = 0, 0
    for number, listed in enumerate(pictures(source), start=1):
        digest += _mark(listed)
        if number % 1000 == 0:
            progress(number, manifest.pictures)
    if _text(digest) != manifest.digest:
        raise DataError(
            f"{source.place} changed since this cohort was begun: it had {manifest.pictures:,} "
            f"pictures and has {number:,}, and {_changed(manifest, source)} is not as it was. "
            f"Bring back what was there, or: {_ELSEWHERE}"
        )


def _changed(manifest: Manifest, source: Source) -> str:
    """The path of a picture that is new, gone or another by now; keeps 8 bytes a picture."""
    before, now = _hashes(manifest), _hashes(pictures(source))
    for listed, others in ((pictures(source), before), (manifest, now)):
        for one in listed:
            mark = np.uint64(_mark(one) & (2**64 - 1))
            place = int(np.searchsorted(others, mark))
            if place == len(others) or others[place] != mark:
                return one.path
    return "a picture"  # one that is listed more or less often than before


def _hashes(listed: Iterable[ListedPicture]) -> np.ndarray:
    marks = np.fromiter((_mark(one) & (2**64 - 1) for one in listed), np.uint64)
    marks.sort()
    return marks


def _mark(listed: ListedPicture) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(map(str, listed)).encode()).digest())


def _text(digest: int) -> str:
    """The sum of the marks, which does not depend on the order of the pictures: 64 hex digits."""
    return f"{digest % 2**256:064x}"


def _table(chunk: Iterable[ListedPicture]) -> pa.Table:
    return pa.Table.from_arrays(list(map(pa.array, zip(*chunk, strict=True))), schema=_MANIFEST)
