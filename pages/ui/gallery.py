"""Pages of small cell pictures, and the inspector for one."""

from typing import Any

import pandas as pd
import streamlit as st

from core.data import images
from core.data.manifest import Index
from core.errors import UploadError
from pages.ui import cache
from pages.ui.messages import shown_errors

PER_PAGE = 14
TILE = 146


def show(found: Index, cells: pd.DataFrame) -> None:
    """A page of the cells' pictures; a button under each opens the inspector."""
    if cells.empty:
        st.info("No cell matches these filters.")
        return
    pages = -(-len(cells) // PER_PAGE)
    pictures, foot = st.container(horizontal=True, gap="small"), st.container()
    page = foot.pagination(pages, key="gallery_page") if pages > 1 else 1
    shown = cells.iloc[(page - 1) * PER_PAGE : page * PER_PAGE]
    for cell in shown.itertuples():
        with pictures.container(width=TILE, gap="xxsmall"):
            _tile(found, cell)


def _tile(found: Index, cell: Any) -> None:
    label, shape = ("ALL", "▲") if cell.label else ("HEM", "●")
    try:
        picture = cache.thumbnail(str(found.path(cell.image_id)), cell.mtime_ns)
        st.image(picture, width="stretch", alt=f"{label} cell of subject {cell.subject}")
    except UploadError as error:
        st.warning(str(error))
    if st.button(f"{shape} {label} · No. {cell.subject}", key=cell.image_id, width="stretch"):
        _inspect(found, cell.image_id)


@st.dialog("Cell", width="medium")
def _inspect(found: Index, image_id: str) -> None:
    with shown_errors():
        _show_facts(found, image_id)


def _show_facts(found: Index, image_id: str) -> None:
    cell = found.cells.set_index("image_id").loc[image_id]
    picture, facts = st.columns([3, 2])
    with picture:
        image = images.decode(found.path(image_id))
        st.image(image, width="stretch", alt="The cell at full resolution")
    with facts:
        label = "ALL, a blast" if cell["label"] else "HEM, a normal cell"
        st.markdown(
            f"**{image_id.rsplit('/', 1)[-1]}**\n\n"
            f"- {label}\n- subject {cell['subject']}, group {cell['group']}\n"
            f"- official fold {cell['fold']}\n"
            f"- {image.shape[1]} x {image.shape[0]} pixels, {cell['bytes'] / 1024:.0f} KiB\n"
            f"- SHA-256 {cell['sha256'][:12]}…"
        )
        copies = found.copies(image_id)
        st.markdown(
            "No copy of it in this data set." if copies.empty else f"**{len(copies)} copies:**"
        )
        if not copies.empty:
            st.dataframe(copies, hide_index=True)
