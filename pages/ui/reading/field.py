"""Shows a whole smear field: its cells in the picture and in a gallery, their sum, and edits."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.cells.detection.detect import Field
from core.cells.detection.tiles import Region, Whole
from core.data.images import size_of
from core.reading.fields import drawing
from core.reading.fields.detection_job import DetectionJob
from core.reading.fields.reader import read_field, single
from core.reading.fields.reading import FieldReading
from core.reading.picture import is_large
from core.reading.preparing.options import ReadingOptions
from core.runs.run_store import Run
from core.workers import launcher
from pages.ui.common import cache, steps
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, shown_errors
from pages.ui.reading import cell, field_chart, field_parts
from pages.ui.reading.field_inputs import FieldState, ask_for_scale, show_edits, show_scale

SELECT, DRAW = "Select a cell", "Draw a box"
_KEY = 20  # characters of the SHA-256 of a file that name its field
STEP = 16  # cells that are read before the stop button is looked at again


def show(run: Run, name: str, data: bytes, options: ReadingOptions) -> None:
    """Finds the white cells in the bytes of an image, reads them with a run and shows them.

    Of what was `told`, only whether to adapt stain matters here.
    """
    with shown_errors():
        key = _key(name, data)
        state: FieldState = st.session_state.setdefault(f"field_{key}", FieldState())
        working = st.empty()  # search and reading share this place, so that no button stays behind
        opened = _open(name, data, key, state, working)
        if opened is None:
            return
        region, picture, detected, notes = opened
        offer = f"field_adapt_{key}"
        adapt = options.adapt_stain or bool(st.session_state.get(offer))
        reading = _read(run, region, detected, name, state, working, adapt)
        if reading.question is not None:
            ask_for_scale(reading, picture, key, state)
            return
        for note in notes:
            st.caption(plain(note))
        field_parts.show_summary(reading)
        if not options.adapt_stain:
            field_parts.offer_adapting(reading, offer)
        if reading.waiting:
            st.warning(
                f"The reading was stopped: {reading.waiting} cells have not been read. The "
                "figures here are of the others.",
                icon=":material/pause:",
            )
            st.button(
                "Go on reading",
                icon=":material/play_arrow:",
                on_click=_set_stopped,
                args=(state, False),
            )
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _show_chart(picture, reading, key, state)
        with right:
            if state.selected is None and len(reading.cells) != 1:
                field_parts.show_gallery(region, reading, key, partial(_select, state))
            else:
                _show_selected(run, region, reading, state, key)
        show_edits(region, reading, key, state)
        field_parts.show_patient(reading, key)
        field_parts.show_downloads(cache.reader(run), region, reading, picture, key)
        show_scale(reading, key, state)


def shows_cell(digest: str) -> bool:
    """Whether a cell of the field with this SHA-256 is open beside it."""
    state: FieldState | None = st.session_state.get(f"field_{digest[:_KEY]}")
    return state is not None and state.selected is not None


def latest(run: Run, digest: str) -> FieldReading | None:
    """The reading of the field with this SHA-256 that the page has shown last, with its edits."""
    state: FieldState | None = st.session_state.get(f"field_{digest[:_KEY]}")
    return state.reading if state is not None and state.run == _version(run) else None


def _version(run: Run) -> tuple[str, int, int]:
    return run.run_id, run.exported_ns, run.calibration_ns


def _key(name: str, data: bytes) -> str:
    """A name for the content of a file; that of a large file is computed once a session."""
    step = max(1, len(data) // 64)
    quick = hashlib.sha256(b"".join(data[at : at + 4096] for at in range(0, len(data), step)))
    keys: dict[str, str] = st.session_state.setdefault("field_keys", {})
    sample = f"{name} {len(data)} {quick.hexdigest()}"
    if sample not in keys:
        keys[sample] = hashlib.sha256(data).hexdigest()[:_KEY]
    return keys[sample]


def _open(
    name: str, data: bytes, key: str, state: FieldState, working: DeltaGenerator
) -> tuple[Region, np.ndarray, Field, tuple[str, ...]] | None:
    """Opens a field: its pixels, a picture to show, its cells, and what was done to its pixels.

    None while it is searched.
    """
    if not is_large(data, name):
        image, notes = cache.decoded(data, name)
        detected = cache.white_cells(data, name, state.um_per_px)
        return Whole(image), drawing.overview(image), detected, notes
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
    file = job.cells_file
    if status.state in ("failed", "interrupted", "cancelled"):
        field_parts.show_ended(job, status, file.is_file())
    if not file.is_file():
        return None
    found = cache.scanned(str(file), file.stat().st_mtime_ns)
    return job.pixels, job.overview, found, job.notes


def _read(
    run: Run,
    region: Region,
    detected: Field,
    name: str,
    state: FieldState,
    working: DeltaGenerator,
    adapt_stain: bool,
) -> FieldReading:
    """Reads a few cells at a time, so that a press of the button stops it."""
    version = _version(run)
    if state.run != version:
        state.run, state.reading, state.singles = version, None, {}
    unfinished = False
    with working.container(), show_progress("Reading the cells", "cells") as progress:
        while True:
            before = state.reading
            if before is not None and before.field is not detected:
                before = None
            reading = read_field(
                cache.reader(run),
                region,
                detected,
                name,
                um_per_px=state.um_per_px,
                adapt_stain=adapt_stain,
                edits=state.edits,
                before=before,
                at_most=0 if state.stopped else STEP,
            )
            state.reading = reading
            if not reading.waiting or state.stopped:
                break
            if not unfinished:
                unfinished = True
                st.button(
                    "Stop reading",
                    icon=":material/stop:",
                    on_click=_set_stopped,
                    args=(state, True),
                )
            progress(len(reading.cells) - reading.waiting, len(reading.cells))
    if unfinished:
        st.rerun()  # without the button
    return reading


def _set_stopped(state: FieldState, stopped: bool) -> None:
    state.stopped = stopped


def _select(state: FieldState, number: int | None) -> None:
    state.selected = number


def _show_chart(picture: np.ndarray, reading: FieldReading, key: str, state: FieldState) -> None:
    chart = f"field_chart_{key}"
    width = picture.shape[1]

    def take_selection() -> None:
        selection = st.session_state[chart]["selection"]
        if selection.get("box"):
            box = selection["box"][-1]
            across, down = tuple(box["x"][:2]), tuple(box["y"][:2])
            state.box = drawing.in_field(across, down, reading, width)
            for name, value in zip("xywh", state.box, strict=True):
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
        on_select=take_selection,
        selection_mode=("points", "box"),
        config=field_chart.CONFIG,
        alt=f"The field {reading.image} with {len(reading.cells)} numbered white cells",
    )
    if mode == DRAW:
        st.caption("Drag around a cell; below the picture, say what to do with the box.")


def _show_selected(
    run: Run, region: Region, reading: FieldReading, state: FieldState, key: str
) -> None:
    """Shows the selected cell, or the only one, and the ways to the others if there are any."""
    order = [one.number for one in reading.by_probability]
    number = order[0] if len(order) == 1 else state.selected
    if number not in order:
        state.selected = None
        return
    if len(order) > 1:
        steps.show(order, number, "By probability", f"field_steps_{key}", partial(_select, state))
        st.button(
            "All cells",
            key=f"field_all_{key}",
            icon=":material/grid_view:",
            type="tertiary",
            on_click=_select,
            args=(state, None),
        )
    alone = state.singles.get(number)
    if alone is None or alone.gate != reading.find(number).gate:
        alone = single(cache.reader(run), region, reading, number)
        state.singles = dict(list(state.singles.items())[-7:]) | {number: alone}
    # What holds of the model stands above the field.
    key = f"{run.run_id}_{key}_{number}"
    cell.show_column(run, alone, key, f"Cell No. {number}", said=cache.record(run).real_cells)
