"""Run folders: `artifacts/runs/<run_id>/` is all there is to a run, and the protocol to it."""

import csv
import io
import re
import secrets
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from core import storage
from core.errors import BlastLensError, RunError
from core.runs.config import RunConfig, from_json, to_json
from core.settings import settings

UNFINISHED = ("queued", "running")
# One row an epoch. loss is what was minimised: the cross-entropy, weighted and smoothed as the
# config says, and the penalty. cross_entropy is neither weighted nor smoothed nor penalised, and so
# comparable between runs and parts. learning_rate is that of the epoch's last step.
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
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Status:
    """How a run stands.

    state: queued, running, succeeded, failed, cancelled or interrupted. phase: what the worker is
    at. done and total count images, files or steps of that phase. loss, cross_entropy, penalty and
    accuracy are means over the epoch so far. queued, heartbeat, started and finished are Unix
    times. error is the sentence to show.
    """

    state: str = "queued"
    phase: str = "waiting to start"
    done: int = 0
    total: int = 0
    epoch: int = 0
    epochs: int = 0
    loss: float | None = None
    cross_entropy: float | None = None
    penalty: float | None = None
    accuracy: float | None = None
    learning_rate: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    error: str | None = None
    queued: float = field(default_factory=time.time)
    heartbeat: float = field(default_factory=time.time)
    started: float | None = None
    finished: float | None = None

    @property
    def unfinished(self) -> bool:
        """Whether more is to come."""
        return self.state in UNFINISHED

    @property
    def share_done(self) -> float:
        """Of the present phase, 0..1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True)
class Run:
    """One run folder. Reading never fails on a half-written file; it gives what is whole."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @cached_property
    def config(self) -> RunConfig:
        """What was asked for; it never changes."""
        try:
            return from_json(self._json("config.json"))
        except TypeError as error:
            raise RunError(f"Run {self.run_id} is of another version ({error}).") from None

    @property
    def status(self) -> Status:
        """The state now; a worker whose heartbeat has stopped has been interrupted."""
        status = self.written_status
        silent = time.time() - status.heartbeat
        if status.unfinished and silent > settings().heartbeat_stale_seconds:
            facts = asdict(status) | {
                "state": "interrupted",
                "error": f"The worker stopped without a word {silent:.0f} s ago, while "
                f"{status.phase}. {self.way_on}",
            }
            return Status(**facts)
        return status

    @property
    def written_status(self) -> Status:
        """What the worker wrote last, whether it is still alive or not."""
        try:
            status = Status(**self._json("status.json"))
            _ = time.time() - status.heartbeat - status.queued  # they are numbers
        except TypeError as error:
            raise RunError(f"Run {self.run_id} is of another version ({error}).") from None
        return status

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch (`HISTORY_COLUMNS`); empty before the first."""
        whole = "".join(self._history_lines())
        if not whole:
            return pd.DataFrame(columns=list(HISTORY_COLUMNS))
        return pd.read_csv(io.StringIO(whole))

    def _history_lines(self) -> list[str]:
        """The header and the rows; a line without its end is still being written."""
        file = self.path / "history.csv"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines(keepends=True)

    @property
    def metrics(self) -> dict[str, Any] | None:
        """What was measured, by part; None before the end of the run."""
        if not (self.path / "metrics.json").exists():
            return None
        return self._json("metrics.json", "dataset", "protocol", "parts", "training")

    @property
    def predictions(self) -> pd.DataFrame:
        """image_id, subject, group, split, label, logit, probability. Raises `RunError`."""
        try:
            return pd.read_parquet(self.path / "predictions.parquet")
        except (OSError, ValueError):
            raise RunError(f"Run {self.run_id} has no predictions; it has not finished.") from None

    @property
    def calibration(self) -> dict[str, Any]:
        """How a logit becomes a probability and a call; see `core.evaluation.calibration`."""
        return self._json("calibration.json", "temperature", "threshold", "reason")

    @property
    def engine_file(self) -> Path:
        """The exported engine."""
        return self.path / "engine.xml"

    @property
    def exported_ns(self) -> int:
        """When the engine was written; changes if a run is replaced under its name. 0: never."""
        return self.engine_file.stat().st_mtime_ns if self.engine_file.exists() else 0

    @property
    def stop_requested(self) -> bool:
        """Whether someone has asked the worker to stop, or deleted the run."""
        return (self.path / "stop").exists() or not (self.path / "config.json").exists()

    def request_stop(self) -> None:
        """Asks the worker to stop, by a file that it looks for."""
        (self.path / "stop").touch()

    def write_status(self, status: Status) -> None:
        """Replaces status.json atomically; a deleted run is not brought back by it.

        On a full disk it is overwritten, so that a run can still say what it died of.
        """
        if not self.path.is_dir():
            return
        file = self.path / "status.json"
        try:
            storage.write_json(file, asdict(status))
        except OSError as problem:
            if not storage.is_full(problem) or not file.exists():
                raise
            storage.overwrite_json(file, asdict(status))

    def append_history(self, row: dict[str, Any]) -> None:
        """Adds an epoch to history.csv and flushes it."""
        file = self.path / "history.csv"
        new = not file.exists()
        with file.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, HISTORY_COLUMNS)
            if new:
                writer.writeheader()
            writer.writerow(row)

    def keep_history(self, epochs: int) -> None:
        """Drops the rows after the first `epochs`: they are to be trained again."""
        lines = self._history_lines()[: 1 + epochs] or [",".join(HISTORY_COLUMNS) + "\n"]
        with storage.atomic(self.path / "history.csv") as temporary:
            temporary.write_text("".join(lines), encoding="utf-8")

    @property
    def checkpoint_file(self) -> Path:
        """What training goes on from; there while a run with a finished epoch is not finished."""
        return self.path / "checkpoint.npz"

    @property
    def way_on(self) -> str:
        """What to do with a run that ended before its time, in a sentence."""
        if self.checkpoint_file.exists():
            return "Resume it to go on from its last finished epoch; worker.log may say more."
        return "Resume it to start over; worker.log may say more."

    def requeue(self) -> None:
        """Makes a run that failed, was stopped or was interrupted wait for its turn again.

        It goes on from its last finished epoch. Raises `RunError` if it is unfinished or succeeded.
        """
        state = self.status.state
        if state in (*UNFINISHED, "succeeded"):
            raise RunError(f"Run {self.run_id} is {state}; there is nothing to resume.")
        (self.path / "stop").unlink(missing_ok=True)
        self.write_status(Status(epochs=self.config.total_epochs))

    def _json(self, name: str, *required: str) -> Any:
        try:
            document = storage.read_json(self.path / name)
        except FileNotFoundError:
            raise RunError(
                f"Run {self.run_id} has no {name}: it is no run folder, or broken."
            ) from None
        except ValueError:
            raise RunError(f"{name} of run {self.run_id} is damaged.") from None
        lacking = set(required or ()) - set(document if isinstance(document, dict) else ())
        if lacking or not isinstance(document, dict):
            lack = f"lacks {', '.join(sorted(lacking))}" if lacking else "is no object"
            raise RunError(f"{name} of run {self.run_id} {lack}: damaged, or of another version.")
        return document


def create(config: RunConfig, run_id: str | None = None) -> Run:
    """Makes the folder with config.json and a queued status.

    `run_id` defaults to date, time, architecture and four random hex digits. Raises `RunError` if
    a given one is malformed or taken.
    """
    if run_id is None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        run_id = f"{stamp}-{config.architecture}-{secrets.token_hex(2)}"
    run = Run(_folder(run_id))
    try:
        run.path.mkdir(parents=True)
    except FileExistsError:
        raise RunError(f"There is a run {run_id} already. Choose another name.") from None
    storage.write_json(run.path / "config.json", to_json(config))
    run.write_status(Status(epochs=config.total_epochs))
    return run


def get(run_id: str) -> Run:
    """An existing run. Raises `RunError` naming those there are."""
    run = Run(_folder(run_id))
    if not (run.path / "config.json").is_file():
        there = ", ".join(run.run_id for run in runs()) or "none yet"
        raise RunError(f"There is no run {run_id!r}. Runs: {there}.")
    return run


def _folder(run_id: str) -> Path:
    if not _RUN_ID.fullmatch(run_id):
        raise RunError(f"{run_id!r} is no run name: letters, digits, '-', '_' and '.' only.")
    return storage.runs_dir() / run_id


def runs() -> list[Run]:
    """All run folders that can be read, the newest first."""
    found = []
    for file in storage.runs_dir().glob("*/config.json"):
        run = Run(file.parent)
        try:
            status, _ = run.status, run.config
        except BlastLensError:
            continue  # written by another version, or being deleted
        found.append((status.started or status.heartbeat, run))
    return [run for _, run in sorted(found, key=lambda pair: (-pair[0], pair[1].run_id))]


def finished() -> list[Run]:
    """The runs that succeeded, the newest first."""
    return [run for run in runs() if run.status.state == "succeeded"]


def active() -> Run:
    """The run that readings use: the promoted one, else the first that ever finished.

    So training another model never changes readings by itself. Raises `RunError` if none has
    finished or the promoted one is gone.
    """
    file = storage.active_file()
    if file.exists():
        try:
            return get(storage.read_json(file)["run"])
        except (RunError, ValueError, TypeError, KeyError):
            raise RunError(
                "The model chosen for readings is gone. Choose another on the Compare page."
            ) from None
    candidates = finished()
    if not candidates:
        raise RunError("No model has been trained yet. Train one first.")
    return candidates[-1]


def promote(run: Run) -> None:
    """Makes `run` the one that readings use. Raises `RunError` unless it succeeded."""
    if run.status.state != "succeeded":
        raise RunError(f"Run {run.run_id} has not succeeded, so it cannot read images.")
    storage.write_json(storage.active_file(), {"run": run.run_id})
