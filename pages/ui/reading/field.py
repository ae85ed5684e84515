"""A whole smear field: its cells in the picture and in a gallery, what they come to, and edits."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.cells.detection.detect import Field
from core.cells.detection.tiles import Region, Whole
from core.cells.scale import CAMERA_UM
from core.data.images import size_of
from core.explain.trust import Judgement
from core.reading import field_picture
from core.reading.detection_job import DetectionJob
from core.reading.field import Edit, FieldReading, mark, read_field, single
from core.reading.picture import is_large
from core.reading.reader import Reading
from core.runs.run_store import Run
from core.workers import launcher
from pages.ui.common import cache
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, shown_errors
from pages.ui.reading import field_cell, field_chart, field_parts

SELECT, DRAW = "Select a cell", "Draw a box"
STEP = 16  # cells between two looks for a press of the stop button


@dataclass
class State:
    """What a browser session remembers of one field: choices, and what was read by them."""

    um_per_px: float | None = None
    edits: tuple[Edit, ...] = ()
    selected: int | None = None
    box: tuple[int, int, int, int] | None = None
    stopped: bool = False
    run: tuple[str, int, int] | None = None
    reading: FieldReading | None = None
    singles: dict[int, tuple[Reading, Judgement | None]] = field(default_factory=dict)


def show(run: Run, name: str, data: bytes) -> None:
    """Finds and reads the white cells of an image's bytes with a run, and shows them."""
    with shown_errors():
        key = _key(name, data)
        state: State = st.session_state.setdefault(f"field_{key}", State())
        working = st.empty()  # search and reading take turns here, so that no button outstays them
        opened = _open(name, data, key, state, working)
        if opened is None:
            return
        region, picture, found = opened
        reading = _read(run, region, found, name, state, working)
        if reading.question is not None:
            _ask(reading, picture, key, state)
            return
        field_parts.show_summary(reading)
        if reading.waiting:
            _go_on(reading, state)
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _picture(picture, reading, key, state)
        with right:
            field_parts.show_gallery(region, reading, state.selected, key, _selector(state))
        _selected(run, region, reading, state)
        _edit(region, reading, key, state)
        field_parts.show_patient(reading, key)
        field_parts.show_downloads(cache.reader(run), region, reading, picture, key)
        _scale(reading, key, state)


def _key(name: str, data: bytes) -> str:
    """Names a file's content; of a large file, worked out once a session."""
    step = max(1, len(data) // 64)
    quick = hashlib.sha256(b"".join(data[at : at + 4096] for at in range(0, len(data), step)))
    memory: dict[str, str] = st.session_state.setdefault("field_keys", {})
    place = f"{name} {len(data)} {quick.hexdigest()}"
    if place not in memory:
        memory[place] = hashlib.sha256(data).hexdigest()[:20]
    return memory[place]


def _open(
    name: str, data: bytes, key: str, state: State, working: DeltaGenerator
) -> tuple[Region, np.ndarray, Field] | None:
    """The field's pixels, a picture to show and its cells; None while a scan is worked through."""
    if not is_large(data, name):
        image = cache.decoded(data, name)
        found = cache.white_cells(data, name, state.um_per_px)
        return Whole(image), field_picture.overview(image), found
    scale = "" if state.um_per_px is None else f"-{state.um_per_px:g}"
    job = DetectionJob.of(f"{key}{scale}")
    status = job.status
    if status.state == "none":
        job.put(data, Path(name).suffix, state.um_per_px)
        launcher.start(job)
        status = job.status
    if status.unfinished:
        with working.container():
            field_parts.show_search(job, name, size_of(data, name))
        return None
    kept = job.cells_file
    if status.state in ("failed", "interrupted", "cancelled"):
        field_parts.show_ended(job, status, kept.is_file())
    if not kept.is_file():
        return None
    return job.pixels, job.overview, cache.scanned(str(kept), kept.stat().st_mtime_ns)


def _read(
    run: Run, region: Region, found: Field, name: str, state: State, working: DeltaGenerator
) -> FieldReading:
    """Reads the cells, some at a time, so that a press of the button stops it."""
    version = (run.run_id, run.exported_ns, run.contract_ns)
    if state.run != version:
        state.run, state.reading, state.singles = version, None, {}
    place = working.container()
    bar: Callable[[int, int], object] | None = None
    with place, show_progress("Reading the cells", "cells") as progress:
        while True:
            before = state.reading
            if before is not None and before.field is not found:
                before = None
            reading = read_field(
                cache.reader(run),
                region,
                found,
                name,
                um_per_px=state.um_per_px,
                edits=state.edits,
                before=before,
                at_most=0 if state.stopped else STEP,
            )
            state.reading = reading
            if not reading.waiting or state.stopped:
                break
            if bar is None:
                bar = progress
                st.button("Stop reading", icon=":material/stop:", on_click=_stop, args=(state,))
            progress(len(reading.cells) - reading.waiting, len(reading.cells))
    if bar is not None:
        st.rerun()  # without the button
    return reading


def _stop(state: State) -> None:
    state.stopped = True


def _resume(state: State) -> None:
    state.stopped = False


def _go_on(reading: FieldReading, state: State) -> None:
    st.warning(
        f"The reading was stopped: {reading.waiting} cells have not been read. What is said here "
        "is of the others.",
        icon=":material/pause:",
    )
    st.button("Go on reading", icon=":material/play_arrow:", on_click=_resume, args=(state,))


def _picture(picture: np.ndarray, reading: FieldReading, key: str, state: State) -> None:
    chart = f"field_chart_{key}"
    width = picture.shape[1]

    def chosen() -> None:
        selection = st.session_state[chart]["selection"]
        if selection.get("box"):
            box = selection["box"][-1]
            across, down = tuple(box["x"][:2]), tuple(box["y"][:2])
            state.box = field_picture.in_field(across, down, reading, width)
            x, y, w, h = state.box
            for name, value in zip("xywh", (x, y, w, h), strict=True):
                st.session_state[f"field_box_{name}_{key}"] = max(0, value)
        elif selection.get("points"):
            state.selected = int(selection["points"][0]["customdata"][0])

    mode = st.segmented_control(
        "What the pointer does",
        (SELECT, DRAW),
        default=SELECT,
        required=True,
        label_visibility="collapsed",
        key=f"field_mode_{key}",
    )
    st.plotly_chart(
        field_chart.field(picture, reading, state.selected, drawing=mode == DRAW),
        key=chart,
        on_select=chosen,
        selection_mode=("points", "box"),
        config=field_chart.CONFIG,
        alt=f"The field {reading.image} with {len(reading.cells)} numbered white cells",
    )
    st.caption(
        "Drag around a cell; below the picture, say what to do with the box."
        if mode == DRAW
        else "Click a cell to see its reading. Drag to move, turn the wheel to zoom."
    )


def _selector(state: State) -> Callable[[int], None]:
    def choose(number: int) -> None:
        state.selected = number

    return choose


def _selected(run: Run, region: Region, reading: FieldReading, state: State) -> None:
    numbers = {one.number for one in reading.cells}
    if state.selected not in numbers:
        return
    number = state.selected
    kept = state.singles.get(number)
    if kept is None or kept[0].gate != reading.find(number).gate:
        kept = single(cache.reader(run), region, reading, number), None
        state.singles = dict(list(state.singles.items())[-7:]) | {number: kept}
    said = kept[0]

    def judge() -> Judgement:
        judged = state.singles[number][1]
        if judged is None:
            with st.spinner("Examining the heat map…"):
                judged = cache.reader(run).judge(said.cells[0])
            state.singles[number] = said, judged
        return judged

    st.subheader(f"Cell No. {number}", anchor=False)
    field_cell.show(said, judge)


def _ask(reading: FieldReading, picture: np.ndarray, key: str, state: State) -> None:
    """For the magnification, before anything is read."""
    left, right = st.columns([1, 1], gap="large")
    left.image(picture, width="stretch", alt=f"The field {reading.image}")
    with right:
        count = len(reading.field.cells)
        if count == 0:
            st.info(
                "**No white cell was found in this field.** There is nothing to read. If you see "
                "one, give the scale below, and it is searched again.",
                icon=":material/search_off:",
            )
        else:
            st.warning(
                f"**How large is a pixel?** {count} white "
                f"{'cell was' if count == 1 else 'cells were'} found, but nothing is read before "
                f"the scale is known. {plain(reading.question or '')}",
                icon=":material/straighten:",
            )
        with st.form(f"field_scale_{key}", border=False):
            _scale_inputs(key, state)


def _scale(reading: FieldReading, key: str, state: State) -> None:
    with st.expander("Scale", icon=":material/straighten:"):
        st.markdown(
            f"One pixel covers **{reading.um_per_px:.3g} µm**, by {reading.scale_by}. Red cells "
            "are taken to be 7.5 µm across. If the microscope says otherwise, give its scale."
        )
        with st.form(f"field_scale_{key}", border=False):
            _scale_inputs(key, state)
        if state.um_per_px is not None and st.button("Back to the red cells", key=f"back_{key}"):
            state.um_per_px = None
            st.rerun()


def _scale_inputs(key: str, state: State) -> None:
    low, high = CAMERA_UM
    value = st.number_input(
        "Micrometres a pixel",
        low,
        high,
        value=state.um_per_px,
        step=0.001,
        format="%.4f",
        placeholder="such as 0.065",
        help="The camera's pixel size in µm over the magnification: 6.5 µm over 100 is 0.065.",
        key=f"field_um_{key}",
    )
    if st.form_submit_button("Read at this scale", type="primary") and value:
        state.um_per_px = value
        st.rerun()


def _edit(region: Region, reading: FieldReading, key: str, state: State) -> None:
    """Adds, removes or redraws a box; each is tried before it is kept."""
    with st.expander(
        "Add, remove or redraw a box",
        icon=":material/edit:",
        expanded=state.box is not None or bool(state.edits),
    ):
        st.caption(
            "Drag a box in the picture, or type it, in pixels of the field. The outline is found "
            "inside it; a cell you pointed at is read like any other."
        )
        places = st.columns(4)
        box = tuple(
            int(place.number_input(name, 0, step=1, key=f"field_box_{short}_{key}"))
            for place, name, short in zip(
                places, ("Left", "Top", "Width", "Height"), "xywh", strict=True
            )
        )
        number = state.selected
        wanted: Edit | None = None
        with st.container(horizontal=True):
            if st.button("Add this box", icon=":material/add_box:", key=f"add_{key}"):
                wanted = Edit("add", None, box)  # type: ignore[arg-type]
            named = "the selected cell" if number is None else f"No. {number}"
            if st.button(
                f"Redraw {named} as this box",
                icon=":material/crop:",
                disabled=number is None,
                key=f"redraw_{key}",
            ):
                wanted = Edit("redraw", number, box)  # type: ignore[arg-type]
            if st.button(
                f"Remove {named}",
                icon=":material/delete:",
                disabled=number is None,
                key=f"remove_{key}",
            ):
                wanted = Edit("remove", number)
            if st.button(
                "Undo", icon=":material/undo:", disabled=not state.edits, key=f"undo_{key}"
            ):
                state.edits = state.edits[:-1]
                st.rerun()
        if wanted is not None:
            _try(region, reading, state, wanted)
        if state.edits:
            st.caption(f"{len(state.edits)} of your edits are in this reading.")


def _try(region: Region, reading: FieldReading, state: State, edit: Edit) -> None:
    """Keeps an edit that can be made; else the error says why not."""
    with shown_errors():
        marked = mark(reading.field, region, (*state.edits, edit), reading.um_per_px)
        state.edits, state.box = (*state.edits, edit), None
        if edit.kind == "add":
            state.selected = marked[-1].number
        elif edit.kind == "remove":
            state.selected = None
        st.rerun()
