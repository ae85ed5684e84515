"""One small cell picture with its class and subject, the same in every place."""

from typing import Any

import pandas as pd
import streamlit as st

from core.data.indexing import Index
from core.errors import UploadError
from pages.ui.common import cache
from pages.ui.common.text import plain

WIDTH = 146
SHAPES = {"ALL": "▲", "HEM": "●", "unlabelled": "◇"}


def tile(index: Index, cell: Any, key: str) -> bool:
    """Draws the tile of a row of the index; whether its button was pressed."""
    name = class_name(cell.label)
    of = "" if pd.isna(cell.subject) else f" · No. {cell.subject}"
    if not of and len(index.classes) > 2 and not pd.isna(cell.class_name):
        of = f" · {cell.class_name}"
    with st.container(width=WIDTH, gap="xxsmall"):
        try:
            picture = cache.thumbnail(str(index.path(cell.image_id)), cell.mtime_ns)
            st.image(picture, width="stretch", alt=f"{name}{of}")
        except UploadError as error:
            st.warning(plain(str(error)))
        return st.button(plain(f"{SHAPES[name]} {name}{of}"), key=key, width="stretch")


def class_name(label: Any) -> str:
    """ALL, HEM or unlabelled."""
    return "unlabelled" if pd.isna(label) else ("ALL" if label else "HEM")
