"""The only module that uses Streamlit's caches."""

import hashlib
from collections.abc import Callable
from dataclasses import astuple
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from core.audit.ablations import AblationRuns
from core.cells.detection.detect import Field, detect
from core.data import datasets, images, issues, measures, splits, summary
from core.data.boxes.annotations import count_classes
from core.data.indexing import Index
from core.data.layouts import Labelling
from core.data.layouts.described import Described
from core.data.layouts.layout import is_image
from core.data.layouts.tables import SUFFIXES
from core.doctor import diagnoses
from core.doctor.diagnoses import Diagnosis
from core.evaluation import decision, subgroups
from core.evaluation.curves import Bin, Curve, precision_recall, reliability, roc
from core.evaluation.test_set import TestSet
from core.explain.dihedral import Aggregated
from core.explain.trust import Judgement
from core.models import catalog, weights
from core.reading import thumbnails, timing
from core.reading.cell_reading import CellReading, Reading
from core.reading.fields.detection_job import load_field
from core.reading.preparing.eyepiece import open_picture
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.reading.reader import Reader
from core.reading.table import Row
from core.report import audits
from core.report.card import sections
from core.report.card.items import Card
from core.report.cell import track_record
from core.report.cell.track_record import RecordInWords
from core.runs.config import RunConfig
from core.runs.run_store import Run
from pages.ui.common.progress import show_progress

_MOST_ROWS = 20_000


def _identity_of_index(index: Index) -> tuple[Any, ...]:
    return str(index.root), index.name, index.fingerprint, len(index.rejected)


def _identity_of_run(run: Run) -> tuple[Any, ...]:
    """Changes when a file that readings and comparisons rest on is replaced."""
    names = ("engine.xml", "calibration.json", "stain.json", "predictions.parquet", "metrics.json")
    files = (run.path / name for name in names)
    return str(run.path), *(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


def _identity_of_cell(cell: CellReading) -> tuple[Any, ...]:
    return hashlib.sha256(cell.image.tobytes()).hexdigest(), cell.logit, cell.leaning, cell.method


def _identity_of_ablation_runs(ablation_runs: AblationRuns) -> list[tuple[Any, ...]]:
    pairs = [(arm, run) for arm, runs in ablation_runs.finished.items() for run in runs]
    return [(arm, run.run_id, run.status.finished) for arm, run in pairs]


def _identity_of_files(run: Run) -> list[tuple[Any, ...]]:
    """Changes when any file of a run does."""
    stats = [(file, file.stat()) for file in sorted(run.path.iterdir()) if file.is_file()]
    return [(str(file), stat.st_mtime_ns, stat.st_size) for file, stat in stats]


# How an argument of a cached function is recognised: by a few of its facts, not by its content.
_SAME: dict[str | type, Any] = {
    Index: _identity_of_index,
    Run: _identity_of_run,
    TestSet: lambda test_set: _identity_of_run(test_set.run),
    AblationRuns: _identity_of_ablation_runs,
    CellReading: _identity_of_cell,
    ReadingOptions: astuple,
}


@st.cache_resource(max_entries=4, ttl="1m", show_spinner=False)
def index(root: Path) -> Index:
    """The index of a data set; its files are looked at again after a minute, or `index.clear`."""
    with show_progress("Looking at the files", "images") as progress:
        return datasets.index(root, progress)


@st.cache_resource(max_entries=8, ttl="1m", show_spinner=False)
def described(path: str, said: str) -> Described:
    """Where the classes of a folder's images stand; `said` is a labelling as JSON.

    Raises `DataError`.
    """
    return datasets.preview(path, Labelling.model_validate_json(said))


@st.cache_data(max_entries=4, ttl="1m", show_spinner=False)
def names(path: str) -> tuple[list[str], list[str]]:
    """The images below a folder, and the files that can be tables of labels."""
    found = datasets.names(path)
    return (
        [name for name in found if is_image(name)],
        [name for name in found if name.lower().endswith(SUFFIXES)],
    )


@st.cache_data(max_entries=4, ttl="10m", show_spinner=False)
def box_classes(path: str) -> dict[str, int]:
    """The number of boxes of each class of a detection set; empty for another folder."""
    return count_classes(Path(path).expanduser(), datasets.names(path))


# A table is that of the measures of all cells of the index, so its length tells it well enough.
_per_index = st.cache_data(
    max_entries=4, hash_funcs=_SAME | {pd.DataFrame: len}, show_spinner=False
)
_measures = _per_index(measures.measure)
findings = _per_index(issues.findings)
by_phase = _per_index(summary.by_phase)
by_subject = _per_index(summary.by_subject)


def all_measures(index: Index) -> pd.DataFrame | None:
    """The measures of all cells of an index; None while some are missing."""
    return None if measures.missing(index) else _measures(index)


@st.cache_data(max_entries=16, hash_funcs=_SAME, show_spinner=False)
def split(
    index: Index,
    method: str,
    seed: int = 0,
    *,
    sample: int | None = None,
    balance: str = "natural",
    folds: int = 0,
) -> tuple[pd.Series, splits.SplitAudit]:
    """The part of each image_id under a split (with `folds`, in the first of them), and its audit.

    Raises `ConfigError` or `DataError`.
    """
    parts = splits.draw(index, method, seed=seed, sample_of=sample, balance=balance, folds=folds)
    return parts.set_index("image_id")["split"], splits.audit(parts, index.pairs)


@st.cache_data(max_entries=16, ttl="1m", show_spinner="Looking for ImageNet weights…")
def weights_available(architecture: str) -> bool:
    """Whether an architecture's ImageNet weights are here or can be downloaded now."""
    return weights.available(catalog.architecture(architecture))


@st.cache_data(max_entries=2000, show_spinner=False)
def thumbnail(path: str, mtime_ns: int) -> bytes:
    """A small square PNG of a cell, or of a whole picture."""
    return thumbnails.tile(images.decode(Path(path)))


@st.cache_data(max_entries=5000, show_spinner=False)
def digest(file_id: str, _file: BytesIO) -> str:
    """The SHA-256 of an uploaded file's content; `file_id` tells uploads apart."""
    # Not getbuffer(), which makes a copy first; this shares the bytes that Streamlit holds.
    return hashlib.sha256(_file.getvalue()).hexdigest()


small_picture = st.cache_data(max_entries=64, show_spinner=False)(thumbnails.preview)


@st.cache_data(max_entries=2000, show_spinner=False)
def row_picture(digest: str, _load: Callable[[], bytes]) -> str | None:
    """A small picture of an upload for its row."""
    return thumbnails.in_row(_load())


@st.cache_resource(max_entries=3, hash_funcs=_SAME, show_spinner="Loading the model…")
def reader(run: Run) -> Reader:
    """Returns the reader of a run; its engine is compiled once."""
    return Reader(run)


@st.cache_resource(max_entries=2, show_spinner="Opening the field…")
def decoded(data: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """A field's pixels, RGB uint8 (H, W, 3), not to be written to; what was assumed of them."""
    return open_picture(data, name)


@st.cache_resource(max_entries=4, show_spinner="Looking for white cells…")
def white_cells(data: bytes, name: str, um_per_px: float | None) -> Field:
    """The white cells of a field that is searched at once."""
    return detect(decoded(data, name)[0], um_per_px=um_per_px)


@st.cache_resource(max_entries=2, show_spinner=False)
def scanned(path: str, written_ns: int) -> Field:
    """The white cells of a large scan, from the file that holds them."""
    return load_field(Path(path))


# Each holds its picture, 0.6 MB.
@st.cache_data(max_entries=12, hash_funcs=_SAME, show_spinner="Reading the cell…")
def reading(run: Run, data: bytes, name: str, options: ReadingOptions = NO_OPTIONS) -> Reading:
    """Reads the bytes of an image file with a run; `told` is what the user says of it."""
    return reader(run).read(data, name, options)


@st.cache_data(max_entries=12, hash_funcs=_SAME, show_spinner="Drawing the heat map…")
def explained(run: Run, cell: CellReading, cam: str) -> CellReading:
    """Returns the reading of a cell with a heat map of the method `cam`."""
    return cell if cam == cell.method else reader(run).explain(cell, cam)


@st.cache_data(max_entries=64, hash_funcs=_SAME, show_spinner="Examining the heat map…")
def judgement(run: Run, cell: CellReading) -> Judgement:
    """Says whether the heat map of a reading may be believed."""
    return reader(run).judge(cell)


@st.cache_data(max_entries=64, hash_funcs=_SAME, show_spinner="Reading the eight views…")
def aggregated(run: Run, cell: CellReading, cam: str) -> Aggregated:
    """Returns that heat map over the eight views of the cell, and how much they agree."""
    return reader(run).aggregate(explained(run, cell, cam))


@st.cache_resource(max_entries=6, hash_funcs=_SAME, show_spinner=False)
def _rows(run: Run) -> dict[tuple[str, str, ReadingOptions], Row]:
    return {}


@st.cache_data(max_entries=64, hash_funcs={Run: _identity_of_files}, show_spinner=False)
def diagnosed(run: Run) -> tuple[list[Diagnosis], RunConfig | None]:
    """What ails an ended run, and its configuration repaired, if there is anything to repair."""
    return diagnoses.examine(run), diagnoses.repaired(run)


@st.cache_data(max_entries=16, hash_funcs={Run: _identity_of_files}, show_spinner=False)
def card(run: Run) -> Card:
    """A finished run's model card, made anew when a file of the run has changed."""
    return sections.build(run, diagnoses.examine(run))


@st.cache_data(max_entries=16, hash_funcs={Run: _identity_of_files}, show_spinner=False)
def record(run: Run) -> RecordInWords:
    """What the calls of a finished run were worth, made anew when a file of the run has changed."""
    return track_record.tell(run)


audit = st.cache_data(max_entries=32, hash_funcs=_SAME, show_spinner="Comparing cell by cell…")(
    audits.measure
)


def kept_rows(run: Run) -> dict[tuple[str, str, ReadingOptions], Row]:
    """The rows of what a run has read in batches, by (digest, name, told) of a file; add to it.

    A row is some 500 bytes, so the pictures of many files leave nothing else behind.
    """
    rows = _rows(run)
    if len(rows) > _MOST_ROWS:
        rows.clear()
    return rows


preview = st.cache_data(max_entries=32, hash_funcs=_SAME, show_spinner="Working it out…")(
    decision.preview
)


@st.cache_resource(max_entries=32, hash_funcs=_SAME, show_spinner=False)
def measured(run: Run) -> TestSet:
    """Returns the test set of a run; its resamples are drawn once. Raises `RunError`."""
    return TestSet.load(run)


@st.cache_data(max_entries=32, hash_funcs=_SAME, show_spinner="Resampling the curves…")
def curves(run: TestSet) -> tuple[Curve | None, Curve | None, list[Bin]]:
    """The ROC curve, the precision-recall curve and the reliability bins of a run."""
    return roc(run), precision_recall(run), reliability(run)


@st.cache_data(max_entries=32, hash_funcs=_SAME, show_spinner="Resampling the parts…")
def by_kind(run: TestSet, index: Index) -> pd.DataFrame:
    """The results of a run by fold, quality and size; its test cells are measured for that."""
    with show_progress("Measuring", "test cells") as progress:
        return subgroups.by_kind(run, index, progress)


milliseconds = st.cache_data(max_entries=64, hash_funcs=_SAME, show_spinner="Reading cells…")(
    timing.milliseconds
)
