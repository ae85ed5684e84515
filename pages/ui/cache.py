"""The only module that uses Streamlit's caches."""

from pathlib import Path

import streamlit as st

from core.data import images, manifest
from core.reading.reader import Reader, Reading
from core.runs import store
from core.runs.store import Run

_THUMBNAIL = images.Geometry(size=180)


@st.cache_resource(max_entries=4, ttl="1m", show_spinner=False)
def _index(root: str) -> manifest.Index:
    bar = st.progress(0.0, text="Looking at the files…")
    try:
        return manifest.index(
            Path(root),
            lambda done, total: bar.progress(
                done / total, text=f"Indexing images: {done} of {total}"
            ),
        )
    finally:
        bar.empty()


def index(root: Path) -> manifest.Index:
    """The index of a data set; its files are looked at again after a minute, or `look_again`."""
    return _index(str(root))


def look_again() -> None:
    """Makes the next `index` compare the files with what is kept."""
    _index.clear()


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


def reading(run: Run, data: bytes, name: str) -> Reading:
    """What a run says of an image file's bytes; its engine is compiled once."""
    return _reading(run.run_id, run.exported_ns, data, name)
