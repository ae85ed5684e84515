"""Download buttons: the only place that makes them, so that all look and behave alike."""

from collections.abc import Callable

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import tables

MIME = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "pdf": "application/pdf",
    "md": "text/markdown",
    "png": "image/png",
    "zip": "application/zip",
}


def download(
    label: str,
    data: bytes | str | Callable[[], bytes | str],
    name: str,
    *,
    key: str | None = None,
    help: str | None = None,
    place: DeltaGenerator | None = None,
) -> None:
    """Shows a button that saves a file; a function as `data` is called at the click.

    `name` is the file's name; its suffix is one of `MIME`. `place` is where the button goes; the
    page by default.
    """
    (place or st).download_button(
        label,
        data,
        name,
        MIME[name.rpartition(".")[2]],
        icon=":material/download:",
        on_click="ignore",  # the page need not run again
        key=key,
        help=help,
    )


def download_table(
    label: str,
    table: pd.DataFrame,
    name: str,
    *,
    index: bool = False,
    key: str | None = None,
    place: DeltaGenerator | None = None,
) -> None:
    """Shows a button that saves a table as CSV; `index` also saves the names of its rows."""
    download(label, lambda: tables.to_csv(table, index=index), name, key=key, place=place)
