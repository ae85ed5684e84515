"""Pages of small pictures of cells; a button under each opens the inspector."""

import pandas as pd
import streamlit as st

from core.data.indexing import Index
from pages.ui.common import steps
from pages.ui.common.cells import inspector
from pages.ui.common.tiles import tile

PER_PAGE = 14


def show(index: Index, cells: pd.DataFrame, key: str, none: str) -> None:
    """Shows rows of `index.cells`; `none` is said where there are none, `key` names the page."""
    if cells.empty:
        st.info(none)
        return
    count = f"{len(cells):,} of {len(index.cells):,} images"
    st.caption(count, help="Below each stand its class and its subject.")
    pictures, foot = st.container(horizontal=True, gap="small"), st.container()
    shown = cells.iloc[steps.pages(foot, len(cells), PER_PAGE, key)]
    for cell in shown.itertuples():
        with pictures:
            if tile(index, cell, key=f"tile_{cell.image_id}"):
                inspector.open_cell(cell.image_id)
    inspector.show(index, shown["image_id"].tolist())
