"""The only module that uses Streamlit's caches."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.data import findings as data_findings
from core.data import images, sources, splits, summary
from core.data.findings import Finding
from core.data.manifest import Index
from core.doctor import diagnosis as doctor
from core.doctor.diagnosis import Diagnosis
from core.errors import ConfigError, DataError
from core.models import catalog, weights
from core.reading.reader import Reader, Reading
from core.runs import store
from core.runs.config import RunConfig
from core.runs.store import Run
from pages.ui.progress import show_progress

_THUMBNAIL = images.Geometry(size=180)
# What follows from an index is kept as long as the index says the same.
_SAME: dict[str | type, Any] = {
    Index: lambda found: (str(found.root), found.name, found.fingerprint, len(found.rejected))
}


@st.cache_resource(max_entries=4, ttl="1m", show_spinner=False)
def _index(root: str) -> Index:
    with show_progress("Looking at the files", "images") as progress:
        return sources.index(Path(root), progress)


def index(root: Path) -> Index:
    """The index of a data set; its files are looked at again after a minute, or `look_again`."""
    return _index(str(root))


def look_again() -> None:
    """Makes the next `index` compare the files with what is kept."""
    _index.clear()


@st.cache_data(max_entries=4, hash_funcs=_SAME, show_spinner=False)
def findings(found: Index) -> list[Finding]:
    """What stands out in a data set."""
    return data_findings.findings(found)


@st.cache_data(max_entries=4, hash_funcs=_SAME, show_spinner=False)
def by_phase(found: Index) -> pd.DataFrame:
    """Counts of each phase and fold."""
    return summary.by_phase(found)


@st.cache_data(max_entries=4, hash_funcs=_SAME, show_spinner=False)
def by_subject(found: Index) -> pd.DataFrame:
    """One row a subject."""
    return summary.by_subject(found)


@st.cache_data(max_entries=16, hash_funcs=_SAME, show_spinner=False)
def _split(
    found: Index, method: str, seed: int, sample: int | None, balance: str, folds: int
) -> tuple[pd.Series, dict[str, Any]] | str:
    try:
        parts = splits.draw(
            found, method, seed=seed, sample_of=sample, balance=balance, folds=folds
        )
    except (ConfigError, DataError) as error:
        return str(error)
    return parts.set_index("image_id")["split"], splits.audit(parts, found.pairs)


def split(
    found: Index,
    method: str,
    seed: int = 0,
    *,
    sample: int | None = None,
    balance: str = "natural",
    folds: int = 0,
) -> tuple[pd.Series, dict[str, Any]]:
    """The part of each image_id under a split (with `folds`, in the first of them), and its audit.

    Raises `DataError`.
    """
    result = _split(found, method, seed, sample, balance, folds)
    if isinstance(result, str):
        raise DataError(result)
    return result


@st.cache_data(max_entries=16, ttl="1m", show_spinner="Looking for ImageNet weights…")
def weights_can_be_had(architecture: str) -> bool:
    """Whether an architecture's ImageNet weights are here or can be downloaded now."""
    return weights.can_be_had(catalog.architecture(architecture))


@st.cache_data(max_entries=2000, show_spinner=False)
def thumbnail(path: str, mtime_ns: int) -> bytes:
    """A small PNG of a cell image."""
    return images.encode(images.fit(images.decode(Path(path)), _THUMBNAIL))


@st.cache_resource(max_entries=2, show_spinner="Loading the model…")
def _reader(run_id: str, exported_ns: int) -> Reader:
    return Reader(store.get(run_id))


@st.cache_data(max_entries=64, show_spinner="Reading the cell…")
def _reading(run_id: str, exported_ns: int, data: bytes, name: str) -> Reading:
    return _reader(run_id, exported_ns).read(data, name)


@st.cache_data(max_entries=64, show_spinner="Examining the run…")
def _diagnoses(
    run_id: str, started: float | None, finished: float | None
) -> tuple[list[Diagnosis], RunConfig | None]:
    run = store.get(run_id)
    return doctor.examine(run), doctor.repaired(run)


def diagnoses(run: Run) -> tuple[list[Diagnosis], RunConfig | None]:
    """What ails an ended run, and its configuration repaired, if there is anything to repair."""
    status = run.status
    return _diagnoses(run.run_id, status.started, status.finished)


def reading(run: Run, data: bytes, name: str) -> Reading:
    """What a run says of an image file's bytes; its engine is compiled once."""
    return _reading(run.run_id, run.exported_ns, data, name)
