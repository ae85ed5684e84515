"""What the jobs find: an artifacts folder, and the files that are dropped on the app."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import read_case
from benchmarks.measure import Options, say
from benchmarks.tree import tree
from benchmarks.workbench import artifacts, temporary_folder, variable
from core import storage
from core.archive import archive
from core.cases import case_store, database
from core.data import datasets, measures
from core.data.images import encode
from core.data.synthetic.dataset import write_dataset
from core.data.synthetic.smear_field import draw_field
from core.runs import run_store
from core.settings import PROJECT

BATCH = 30  # cells
CASE_CELLS = 24
ADDED_CELLS, ADDED_SUBJECTS = 60, 6
FIELD = (1200, 1600)
ELSEWHERE = "from-elsewhere"


@dataclass(frozen=True)
class Prepared:
    """cells: `BATCH` files. folder: a data set that the app does not know yet. cell_count: of the
    data set that it knows.
    """

    cells: list[Path]
    field: Path
    case: str
    archive: Path
    folder: Path
    cell_count: int
    kept: Path
    artifacts: Path

    def restore(self) -> None:
        """Puts the artifacts back as they were before any job."""
        # Moved first: a worker that the app has started may still write there.
        used = self.artifacts.rename(self.artifacts.with_name("used"))
        shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(self.kept, self.artifacts)


@contextmanager
def prepare(options: Options) -> Iterator[Prepared]:
    """Everything in a temporary folder, or in `options.tree`, where it is used again.

    The data set is the demo set, or with `options.images` a drawn one of the size of C-NMC 2019 or
    a part of it, which needs the real data's listing.
    """
    with temporary_folder() as temporary:
        folder = (options.tree or temporary).absolute()
        used = folder / "artifacts"
        if not used.exists():
            for part in ("runs", "examples"):
                shutil.copytree(PROJECT / "artifacts" / part, used / part)
        with variable("BLASTLENS_DATA_ROOTS", folder), artifacts(used):
            if options.images:
                with tree(folder / "cells", options.images) as drawn:
                    yield _prepare(folder, temporary, drawn.root)
            else:
                if storage.demo_dir() not in datasets.known():
                    say("drawing the demo set")
                    write_dataset(storage.demo_dir())
                yield _prepare(folder, temporary, storage.demo_dir())


def _prepare(folder: Path, temporary: Path, root: Path) -> Prepared:
    say("indexing and measuring the data set")
    index = datasets.index(root)
    if root != storage.demo_dir():
        datasets.add(str(root))
    measures.measure(index)
    if not case_store.cases():
        read_case(CASE_CELLS)
    (case,) = case_store.cases()
    database.forget()
    field = temporary / "field.png"
    field.write_bytes(encode(draw_field(seed=5, blasts=4, lymphocytes=3, size=FIELD).image))
    packed = temporary / f"{ELSEWHERE}{archive.SUFFIX}"
    packed.write_bytes(_packed())
    more = folder / "more"
    if not more.exists():
        write_dataset(more, cells=ADDED_CELLS, subjects=ADDED_SUBJECTS, seed=3)
    names = index.cells["image_id"]
    return Prepared(
        cells=[index.path(name) for name in names[:: len(names) // BATCH][:BATCH]],
        field=field,
        case=case.name,
        archive=packed,
        folder=more,
        cell_count=len(names),
        kept=shutil.copytree(folder / "artifacts", temporary / "kept"),
        artifacts=folder / "artifacts",
    )


def _packed() -> bytes:
    """The archive of a run whose name is free here."""
    moved = storage.runs_dir() / ELSEWHERE
    shutil.copytree(run_store.models()[0].path, moved)
    try:
        return archive.packed(run_store.get(ELSEWHERE))
    finally:
        shutil.rmtree(moved)
