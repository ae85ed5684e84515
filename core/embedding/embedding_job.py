"""The drawing of a map, a job: its folder is named after what the map is of, and keeps it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import pandas as pd
from pydantic import model_validator

from core import storage
from core.data import measures
from core.data.indexing import Index, digest
from core.documents import Choices, Document
from core.embedding import embedding_map
from core.embedding.embedding_map import EmbeddingMap
from core.embedding.projection import METHODS
from core.jobs.job import Job, Status
from core.runs.run_store import Run
from core.untrusted.fields import Place

VERSION = "1"  # of how maps are drawn
KEPT = 12  # maps, those used last


class MapRequest(Document):
    """request.json of a map: the folder of the run, or the root of the data set, that it is of."""

    method: Annotated[str, Choices(tuple(METHODS))]
    run: Place | None = None
    root: Place | None = None

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.run is None) == (self.root is None):
            raise ValueError("it names a run or a data set, not both or neither")
        return self


@dataclass(frozen=True)
class EmbeddingJob(Job):
    """The folder of one map."""

    KIND = "map"
    REQUEST = "request.json"
    DOING = "drawing this map"

    @property
    def request(self) -> MapRequest:
        """What is drawn, and how. Raises `RunError` if the file is missing or damaged."""
        return MapRequest.read(self.path / self.REQUEST)

    @property
    def file(self) -> Path:
        """The finished map."""
        return self.path / "map.npz"

    @property
    def map(self) -> EmbeddingMap | None:
        """The finished map; None before. Raises `DataError` if it is damaged."""
        return embedding_map.load(self.file) if self.file.is_file() else None

    def _first_status(self) -> Status:
        return Status(phase="starting")


def of_data_set(index: Index, method: str) -> EmbeddingJob:
    """The job that draws the map of a data set by the measures of its cells."""
    key = [*sorted(index.cells["sha256"]), "measures", str(measures.VERSION)]
    return _job(key, method, root=str(index.root))


def of_run(run: Run, method: str) -> EmbeddingJob:
    """The job that draws the map of a run's cells as its network sees them."""
    cells = pd.read_parquet(run.path / "split.parquet", columns=["sha256"])
    key = [*sorted(cells["sha256"]), "run", run.run_id, str(run.engine_digest)]
    return _job(key, method, run=str(run.path.absolute()))


def _job(key: list[str], method: str, **of: str) -> EmbeddingJob:
    job = EmbeddingJob(storage.embedding_dir(digest([*key, method, VERSION])))
    if job.deleted:
        _make_room(job)
        MapRequest.parse({**of, "method": method}).write(job.path / job.REQUEST)
    return job


def _make_room(job: EmbeddingJob) -> None:
    folders = sorted(
        (folder for folder in job.path.parent.glob("*") if folder.is_dir()),
        key=lambda folder: folder.stat().st_mtime,
        reverse=True,
    )
    for old in folders[KEPT - 1 :]:
        if not EmbeddingJob(old).status.unfinished:
            shutil.rmtree(old, ignore_errors=True)
