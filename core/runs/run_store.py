"""Run folders: all files of a run are in `artifacts/runs/<run_id>/`."""

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

import pandas as pd

from core import storage
from core.cells.staining import Normaliser
from core.data.geometry import Geometry
from core.data.images import PIXELS
from core.errors import RunError, disk_errors
from core.jobs import naming
from core.jobs.job import Job, Status
from core.jobs.listing import newest_first
from core.runs import evaluations
from core.runs.adoption import Adoption
from core.runs.calibration import Calibration
from core.runs.config import RunConfig
from core.runs.evaluations import Evaluation
from core.runs.import_record import ImportRecord
from core.runs.metrics import RunMetrics
from core.runs.stain import Stain, kept
from core.untrusted.fields import is_file_name

# One row an epoch. loss is the minimised loss: the cross-entropy, weighted and smoothed as
# configured, plus the penalty. cross_entropy is not weighted, smoothed or penalised, so that it is
# comparable between runs and parts. learning_rate is that of the last step of the epoch.
HISTORY_COLUMNS = (
    "epoch",
    "stage",
    "loss",
    "cross_entropy",
    "penalty",
    "accuracy",
    "validation_cross_entropy",
    "validation_accuracy",
    "learning_rate",
    "images_per_second",
    "seconds",
)
STAGES = ("training", "fine-tuning")
ADOPTION = "adoption.json"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
MOST_SIDE = 1024  # pixels: above the input of any network here, and within memory


@dataclass(frozen=True)
class Run(Job):
    """One run folder. Files may be read while they are written."""

    KIND = "run"
    REQUEST = "config.json"
    STATUS_REQUIRED = True
    DOING = "training this run"
    LESS_MEMORY = "Train with a smaller batch or sample."

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @cached_property
    def config(self) -> RunConfig:
        """The configuration, which never changes."""
        return RunConfig.read(self.path / "config.json")

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch (`HISTORY_COLUMNS`); empty before the first."""
        lines = "".join(self._history_lines())
        if not lines:
            return pd.DataFrame(columns=list(HISTORY_COLUMNS))
        return pd.read_csv(io.StringIO(lines))

    def _history_lines(self) -> list[str]:
        """The header and the rows; a last line without a line end is still being written."""
        file = self.path / "history.csv"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines(keepends=True)

    @property
    def metrics(self) -> RunMetrics | None:
        """The measurements; None before the end of the run."""
        file = self.path / "metrics.json"
        return RunMetrics.read(file) if file.exists() else None

    @property
    def geometry(self) -> Geometry:
        """The input geometry that the model was trained with.

        Raises `RunError` if metrics.json lacks it or BlastLens does not support it.
        """
        preprocessing = self.metrics.preprocessing if self.metrics else None
        if isinstance(preprocessing, dict) and preprocessing.get("pixels") == PIXELS:
            window, size = preprocessing.get("window"), preprocessing.get("size")
            if _is_side(window) and _is_side(size):
                return Geometry(window, size)
        raise RunError(
            f"metrics.json of run {self.run_id} says that its model is fed {preprocessing!r:.200}; "
            f'BlastLens can feed "window" and "size" of 1 to {MOST_SIDE} pixels and "pixels" as '
            f"{PIXELS!r}. Train the run again."
        )

    @property
    def predictions(self) -> pd.DataFrame:
        """image_id, subject, group, split, label, logit, probability of each cell.

        Raises `RunError` if the run has none.
        """
        try:
            return pd.read_parquet(self.path / "predictions.parquet")
        except (OSError, ValueError):
            raise RunError(
                f"Run {self.run_id} has no predictions; it has not finished. Wait, or resume it."
            ) from None

    @property
    def calibration(self) -> Calibration:
        """How a logit becomes a probability and a call."""
        return Calibration.read(self.path / "calibration.json")

    @property
    def calibration_ns(self) -> int:
        """Time of the calibration file, which changes with the operating point; 0 without it."""
        file = self.path / "calibration.json"
        return file.stat().st_mtime_ns if file.exists() else 0

    @property
    def stain_file(self) -> Path:
        """The colours of the training cells."""
        return self.path / "stain.json"

    @property
    def stain(self) -> Stain | None:
        """The colours of the training cells, as `core.runs.stain.kept` has them."""
        return kept(self.stain_file, self.config)

    @property
    def normaliser(self) -> Normaliser | None:
        """What is done to the colours of a cell before the network sees it; None if nothing."""
        stain = self.stain
        return stain.normaliser if stain else None

    @property
    def evaluations(self) -> list[Evaluation]:
        """Measurements on other data sets; see `core.evaluation.evaluate`."""
        return evaluations.read(self.path / "evaluations.json")

    @property
    def engine_file(self) -> Path:
        """The exported engine."""
        return self.path / "engine.xml"

    @property
    def exported_ns(self) -> int:
        """Time of the engine file, which changes if the run is replaced; 0 without it."""
        return self.engine_file.stat().st_mtime_ns if self.engine_file.exists() else 0

    @property
    def engine_digest(self) -> str | None:
        """SHA-256 of graph and weights of the engine, 64 hex digits; None before the export."""
        parts = (self.engine_file, self.engine_file.with_suffix(".bin"))
        if not all(part.is_file() for part in parts):
            return None
        return hashlib.sha256("".join(map(storage.sha256, parts)).encode()).hexdigest()

    @property
    def imported(self) -> ImportRecord | None:
        """The record of the import; None if the run was trained here."""
        file = self.path / "import.json"
        return ImportRecord.read(file) if file.exists() else None

    @property
    def adoption(self) -> Adoption | None:
        """What is known of a model that was trained elsewhere; None if BlastLens trained it."""
        file = self.path / ADOPTION
        return Adoption.read(file) if file.exists() else None

    @property
    def arrived(self) -> float:
        """Unix time of the import, or of the start of the training."""
        record = self.imported
        return record.at if record else self.status.started or self.status.heartbeat

    def append_history(self, row: Mapping[str, float | str]) -> None:
        """Adds an epoch to history.csv and flushes it."""
        file = self.path / "history.csv"
        new = not file.exists()
        with disk_errors(file), file.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, HISTORY_COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow(row)

    def keep_history(self, epochs: int) -> None:
        """Removes the rows after the first `epochs`, which will be trained again."""
        lines = self._history_lines()[: 1 + epochs] or [",".join(HISTORY_COLUMNS) + "\n"]
        storage.write_bytes(self.path / "history.csv", "".join(lines).encode())

    @property
    def checkpoint_file(self) -> Path:
        """The state to resume training from; exists between the first epoch and the end."""
        return self.path / "checkpoint.npz"

    @property
    def remedy(self) -> str:
        if self.checkpoint_file.exists():
            return "Resume it to go on from its last finished epoch; worker.log may say more."
        return "Resume it to start over; worker.log may say more."

    def _first_status(self) -> Status:
        return Status(epochs=self.config.total_epochs)


def _is_side(pixels: object) -> TypeGuard[int]:
    return type(pixels) is int and 0 < pixels <= MOST_SIDE


def create(config: RunConfig, run_id: str | None = None) -> Run:
    """Makes the folder with config.json and a queued status.

    `run_id` defaults to date, time, architecture and four random hex digits. Raises `RunError` if
    a given one is malformed or taken.
    """
    if run_id is None:
        prefix = f"{naming.now()}-{config.architecture}"
        run_id = naming.free_name(prefix, storage.runs_dir())
    target = folder(run_id)
    try:
        with storage.new_folder(target) as made:
            config.write(made / "config.json")
            run = Run(made)
            run.write_status(run._first_status())
    except FileExistsError:
        whole = (target / Run.REQUEST).exists()
        state = "" if whole else ", or what remains of it (blastlens clean removes that)"
        raise RunError(f"There is a run {run_id} already{state}. Choose another name.") from None
    return Run(target)


def get(run_id: str) -> Run:
    """Returns an existing run. Raises `RunError`, with the names of all runs, if it is missing."""
    run = Run(folder(run_id))
    if not (run.path / "config.json").is_file():
        names = ", ".join(run.run_id for run in runs()) or "none yet"
        raise RunError(f"There is no run {run_id!r}. Runs: {names}.")
    return run


def folder(run_id: str) -> Path:
    """Returns the folder for a run of that name. Raises `RunError` if the name is invalid."""
    if not _RUN_ID.fullmatch(run_id) or not is_file_name(run_id):
        raise RunError(
            f"{run_id[:120]!r} is not a run name: up to 100 letters, digits, '-', '_' and '.' "
            "only, no '.' at the end, and no name of a device, such as con or nul.txt."
        )
    return storage.runs_dir() / run_id


def runs() -> list[Run]:
    """Returns all runs whose folder can be read, the newest first."""
    files = storage.runs_dir().glob(f"[!.]*/{Run.REQUEST}")
    return newest_first((Run(file.parent) for file in files), lambda run: run.config)


def finished() -> list[Run]:
    """Returns the runs that succeeded, the newest first."""
    return [run for run in runs() if run.status.state == "succeeded"]


def models() -> list[Run]:
    """Returns the finished runs that readings can use, the newest first: all but controls."""
    return [run for run in finished() if not run.config.is_control]


def stands_alone(run: Run) -> bool:
    """Whether a run is neither a control nor a fold of a cross-validation."""
    return not run.config.is_control and not run.config.folds


def require_model(run: Run) -> None:
    """Raises `RunError` if the run is a control, which cannot read cells."""
    if run.config.is_control:
        raise RunError(
            f"Run {run.run_id} is a control, trained on the {run.config.inputs} of the cells alone,"
            " so it cannot read images. Choose a run trained on whole cells."
        )
