"""Checks the files of an imported run.

To include a new file in archives, add it to `FILES` with the function that checks it.
"""

import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np

from core.archive import engine_file, keras_file
from core.data.splits import PARTS
from core.documents import Document
from core.errors import BlastLensError, RunError
from core.jobs.job import Status
from core.models.catalog import ADOPTED
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

_JSON_BYTES = 16 * 2**20
T = TypeVar("T", bound=Document)


def require(run: Run) -> None:
    """Raises `RunError`, with file and rule, unless every file in the folder is valid."""
    for name in FILES:
        file = run.path / name
        if not file.exists():
            continue
        try:
            FILES[name](file)
        except BlastLensError as error:
            raise RunError(f"{name} is refused. {error}") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, EOFError) as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(
                f"{name} is refused: it is damaged or of another version ({reason}). Export the "
                "run again."
            ) from None
    _ = run.stain  # raises if it is not what config.json asks for


def _read(document: type[T], file: Path) -> T:
    if file.stat().st_size > _JSON_BYTES:
        raise RunError(f"It is larger than {_JSON_BYTES:,} bytes.")
    return document.read(file)


def _adoption(file: Path) -> None:
    _read(Adoption, file)


def _config(file: Path) -> None:
    adopted = _read(RunConfig, file).architecture == ADOPTED.key
    if adopted != (file.parent / ADOPTION).exists():
        raise RunError(f"An adopted run has {ADOPTION}, and no other does.")


def _status(file: Path) -> None:
    status = _read(Status, file)
    if status.state != "succeeded":
        raise RunError(f"Its state is {status.state!r}; only a run that succeeded is imported.")


def _metrics(file: Path) -> None:
    missing = set(PARTS) - set(_read(RunMetrics, file).parts)
    if missing:
        raise RunError(
            f"It is damaged or of another version: it lacks the part {', '.join(sorted(missing))}."
        )


def _calibration(file: Path) -> None:
    _read(Calibration, file)


def _stain(file: Path) -> None:
    _read(Stain, file)


def _evaluations(file: Path) -> None:
    if file.stat().st_size > _JSON_BYTES:
        raise RunError(f"It is larger than {_JSON_BYTES:,} bytes.")
    evaluations.read(file)


def _about(file: Path) -> None:
    _read(About, file)


def _texts(file: Path) -> None:
    _read(CardTexts, file)


def _history(file: Path) -> None:
    table = Run(file.parent).history
    if tuple(table.columns) != HISTORY_COLUMNS or len(table) > 2 * MAX_EPOCHS:
        raise ValueError(f"its columns are not {', '.join(HISTORY_COLUMNS)}")
    if table.empty:  # of a model that was trained elsewhere
        return
    numbers = table.drop(columns="stage")
    if not set(table["stage"]) <= set(STAGES) or not all(k.kind in "if" for k in numbers.dtypes):
        raise ValueError("a column holds what is no number")


_ROWS = {"image_id": "str", "subject": "str", "group": "str", "split": "str", "label": "int64"}
_KINDS = ("string", "large_string", "int", "uint", "float", "double", "halffloat", "null", "bool")


def _split(file: Path) -> None:
    _table(file, _ROWS | {"sha256": "str"})


def _predictions(file: Path) -> None:
    table = _table(file, _ROWS | {"logit": "float", "probability": "float"})
    if not table["probability"].between(0, 1).all() or not np.isfinite(table["logit"]).all():
        raise ValueError("a probability lies outside 0..1, or a logit is no number")


def _table(file: Path, columns: dict[str, str]) -> Any:
    """Reads a table of cells, after checking its schema and size."""
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        stored = parquet.ParquetFile(file)
        rows, groups = stored.metadata.num_rows, stored.metadata.num_row_groups
        size = sum(stored.metadata.row_group(n).total_byte_size for n in range(groups))
        schema = stored.schema_arrow
        if rows > settings().max_archive_rows or size > settings().max_archive_bytes:
            raise RunError(
                f"It has {rows:,} rows; the limit is {settings().max_archive_rows:,} "
                "(max_archive_rows in core/settings.py)."
            )
        odd = [item.name for item in schema if not str(item.type).startswith(_KINDS)]
        if odd or not set(columns) <= set(schema.names) or len(schema.names) > 64:
            raise ValueError(f"it lacks {', '.join(columns)}, or {odd} is no text or number")
        table = stored.read().to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(str(error)) from None
    for name in table["image_id"]:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise RunError(f"The image {name[:200]!r} lies outside its data set.")
    if not set(table["split"]) <= set(PARTS) or not set(table["label"]) <= {0, 1}:
        raise ValueError("a split or label is none that a run can have")
    return table


def _arrays(file: Path) -> None:
    """Requires arrays of numbers or text, not of Python objects, which NumPy would unpickle."""
    limit = settings().max_archive_bytes
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > limit:
                raise RunError(f"It would unpack to more than {limit:,} bytes.")
            for entry in archive.infolist():
                _array(entry.filename, archive.open(entry), entry.file_size)
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from None


def _array(name: str, stream: Any, size: int) -> None:
    header = io.BytesIO(stream.read(2**16))
    if not name.endswith(".npy"):
        raise RunError(f"It holds {name!r}, which is no array.")
    version = np.lib.format.read_magic(header)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, kind = read[version](header)
    if kind.hasobject or kind.kind not in "biufUS":
        raise RunError(
            f"{name} is an array of Python objects, which would be unpickled and could run code. "
            "Do not use it."
        )
    if header.tell() + math.prod(shape) * kind.itemsize != size:
        raise ValueError(f"{name} is not as long as it says")


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
# In the order of the checks: a file comes after those that its check reads.
FILES: dict[str, Callable[[Path], None]] = {
    about.FILE: _about,
    ADOPTION: _adoption,
    "calibration.json": _calibration,
    "card.json": _texts,
    "config.json": _config,
    "metrics.json": _metrics,
    "engine.bin": _weights,
    "engine.xml": _engine,
    "evaluations.json": _evaluations,
    "history.csv": _history,
    "model.keras": _keras,
    "reference.npz": _arrays,
    "predictions.parquet": _predictions,
    "split.parquet": _split,
    "stain.json": _stain,
    "status.json": _status,
}
