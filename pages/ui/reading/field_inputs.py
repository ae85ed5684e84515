"""What a user sets for a field: its scale, and edits of the boxes that were found."""

from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from core.cells.detection.tiles import Region
from core.cells.scale import CAMERA_UM, bar_limits, by_bar
from core.reading.cell_reading import Reading
from core.reading.fields.edits import Edit, mark
from core.reading.fields.reading import FieldReading
from pages.ui.common.numbers import number, within
from pages.ui.common.text import plain, shown_errors


@dataclass
class FieldState:
    """What a browser session remembers of one field: choices, and what was read with them."""

    um_per_px: float | None = None
    edits: tuple[Edit, ...] = ()
    selected: int | None = None
    box: tuple[int, int, int, int] | None = None
    stopped: bool = False
    run: tuple[str, int, int] | None = None
    reading: FieldReading | None = None
    singles: dict[int, Reading] = field(default_factory=dict)


def ask_for_scale(reading: FieldReading, picture: np.ndarray, key: str, state: FieldState) -> None:
    """Asks for the magnification, before anything is read."""
    left, right = st.columns([1, 1], gap="large")
    left.image(picture, width="stretch", alt=f"The field {reading.image}")
    with right:
        count = len(reading.field.cells)
        if count == 0:
            st.info(
                "**No white cell was found in this field.** There is nothing to read. If you "
                "see one, give the scale below, and the field is searched again.",
                icon=":material/search_off:",
            )
        else:
            st.warning(
                f"**How large is a pixel?** {count} white "
                f"{'cell was' if count == 1 else 'cells were'} found, but no cell is read before "
                f"the scale is known. {plain(reading.question or '')}",
                icon=":material/straighten:",
            )
        with st.form(f"field_scale_{key}", border=False):
            _show_scale_inputs(reading, key, state)


def show_scale(reading: FieldReading, key: str, state: FieldState) -> None:
    """Shows the scale of a field, and lets the user replace it."""
    with st.expander("Scale", icon=":material/straighten:"):
        st.markdown(
            f"One pixel covers **{reading.um_per_px:.3g} µm**, by {reading.scale_by}. Red cells "
            "are taken to be 7.5 µm across. If the microscope says otherwise, give its scale."
        )
        with st.form(f"field_scale_{key}", border=False):
            _show_scale_inputs(reading, key, state)
        if state.um_per_px is not None and st.button("Back to the red cells", key=f"back_{key}"):
            state.um_per_px = None
            st.rerun()


def _show_scale_inputs(reading: FieldReading, key: str, state: FieldState) -> None:
    bar_px, bar_um = reading.field.ruler.bar_px, None
    if bar_px is not None:
        bar_um = number(
            st.container(),
            f"The scale bar in the picture, {bar_px} px long, stands for (µm)",
            bar_limits(bar_px),
            None,
            placeholder="such as 20",
            help="What is drawn in the picture is left out of the search for cells.",
            key=f"field_bar_{key}",
        )
    value: float | None = number(
        st.container(),
        "Micrometres a pixel" if bar_px is None else "Or micrometres a pixel",
        CAMERA_UM,
        state.um_per_px,
        step=0.001,
        format="%.4f",
        placeholder="such as 0.065",
        help="The camera's pixel size in µm over the magnification: 6.5 µm over 100 is 0.065.",
        key=f"field_um_{key}",
    )
    if not st.form_submit_button("Read at this scale", type="primary"):
        return
    if bar_px is not None and bar_um is not None:
        value = by_bar(bar_px, bar_um)
    if value is not None and within(value, CAMERA_UM):
        state.um_per_px = value
        st.rerun()


def show_edits(region: Region, reading: FieldReading, key: str, state: FieldState) -> None:
    """Lets the user add, remove and redraw boxes; each edit is tried before it is kept."""
    with st.expander(
        "Edit boxes",
        icon=":material/edit:",
        expanded=state.box is not None or bool(state.edits),
    ):
        st.caption(
            "Drag a box in the picture, or type it, in pixels of the field. The outline is found "
            "inside it; a cell you pointed at is read like any other."
        )
        box, possible = _box(region, key)
        selected = state.selected
        edit: Edit | None = None
        with st.container(horizontal=True):
            if st.button(
                "Add this box",
                icon=":material/add_box:",
                disabled=not possible,
                key=f"add_{key}",
            ):
                edit = Edit("add", None, box)
            named = "the selected cell" if selected is None else f"No. {selected}"
            if st.button(
                f"Redraw {named} as this box",
                icon=":material/crop:",
                disabled=selected is None or not possible,
                key=f"redraw_{key}",
            ):
                edit = Edit("redraw", selected, box)
            if st.button(
                f"Remove {named}",
                icon=":material/delete:",
                disabled=selected is None,
                key=f"remove_{key}",
            ):
                edit = Edit("remove", selected)
            if st.button(
                "Undo", icon=":material/undo:", disabled=not state.edits, key=f"undo_{key}"
            ):
                state.edits = state.edits[:-1]
                st.rerun()
        if edit is not None:
            _try(region, reading, state, edit)
        if state.edits:
            st.caption(f"{len(state.edits)} of your edits are in this reading.")


def _box(region: Region, key: str) -> tuple[tuple[int, int, int, int], bool]:
    """The box that was typed or dragged, and whether each number of it lies in the picture."""
    height, width = region.shape
    names = ("Left", "Top", "Width", "Height")
    limits = [(0, most) for most in (width, height, width, height)]
    x, y, w, h = (
        int(number(column, name, ends, 0, step=1, key=f"field_box_{short}_{key}"))
        for column, name, ends, short in zip(st.columns(4), names, limits, "xywh", strict=True)
    )
    return (x, y, w, h), all(map(within, (x, y, w, h), limits))


def _try(region: Region, reading: FieldReading, state: FieldState, edit: Edit) -> None:
    with shown_errors():
        marked = mark(reading.field, region, (*state.edits, edit), reading.um_per_px)
        state.edits, state.box = (*state.edits, edit), None
        if edit.kind == "add":
            state.selected = marked[-1].number
        elif edit.kind == "remove":
            state.selected = None
        st.rerun()
