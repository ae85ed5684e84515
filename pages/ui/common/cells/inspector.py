"""The inspector: one cell at full resolution, what was measured on it, and its like."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
import streamlit as st

from core.cells.masks import cell_mask, outline
from core.cells.nucleus import fragment_mask, nucleus_mask
from core.data import images, issues, measures, quality, similar, summary
from core.data.indexing import Index
from pages.ui.common import cache, steps
from pages.ui.common.text import plain, section, shown_errors
from pages.ui.common.tiles import class_name, tile

# Light on the purple of the stain, and told apart by name in the legend below the picture.
OUTLINES = {
    "cell": (":material/circle: white", (255, 255, 255)),
    "nucleus": (":material/circle: yellow", (240, 228, 66)),
    "fragment": (":material/circle: sky blue", (86, 180, 233)),
}
SIMILAR = 6
CELL = "cell"  # of the address: which cell is open


def open_cell(image_id: str) -> None:
    """Opens the inspector on a cell, the next time it is shown."""
    st.query_params[CELL] = image_id


def show(index: Index, beside: Sequence[str] = ()) -> None:
    """Shows the inspector if it is open; says so if the address asks for a cell that is gone.

    `beside` are the cells, in their order, that the arrow keys go through.
    """
    image_id = st.query_params.get(CELL)
    if (index.cells["image_id"] == image_id).any():
        _dialog(index, beside)
    elif image_id:
        st.warning(f"The data set has no image {plain(image_id)}.", icon=":material/link_off:")


def _close() -> None:
    st.query_params.pop(CELL, None)


@st.dialog("Cell", width="large", on_dismiss=_close)
def _dialog(index: Index, beside: Sequence[str]) -> None:
    image_id = st.query_params[CELL]
    if image_id in beside:
        name = plain(PurePosixPath(image_id).name)
        steps.show(beside, image_id, name, "inspector", open_cell)
    cell = index.cells.set_index("image_id", drop=False).loc[image_id]
    with shown_errors():
        measured = cache.all_measures(index)
        whole = measured is not None and bool(issues.whole_pictures(measured))
        picture, facts = st.columns([1, 1], gap="medium")
        with picture:
            _show_picture(index, cell, whole)
        with facts:
            _show_facts(cell)
            if whole:
                st.caption("A whole picture, not one cell on black: no cell is measured in it.")
            else:
                _show_measures(index, cell, measured)
        _show_tiles(index, "Copies of it", index.copies(image_id)["image_id"], "copy")
        if measured is not None and not whole:
            like = similar.nearest(measured, image_id, SIMILAR)["image_id"]
            _show_tiles(index, "Most similar in size, shape, colour and chromatin", like, "like")


def _show_picture(index: Index, cell: Any, whole: bool) -> None:
    image = images.decode(index.path(cell.image_id))
    of = "" if pd.isna(cell.subject) else f" cell of subject {cell.subject}"
    alt = f"{class_name(cell.label)}{of} at full resolution"
    if whole:
        st.image(image, width="stretch", alt=alt)
        return
    mask = cell_mask(image)
    masks = {"cell": mask}
    if mask.any():
        masks["nucleus"] = nucleus_mask(image, mask)
        masks["fragment"] = fragment_mask(image, mask)
    regions = [name for name, region in masks.items() if region.any()]
    shown = st.session_state.get("outlines", [])
    for name in regions:
        if name in shown:
            image = outline(image, masks[name], OUTLINES[name][1])
    st.image(image, width="stretch", alt=alt)
    st.pills(
        "Outlines",
        regions,
        selection_mode="multi",
        key="outlines",
        format_func=lambda name: f"{name} ({OUTLINES[name][0].split()[-1]})",
    )


def _show_facts(cell: Any) -> None:
    known = {
        "class": class_name(cell.label),
        "publisher's class": cell.class_name,
        "subject": cell.subject,
        "group": cell.group,
        "phase": cell.phase,
        "official fold": cell.fold,
        "file": cell.image_id.rsplit("/", 1)[-1],
        "SHA-256": f"{cell.sha256[:12]}…",
    }
    words = [f"{name} **{plain(str(v))}**" for name, v in known.items() if not pd.isna(v)]
    st.markdown(" · ".join(words))


def _show_measures(index: Index, cell: Any, measured: pd.DataFrame | None) -> None:
    looks = measures.measure(index, image_ids=[cell.image_id]).iloc[0]
    for flag in filter(None, looks["quality"].split(", ")):
        st.warning(f"**{flag}**: {quality.FLAGS[flag]}")
    table = summary.measures_of(looks, measured)
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={
            "measure": "",
            "cell": "This cell",
            "median": "Median",
            "middle_half": "Middle half",
        },
    )
    if measured is None:
        st.caption("The medians and the most similar ones stand here once all are measured.")


def _show_tiles(index: Index, heading: str, image_ids: pd.Series, key: str) -> None:
    if image_ids.empty:
        return
    section(heading)
    rows = index.cells.set_index("image_id", drop=False).loc[list(image_ids)]
    with st.container(horizontal=True, gap="small"):
        for row in rows.itertuples(index=False):
            if tile(index, row, key=f"{key}_{row.image_id}"):
                open_cell(row.image_id)
                st.rerun(scope="fragment")
