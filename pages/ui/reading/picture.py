"""Shows what models make of one picture: a cell, a whole field, or nothing they can read."""

import streamlit as st

from core.cells.scale import CNMC_SIDE
from core.reading.cell_reading import Reading
from core.reading.picture import has_background, is_field, is_large
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.runs import about
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.frame import printed
from pages.ui.common.text import plain, shown_errors
from pages.ui.common.uploads import Upload
from pages.ui.reading import cell, field

AS_FIELD = "Read it as a whole field"
SWAP, SCALE, ADAPT = "swap", "scale", "adapt"  # what a user can say of a refused picture
LABELS = {
    SWAP: "Swap red and blue, and read it",
    SCALE: f"Read it as a frame of {CNMC_SIDE} pixels that was made smaller",
    ADAPT: "Read it as if stained like the reference cells",
}
HINTS = {
    SWAP: "Some tools store blue first. The picture itself is not changed.",
    SCALE: "At {um_per_px:g} µm a pixel. Detail that was lost does not come back.",
    ADAPT: (
        "Its colours are brought to theirs before it is read. The reading says so, and its "
        "interval is wider."
    ),
}


def chosen_options(key: str) -> ReadingOptions:
    """How the user has all pictures of the table with that key read."""
    return ReadingOptions(adapt_stain=st.session_state.get(f"{key}_{ADAPT}", False))


def show(runs: list[Run], upload: Upload, options: ReadingOptions = NO_OPTIONS) -> None:
    """Shows the readings of one picture, of which the user has `told` something already.

    `core.reading.picture` decides whether it is a cell or a field. A field is read with the first
    of the runs.
    """
    printed.shows(runs, upload.name)
    with shown_errors():
        data = upload.data  # once: of a large scan each copy is hundreds of megabytes
        if is_large(data, upload.name) and not runs[0].config.sees_whole_images:
            _show_field(runs[0], upload.name, data, options)
            return
        readings = _read(runs, data, upload, options)
        if _as_field(readings[0], upload):
            if len(runs) > 1:
                st.caption(f"A field is read with one model, here {plain(about.called(runs[0]))}.")
            _show_field(runs[0], upload.name, data, options)
        else:
            _show_cell(runs, readings, upload)


def chosen_as_field(upload: Upload) -> bool | None:
    """Whether the user had the picture read as a field; None while nothing has been said of it."""
    chosen: bool | None = st.session_state.get(_toggle(upload))
    return chosen


def _toggle(upload: Upload) -> str:
    return f"as_field_{upload.digest[:12]}"


def _read(runs: list[Run], data: bytes, upload: Upload, options: ReadingOptions) -> list[Reading]:
    """The readings of a picture, with what the user says of it wherever that would have it read."""
    while True:
        readings = [cache.reading(run, data, upload.name, options) for run in runs]
        offer = readings[0].gate.offer
        if offer is None or offer == options:
            return readings
        if _kind(offer, options) == ADAPT and _is_field_now(readings[0], upload):
            return readings  # it is offered of the cells of the field
        if not _offer(offer, options, upload):
            return readings
        options = offer


def _is_field_now(reading: Reading, upload: Upload) -> bool:
    chosen = chosen_as_field(upload)
    return has_background(reading) and (is_field(reading) if chosen is None else chosen)


def read_with_options(
    runs: list[Run], upload: Upload, options: ReadingOptions
) -> list[Reading] | None:
    """The readings with what the user said of this refused picture; None while nothing is said."""
    if not any(st.session_state.get(_offered(name, upload)) for name in LABELS):
        return None
    said = options_of(runs[0], upload, options)
    return [cache.reading(run, upload.data, upload.name, said) for run in runs]


def options_of(run: Run, upload: Upload, options: ReadingOptions) -> ReadingOptions:
    """What the user has said of a picture, beside what was `told` of all."""
    while True:
        offer = cache.reading(run, upload.data, upload.name, options).gate.offer
        if offer is None or offer == options:
            return options
        if not st.session_state.get(_offered(_kind(offer, options), upload)):
            return options
        options = offer


def _kind(offer: ReadingOptions, options: ReadingOptions) -> str:
    if offer.adapt_stain and not options.adapt_stain:
        return ADAPT
    return SWAP if offer.swap_red_blue and not options.swap_red_blue else SCALE


def _offered(kind: str, upload: Upload) -> str:
    return f"{kind}_{upload.digest[:12]}"


def _offer(offer: ReadingOptions, options: ReadingOptions, upload: Upload) -> bool:
    """Lets the user say something of a picture that was refused; whether it is said."""
    kind = _kind(offer, options)
    hint = HINTS[kind].format(um_per_px=offer.um_per_px or 0)
    return st.toggle(LABELS[kind], key=_offered(kind, upload), help=hint, persist_state="session")


def _show_field(run: Run, name: str, data: bytes, options: ReadingOptions) -> None:
    cell.warn_of_synthetic(run)
    field.show(run, name, data, options)
    if not cache.record(run).real_cells:
        st.caption(cell.protocol(run))


def _as_field(reading: Reading, upload: Upload) -> bool:
    """Lets the user decide about a picture with a background."""
    if not has_background(reading):
        return False
    return st.toggle(
        AS_FIELD,
        value=is_field(reading),
        key=_toggle(upload),
        persist_state="session",
        help="Each white cell in it is found and read on its own.",
    )


def _show_cell(runs: list[Run], readings: list[Reading], upload: Upload) -> None:
    """Shows the reading of one model, or the picture once and each model in a column of its own."""
    if len(runs) > 1:
        _show_several(runs, readings, upload)
        return
    cell.show(runs[0], readings[0], f"{runs[0].run_id}_{upload.digest[:12]}")
    if not (readings[0].cells or readings[0].prepared):
        _show_preview(upload)


def _show_several(runs: list[Run], readings: list[Reading], upload: Upload) -> None:
    calls = {one.call for reading in readings for one in reading.cells}
    if all(reading.cells for reading in readings):
        agreed = "agree" if len(calls) == 1 else "**do not agree**: a person should look"
        st.markdown(f"## {plain(upload.name)}: the {len(runs)} models {agreed}.")
    read = [reading for reading in readings if reading.cells]
    if read:
        cell.show_shared(read[0])
    elif not readings[0].prepared:
        _show_preview(upload)
    for column, run, reading in zip(st.columns(len(runs)), runs, readings, strict=True):
        with column:
            key = f"{run.run_id}_{upload.digest[:12]}"
            cell.show_column(run, reading, key, about.called(run))


def _show_preview(upload: Upload) -> None:
    preview = cache.small_picture(upload.data, upload.name)
    if preview is not None:
        st.image(preview, width=300, alt=f"The picture {upload.name}, which was not read")
