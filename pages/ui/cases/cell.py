"""Shows one cell of a case: its place, what the model makes of it, and cells of both classes."""

from pathlib import PurePosixPath

import streamlit as st

from core.cases import board, intake
from core.cases.tables import CellRow
from core.cells.scale import size
from pages.ui.cases import cache
from pages.ui.common.text import CALLS, plain, section, sentence
from pages.ui.common.tiles import SHAPES

_REFERENCE = 84  # pixels


def show(cell: CellRow, *, hidden: bool, blind: bool) -> None:
    """Shows a cell; `hidden` leaves out what the model makes of it, `blind` what others decided."""
    name = f"{cell.item.capitalize()} {cell.number} of {cell.picture.name}"
    section(f"No. {cell.number} of {plain(cell.picture.name)}{_size(cell)}")
    if hidden:
        st.markdown("Decide first; then the model's call is shown.")
    else:
        st.markdown(_call(cell))
        if cell.reason:
            st.caption(plain(cell.reason))
    context, place = _pictures(cell)
    large, small = st.columns([3, 2], gap="small")
    with large:
        st.image(context, width="stretch", alt=name)
    with small:
        if not hidden:
            _show_heat(cell, name)
        if place is not None:
            st.image(place, width="stretch", alt=f"{name}, marked in its field")
    if not hidden:
        _show_references(cell)
    if cell.label and not blind:
        when = (cell.label_at or "")[:16].replace("T", " ")
        st.caption(f"Decided: **{cell.label}**, by {plain(cell.label_by or '')}, {when} UTC")


def load(cell_id: str) -> None:
    """Loads the pictures of a cell, so that it shows at once when it is looked at."""
    cell = board.whole(cell_id)
    _pictures(cell)
    for digest in cell.files.values():
        cache.picture(cell.case_id, digest)
    for reference in cell.similar:
        cache.reference_cell(cell.picture.run_id, str(reference["image_id"]))


def _pictures(cell: CellRow) -> tuple[bytes, bytes | None]:
    """The cell with what lies around it, and its place in its field, if it has one."""
    context = cache.picture(cell.case_id, cell.files[intake.CONTEXT])
    if cell.picture.kind != intake.FIELD:
        return context, None
    outline = tuple((x, y) for x, y in cell.outline)
    picture = cell.picture
    return context, cache.place(cell.case_id, picture.overview, picture.width, outline)


def _size(cell: CellRow) -> str:
    scale = cell.picture.um_per_px
    return f", {size(cell.bbox[2:], scale)}" if scale else ""


def _call(cell: CellRow) -> str:
    if cell.probability is None:
        return f"Not read: {cell.state}."
    said = f"The model: {CALLS[cell.state]}, probability of ALL **{cell.probability:.0%}**"
    if cell.low is not None and cell.high is not None:
        said += f" ({cell.low:.0%} to {cell.high:.0%})"
    adapted = " Read as if stained like the reference cells." if cell.adapted else ""
    return f"{said}.{adapted}"


def _show_heat(cell: CellRow, name: str) -> None:
    if intake.HEAT in cell.files:
        heat = cache.picture(cell.case_id, cell.files[intake.HEAT])
        st.image(heat, width="stretch", alt=f"{name}, with its heat map")
    badge, _, reason = cell.badge.partition(": ")
    if cell.probability is None:
        st.caption(plain(cell.badge))
    else:
        st.caption(f"Heat map: **{badge}**", help=plain(sentence(reason)))


def _show_references(cell: CellRow) -> None:
    """Shows them as one element: a page of few elements answers a key sooner."""
    if not cell.similar:
        return
    st.caption(f"Reference {cell.item}s most like it")
    here, missing = [], []
    for reference in cell.similar:
        name, label = str(reference["image_id"]), str(reference["label"])
        picture = cache.reference_cell(cell.picture.run_id, name)
        if picture is None:
            missing.append(PurePosixPath(name).name)
        else:
            here.append((picture, f"{SHAPES[label]} {label}", f"Reference {cell.item} {name}"))
    if here:
        images, captions, alternatives = zip(*here, strict=True)
        st.image(list(images), caption=list(captions), alt=alternatives, width=_REFERENCE)
    if missing:
        st.caption(f"Not on this machine now: {plain(', '.join(missing))}.")
