"""The folder of one cohort.

plan.json (written first), status.json, manifest.parquet, parts (unless they go to a URL), attempts
(of chunks that are being read), summary.json, patients.parquet and copies.parquet (when all parts
are there), `stop` and worker.log.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import dataset, fs, parquet

from core import leftovers
from core.cohort.places import file_system, is_url
from core.cohort.plan import (
    CohortPlan,
    CohortSummary,
    Manifest,
    require_unchanged,
    write_manifest,
)
from core.cohort.rows import SCHEMA
from core.errors import disk_errors
from core.jobs.job import Job

PLAN = "plan.json"
_PARTS_AT_ONCE = 128
_PART = re.compile(r"part-(\d{6,})-([0-9a-f]{12})\.parquet")


@dataclass(frozen=True)
class Cohort(Job):
    """One cohort; its status counts pictures."""

    KIND = "cohort"
    REQUEST = PLAN
    STATUS_REQUIRED = True
    DOING = "scoring this cohort"
    PREPOSITION = "at"
    LESS_MEMORY = "Score with fewer workers (--workers)."

    @property
    def remedy(self) -> str:
        return "Resume it: what is scored is kept; worker.log may say more."

    @cached_property
    def plan(self) -> CohortPlan:
        """The plan. Raises `RunError` if it is damaged."""
        return CohortPlan.read(self.path / PLAN)

    @property
    def manifest_file(self) -> Path:
        return self.path / "manifest.parquet"

    @property
    def listed(self) -> bool:
        """Whether the pictures have been listed."""
        return self.manifest_file.exists()

    @cached_property
    def manifest(self) -> Manifest:
        """The list of the pictures. Raises `DataError` if it is missing or damaged."""
        return Manifest(self.manifest_file)

    def list_pictures(self, progress: Callable[[int, int], object]) -> None:
        """Lists the source; or, if it was listed before, raises `DataError` if it has changed."""
        if self.listed:
            require_unchanged(self.manifest, self.plan.source, progress)
        else:
            write_manifest(self.manifest_file, self.plan.source, self.plan.chunk_size, progress)

    @cached_property
    def digest(self) -> str:
        """What parts rest on: model, what is said of pictures, and which; 12 hex digits."""
        plan = self.plan
        said = (plan.um_per_px, plan.adapt_stain, plan.swap_red_blue)
        rests_on = (plan.engine, plan.files, said, self.manifest.digest)
        text = json.dumps(rests_on, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def _place(self) -> tuple[Any, str]:
        parts = self.plan.parts
        return file_system(parts if is_url(parts) else str(self.path / parts))

    @property
    def parts_place(self) -> str:
        """Where the parts lie, a path or a URL."""
        return self.plan.parts if is_url(self.plan.parts) else str(self.path / self.plan.parts)

    @property
    def done(self) -> set[int]:
        """The chunks that have a part."""
        return set(self._parts())

    def has_part(self, chunk: int) -> bool:
        """Whether a chunk has its part."""
        system, folder = self._place
        return bool(system.get_file_info(f"{folder}/{self._name(chunk)}").type == fs.FileType.File)

    def part(self, chunk: int) -> pa.Table:
        """The rows of a chunk that has its part."""
        return self._dataset([f"{self._place[1]}/{self._name(chunk)}"]).to_table()

    def _parts(self) -> dict[int, str]:
        """The path of each part, by chunk, in their order."""
        system, folder = self._place
        selector = fs.FileSelector(folder, allow_not_found=True)
        matches = (_PART.fullmatch(info.base_name) for info in system.get_file_info(selector))
        found = sorted((int(one[1]), one[0]) for one in matches if one and one[2] == self.digest)
        return {number: f"{folder}/{name}" for number, name in found}

    def _name(self, chunk: int) -> str:
        return f"part-{chunk:06}-{self.digest}.parquet"

    def write_part(self, chunk: int, rows: pa.Table) -> None:
        """Writes the part of a chunk, which appears whole or not at all."""
        system, folder = self._place
        temporary = f"{folder}/.{self._name(chunk)}-{secrets.token_hex(4)}"
        with disk_errors(folder):
            system.create_dir(folder, recursive=True)
            try:
                with system.open_output_stream(temporary) as stream:
                    parquet.write_table(rows, stream)
                system.move(temporary, f"{folder}/{self._name(chunk)}")
            except BaseException:
                with suppress(OSError):
                    system.delete_file(temporary)
                raise

    def rows(self) -> Any:
        """The rows of all parts, a `pyarrow.dataset.Dataset` in the order of the pictures."""
        return self._dataset(list(self._parts().values()))

    def batches(self, columns: list[str], filter: Any = None) -> Iterator[pa.RecordBatch]:
        """The rows of all parts in the order of the pictures, some at a time.

        `filter` is a `pyarrow.compute.Expression`. A dataset keeps some 60 KB of each part that it
        has read, so that memory would grow with their number: here they are read a few at a time.
        """
        parts = list(self._parts().values())
        for start in range(0, len(parts), _PARTS_AT_ONCE):
            some = self._dataset(parts[start : start + _PARTS_AT_ONCE])
            yield from some.to_batches(columns=columns, filter=filter)

    def _dataset(self, parts: list[str]) -> Any:
        return dataset.dataset(parts, schema=SCHEMA, filesystem=self._place[0])

    @property
    def summary(self) -> CohortSummary | None:
        """The sum of all parts; None before all are there."""
        return CohortSummary.read(self.summary_file) if self.summary_file.exists() else None

    @property
    def summary_file(self) -> Path:
        return self.path / "summary.json"

    @property
    def patients_file(self) -> Path:
        """The sum of each patient."""
        return self.path / "patients.parquet"

    @property
    def copies_file(self) -> Path:
        """The pictures that are copies of others."""
        return self.path / "copies.parquet"

    def attempt_file(self, chunk: int) -> Path:
        """The file of a chunk that is being read; see `core.cohort.attempts`."""
        return self.path / "attempts" / f"{chunk}.json"

    def forget_attempts(self) -> None:
        """Removes what was noted of chunks that nobody reads any more."""
        for file in (self.path / "attempts").glob("*.json"):
            file.unlink(missing_ok=True)

    def sweep_unfinished(self) -> None:
        """Removes what died half-written; no process may write."""
        leftovers.sweep(self.path)
        system, folder = self._place
        for info in system.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
            if info.base_name.startswith(".part-"):
                system.delete_file(info.path)
