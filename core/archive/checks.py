"""Checks the files of an imported run.

To include a new file in archives, add it to `FILES` with the function that checks it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from core.archive import array_file, engine_file, keras_file
from core.data.splits import PARTS
from core.errors import BlastLensError, RunError
from core.jobs.job import Status
from core.models import device
from core.models.catalog import ADOPTED
from core.models.engine import Engine
from core.runs import about, evaluations
from core.runs.about import About
from core.runs.adoption import Adoption
from core.runs.calibration import Calibration
from core.runs.card_texts import CardTexts
from core.runs.config import MAX_EPOCHS, RunConfig
from core.runs.metrics import RunMetrics
from core.runs.run_store import ADOPTION, HISTORY_COLUMNS, STAGES, Run
from core.runs.stain import Stain
from core.settings import settings
from core.untrusted import fields, parquet_file


def require(run: Run) -> None:
    """Raises `RunError`, with file and rule, unless every file in the folder is valid."""
    for name, kind in FILES.items():
        file = run.path / name
        if not file.exists():
            continue
        try:
            if file.stat().st_size > most_bytes(name):
                raise RunError(
                    f"It is larger than the limit of {most_bytes(name):,} bytes. Do not use it."
                )
            kind.check(file)
        except BlastLensError as error:
            raise RunError(f"{name} is refused. {error}") from None
        except MemoryError:
            raise
        except Exception as error:  # what libraries raise for a made-up file is of many kinds
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise RunError(
                f"{name} is refused: it is damaged or of another version ({reason}). Export the "
                "run again."
            ) from None
    _ = run.stain  # raises if it is not what config.json asks for
    _require_same_cells(run)
    _require_reads(run)


def _require_reads(run: Run) -> None:
    """Raises `RunError` unless the engine reads a black picture, and gives a number."""
    side = run.geometry.size
    try:
        output = Engine(run.engine_file, device.ONLY_CPU)(np.zeros((1, side, side, 3), np.uint8))
    except (BlastLensError, LookupError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise RunError(
            f"engine.xml is refused. OpenVINO cannot compute with it ({reason}). Export the run "
            "again."
        ) from None
    if output.logit.shape != (1,) or not np.isfinite(output.logit).all():
        raise RunError(
            "engine.xml is refused. It gives no number for a picture. Export the run again."
        )


def _require_same_cells(run: Run) -> None:
    """Raises `RunError` unless the files speak of equally many cells of each part."""
    measured = run.metrics
    assert measured is not None
    counts = {part: measured.parts[part].images for part in PARTS}
    for name in ("split.parquet", "predictions.parquet"):
        cells = pd.read_parquet(run.path / name, columns=["image_id", "split"])
        found = cells["split"].value_counts().to_dict()
        if found != counts or not cells["image_id"].is_unique:
            raise RunError(
                f"{name} is refused. It has {found} cells, one twice or not as many as in "
                f"metrics.json, {counts}. Export the run again."
            )
    reference = run.path / "reference.npz"
    trained_on = (counts["train"],)
    if reference.exists() and array_file.shapes(reference)["features"][:1] != trained_on:
        raise RunError(
            f"reference.npz is refused. It is of other cells than the {counts['train']:,} of the "
            "training part. Export the run again."
        )


def _adoption(file: Path) -> None:
    Adoption.read(file)


def _config(file: Path) -> None:
    adopted = RunConfig.read(file).architecture == ADOPTED.key
    if adopted != (file.parent / ADOPTION).exists():
        raise RunError(
            f"An adopted run has {ADOPTION}, and no other run has it. Export the run again."
        )


def _status(file: Path) -> None:
    status = Status.read(file)
    if status.state != "succeeded":
        raise RunError(
            f"Its state is {status.state!r}; only a run that succeeded is imported. Export one "
            "that did."
        )


def _metrics(file: Path) -> None:
    missing = set(PARTS) - set(RunMetrics.read(file).parts)
    if missing:
        raise RunError(
            "It is damaged or of another version: it lacks the part "
            f"{', '.join(sorted(missing))}. Export the run again."
        )


def _calibration(file: Path) -> None:
    Calibration.read(file)


def _stain(file: Path) -> None:
    Stain.read(file)


def _evaluations(file: Path) -> None:
    evaluations.read(file)


def _about(file: Path) -> None:
    About.read(file)


def _texts(file: Path) -> None:
    CardTexts.read(file)


def _history(file: Path) -> None:
    table = Run(file.parent).history
    if tuple(table.columns) != HISTORY_COLUMNS or len(table) > 2 * MAX_EPOCHS:
        raise ValueError(f"its columns are not {', '.join(HISTORY_COLUMNS)}")
    if table.empty:  # of a model that was trained elsewhere
        return
    numbers = table.drop(columns="stage")
    if not set(table["stage"]) <= set(STAGES) or not all(k.kind in "if" for k in numbers.dtypes):
        raise ValueError("a column holds what is not a number")


_ROWS = {
    "image_id": "text",
    "subject": "text or nothing",
    "group": "text or nothing",
    "split": "text",
    "label": "whole number",
}
# Columns of which every row must have a value.
_FILLED = {"image_id", "split", "label", "sha256", "logit", "probability"}


def _split(file: Path) -> None:
    _table(file, _ROWS | {"sha256": "text"})


def _predictions(file: Path) -> None:
    _table(file, _ROWS | {"logit": "number", "probability": "number"})


def _table(file: Path, columns: dict[str, str]) -> None:
    """Requires a table of the cells of all parts of the data, with values that can be used."""
    found: set[str] = set()
    for part in parquet_file.parts(file, columns):
        values = {name: part[name].to_pandas() for name in columns}
        for name in _FILLED & set(columns):
            if values[name].isna().any():
                raise ValueError(f"a row has no {name}")
        for name in ("image_id", "subject", "group"):
            for text in values[name].dropna().unique():
                if not fields.is_line(text):
                    raise RunError(
                        f"{name} has {text[:100]!r}, which has characters that do not show. Do "
                        "not use it."
                    )
        for name in values["image_id"].unique():
            _require_inside(name)
        found |= set(values["split"].unique())
        if not found <= set(PARTS) or not set(values["label"].unique()) <= {0, 1}:
            raise ValueError("a split or label is none that a run can have")
        if "logit" in columns and not (
            values["probability"].between(0, 1).all() and np.isfinite(values["logit"]).all()
        ):
            raise ValueError("a probability lies outside 0..1, or a logit is not a number")
    if missing := set(PARTS) - found:
        raise RunError(
            f"It has no cell of the part {', '.join(sorted(missing))}. Export the run again."
        )


def _require_inside(image_id: str) -> None:
    path = PurePosixPath(image_id)
    if path.is_absolute() or ".." in path.parts or "\\" in image_id or ":" in image_id:
        raise RunError(f"The image {image_id[:200]!r} lies outside its data set. Do not use it.")


def _arrays(file: Path) -> None:
    if "features" not in array_file.shapes(file):
        raise RunError("It has no features of training cells. Export the run again.")


def _keras(file: Path) -> None:
    keras_file.require_plain(file)


def _engine(file: Path) -> None:
    engine_file.require_plain(file, Run(file.parent).geometry.size)


def _weights(file: Path) -> None:
    """Accepts any bytes; `_engine` checks that the constants of the graph lie within them."""


REQUIRED = (
    "calibration.json",
    "config.json",
    "engine.bin",
    "engine.xml",
    "history.csv",
    "metrics.json",
    "predictions.parquet",
    "split.parquet",
    "status.json",
)
JSON_BYTES = 4 * 2**20


@dataclass(frozen=True)
class FileKind:
    """A file of a run: what checks it, and how many bytes it may have; None for any number."""

    check: Callable[[Path], None]
    most_bytes: int | None = JSON_BYTES


# In the order of the checks: a file comes after those that its check reads.
FILES: dict[str, FileKind] = {
    about.FILE: FileKind(_about, 2**16),
    ADOPTION: FileKind(_adoption),
    "calibration.json": FileKind(_calibration),
    "card.json": FileKind(_texts),
    "config.json": FileKind(_config, 2**16),
    "metrics.json": FileKind(_metrics),
    "engine.bin": FileKind(_weights, None),
    "engine.xml": FileKind(_engine, 64 * 2**20),
    "evaluations.json": FileKind(_evaluations),
    "history.csv": FileKind(_history, 2**20),
    "model.keras": FileKind(_keras, None),
    "reference.npz": FileKind(_arrays, None),
    "predictions.parquet": FileKind(_predictions, parquet_file.TABLE_BYTES),
    "split.parquet": FileKind(_split, parquet_file.TABLE_BYTES),
    "stain.json": FileKind(_stain, 2**16),
    "status.json": FileKind(_status, 2**16),
}


def most_bytes(name: str) -> int:
    """How many bytes a file of a run may have."""
    most = FILES[name].most_bytes
    return settings().max_archive_bytes if most is None else most
