"""The only module that uses Streamlit's caches."""

from pathlib import Path

import streamlit as st

from core.data import images, manifest
from core.reading.reader import Reader, Reading
from core.runs import store

_THUMBNAIL = images.Geometry(size=180)


@st.cache_resource(max_entries=4, show_spinner=False)
def _index(root: str, look: int) -> manifest.Index:
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
    """The index of a data set; files are looked at once a session or on `look_again`."""
    return _index(str(root), st.session_state.get("looks", 0))


def look_again() -> None:
    """Makes the next `index` compare the files with what is kept."""
    _index.clear()


@st.cache_data(max_entries=2000, show_spinner=False)
def thumbnail(path: str, mtime_ns: int) -> bytes:
    """A small PNG of a cell image."""
    return images.encode(images.fit(images.decode(Path(path)), _THUMBNAIL))


@st.cache_resource(max_entries=2, show_spinner="Loading the model…")
def reader(run_id: str) -> Reader:
    """A run's reader, its engine compiled."""
    return Reader(store.get(run_id))


@st.cache_data(max_entries=64, show_spinner="Reading the cell…")
def reading(run_id: str, data: bytes, name: str) -> Reading:
    """What a run says of an image file's bytes."""
    return reader(run_id).read(data, name)
