"""Shows the reading of one cell: what the model suggests, and what that rests on.

The same view serves a cell that was uploaded alone, one of many, and one out of a field.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.cells.scale import size
from core.errors import UploadError
from core.metrics.classification import NAMES
from core.reading.cell_reading import CellReading, Reading
from core.reading.checks import CHECKS
from core.reading.gate import Gate
from core.reading.neighbours import Neighbour
from core.reading.preparing.adapted import ADAPTED
from core.report import operating_point, phrases
from core.report.limits import limits
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.text import CALLS, plain, sentence
from pages.ui.reading import heat_map

HEADLINE = "balanced_accuracy"
_TILE = 146  # pixels
_CHECKS = {
    "stained": "It shows a stained cell",
    "field": "It shows one cell, not a whole field",
    "natural background": "The cell stands alone on black, or could be cut out",
    "channels": "Red and blue are in their order",
    "scale": "The cell is of a size that the model knows",
    "sharp": "It is whole, in focus and well exposed",
    "appearance": "Colour, light and chromatin are those of its reference cells",
    "known": "To the model it is like its reference cells",
}
_FIGURES = {
    "black_border": "Black share of the border",
    "cell_share": "Share of the window that the cell fills",
    "other_regions": "Further regions, of the cell's area",
    "green": "Green over the weaker of red and blue",
    "texture": "Chromatin texture",
    "diameter_px": "Diameter",
    "least_diameter_px": "Least diameter of reference cells",
    "most_diameter_px": "Largest diameter of reference cells",
    "um_per_px": "Micrometres a pixel of the picture",
    "focus": "Focus",
    "least_focus": "Least focus",
    "cut_off": "Straight edge, of the diameter",
    "foreign_colours": "Share of colours no smear has",
    "glass": "Share of empty glass",
    "white_cells": "White cells found",
    "red_cells_across": "Red cells across the picture",
    "red_over_blue": "Red over blue, in the nucleus",
    "red_varies": "Variation of red over that of blue",
    "enlargement": "Enlargement to the scale of reference cells",
    "own_appearance": "Distance in what is measured, before its colours were adapted",
    "appearance": "Distance in what is measured",
    "appearance_limit": "Its limit",
    "distance": "Distance to reference cells, by the model",
    "distance_limit": "Limit of that distance",
}


def show(run: Run, reading: Reading, key: str, *, narrow: bool = False) -> None:
    """Shows a reading of one cell, or why it was not read.

    `key` names the widgets. `narrow` puts the parts below each other, without settings of the heat
    map, for a column beside other models.
    """
    if not reading.cells:
        _show_refusal(reading)
        return
    (cell,) = reading.cells
    alt = f"The {'image' if cell.whole_image else 'cell'} {reading.image}, " + (
        "to be reviewed" if cell.call == "review" else f"called {cell.call}"
    )
    with st.container(border=True):
        left, right = _halves((2, 3), narrow)
        with left:
            _show_call(cell)
        with right:
            _show_probability(cell)
        _show_limits(run, cell)
    left, right = _halves((2, 1), narrow)
    with left:
        _show_images(cell, alt, narrow)
    with right:
        heat_map.show(run, cell, reading.image, key, compact=narrow)
    with st.container() if narrow else left:
        if cell.findings:
            st.markdown("**The cell in words**")
        st.markdown("\n".join(f"- {plain(finding.words)}" for finding in cell.findings))
        st.caption(protocol(run))
    _show_prepared(reading)
    _show_similar(cell)
    _show_checks(reading.gate)
    _show_origin(run, reading, cell)


def show_model(run: Run) -> None:
    """Shows what a user should know about a model beside any reading by it."""
    st.caption(protocol(run))
    _warn_of_synthetic(run)


def protocol(run: Run) -> str:
    """How well the model did, and on what, in one sentence."""
    measured = run.metrics
    if measured is None:
        return "This model has not been measured."
    test, rules = measured.test, measured.protocol
    kind = "images" if run.config.sees_whole_images else "cells"
    kind = f"synthetic {kind}" if measured.dataset.synthetic else kind
    where = "of patients it had also trained on" if rules.leaking else "of held-out subjects"
    if rules.training_unknown:
        where = "of patients that it may have trained on"
    elif rules.unknown_subjects:
        where = "of unknown patients, whom it may have trained on"
    estimate = test.estimate(HEADLINE)
    score = "undefined" if estimate.value is None else phrases.full(estimate)
    return f"{NAMES[HEADLINE]} {score} on {test.images} {kind} {where}."


def _halves(widths: tuple[int, int], narrow: bool) -> Sequence[DeltaGenerator]:
    return (st.container(), st.container()) if narrow else st.columns(widths, gap="medium")


def _show_refusal(reading: Reading) -> None:
    gate = reading.gate
    reason = f"**{plain(reading.image)} was not read.** {plain(gate.reason or '')}"
    st.warning(reason, icon=":material/block:")
    if gate.way_out:
        st.markdown(f":material/arrow_forward: **What to do.** {plain(gate.way_out)}")
    _show_prepared(reading)
    _show_unchecked(gate)
    _show_checks(gate)


def _show_call(cell: CellReading) -> None:
    st.markdown(f"### The model suggests: {CALLS[cell.call]}")
    if cell.adapted:
        st.markdown(":material/palette: **Read as if stained like the reference cells.**")
    if cell.call == "review":
        st.markdown(f"By its threshold it leans to {CALLS[cell.leaning]}.")


def _show_limits(run: Run, cell: CellReading) -> None:
    """The gravest limit in one line, and the others folded away behind it."""
    gravest, *others = [*limits(cell, run.calibration, cache.record(run)), ""]
    if not gravest:
        return
    first, end, rest = gravest.partition(". ")
    st.markdown(f":material/warning: **What limits it most.** {plain(first + end.strip())}")
    others = [text for text in (rest, *others) if text]
    if others:
        with st.expander(f"What else limits it ({len(others)})"):
            st.markdown("\n".join(f"- {plain(text)}" for text in others))


def _warn_of_synthetic(run: Run) -> None:
    if said := cache.record(run).real_cells:
        first, end, rest = plain(said).partition(". ")
        st.caption(f":material/warning: **{first}**{end}{rest}")


def _show_probability(cell: CellReading) -> None:
    text = f"Probability of ALL **{cell.probability:.0%}**, of HEM {cell.probability_hem:.0%}"
    st.progress(cell.probability, text=text)
    if cell.interval is not None:
        low, high = cell.interval
        st.caption(
            f"95% interval of the probability of ALL: {low:.0%} to {high:.0%}, by how its "
            "calibration varies with the subjects"
            + (" and by what adapting its colours costs." if cell.adapted else ".")
        )


def _show_images(cell: CellReading, alt: str, narrow: bool) -> None:
    kind, found = "cell", "Its outline: what was measured"
    if cell.whole_image:
        kind, found = "image", "The white cells found in it"
    images = [
        (cell.image, f"The {kind}, as the model reads it", alt),
        (cell.outlined, found, f"{alt}, with its outline"),
    ]
    if cell.unadapted is not None:
        images = [
            (cell.unadapted, "The cell, as it came", f"{alt}, as it came"),
            (cell.image, "Adapted: as the model reads it", f"{alt}, its colours adapted"),
        ]
    elif narrow:
        st.image(cell.image, width="stretch", alt=alt)
        return
    for column, (image, caption, text) in zip(st.columns(2, gap="small"), images, strict=True):
        column.image(image, width="stretch", alt=text)
        column.caption(caption)


def _show_unchecked(gate: Gate) -> None:
    if gate.unchecked:
        reasons = " ".join(dict.fromkeys(gate.unchecked.values()))
        st.caption(f":material/help: Not all was checked. {plain(reasons)}")


def _show_prepared(reading: Reading) -> None:
    """Shows the picture as it came beside the part that was read of it, if they differ."""
    if reading.prepared is None or reading.picture is None:
        return
    if reading.cells and reading.prepared.words == (ADAPTED,):
        return  # both stand above already
    how = "Adapted: what" if ADAPTED in reading.prepared.words else "What"
    st.markdown(f":material/content_cut: {plain(' '.join(reading.prepared.words))}")
    with st.container(horizontal=True, gap="small"):
        for picture, caption in (
            (reading.prepared.outlined, "As it came, the cell outlined"),
            (reading.picture, f"{how} the model reads"),
        ):
            with st.container(width=240):
                st.image(picture, width="stretch", caption=caption)


def _show_similar(cell: CellReading) -> None:
    kind = "images" if cell.whole_image else "cells"
    st.markdown(f"**The reference {kind} most like it, to this model**")
    if cell.similar is None:
        st.caption("This model did not keep its reference cells. Train it again to see them.")
        return
    with st.container(horizontal=True, gap="small"):
        for neighbour in cell.similar:
            with st.container(width=_TILE, gap="xxsmall"):
                _show_neighbour(neighbour)
    st.caption(
        "Of the training part of its data, the nearest first by the model's features. Their labels "
        "are no vote."
    )


def _show_neighbour(neighbour: Neighbour) -> None:
    if neighbour.file is None:
        name = PurePosixPath(neighbour.image_id).name
        st.caption(f"{plain(name)} is not on this machine now.")
    else:
        try:
            changed = neighbour.file.stat().st_mtime_ns
            picture = cache.thumbnail(str(neighbour.file), changed)
            alt = f"Reference cell {neighbour.image_id}, labelled {neighbour.label}"
            st.image(picture, width="stretch", alt=alt)
        except (OSError, UploadError) as error:
            st.caption(plain(str(error)))
    st.markdown(CALLS[neighbour.label])
    st.caption(
        f"Subject {plain(neighbour.subject or 'unknown')}, group "
        f"{plain(neighbour.group or 'unknown')}; distance {neighbour.distance:.2g}"
    )


def _show_checks(gate: Gate) -> None:
    """Shows which checks were passed, which could not be made, which refused, and the figures."""
    with st.expander("Checks made"):
        for code in CHECKS:
            if code in gate.checks:
                st.markdown(f":material/check: {_CHECKS[code]}")
            elif code in gate.unchecked:
                st.markdown(f":material/help: {_CHECKS[code]}: {plain(gate.unchecked[code])}")
            elif code == gate.code:
                st.markdown(f":material/block: **Not so: {_CHECKS[code].lower()}**")
        if gate.figures:
            names = [_FIGURES.get(name, name) for name in gate.figures]
            values = [_figure(gate, name, value) for name, value in gate.figures.items()]
            st.dataframe(pd.DataFrame({"Measured": names, "Value": values}), hide_index=True)


def _figure(gate: Gate, name: str, value: float | None) -> str:
    if value is None:
        return "none"
    return gate.size(name) if name.endswith("diameter_px") else f"{value:.3g}"


def _show_origin(run: Run, reading: Reading, cell: CellReading) -> None:
    with st.expander("How this was read"):
        x, y, w, h = cell.bbox
        what = (
            f"the whole image of {size((w, h), None)}"
            if cell.whole_image
            else f"cell of {size((w, h), cell.gate.um_per_px)} at ({x}, {y}), filling "
            f"{cell.gate.cell_share:.0%} of the model's window"
        )
        calibration = run.calibration
        rule = f"Threshold {calibration.threshold:.3g}"
        if band := calibration.band:
            rule += f", review from {band.low:.3g} to {band.high:.3g}"
        st.markdown(
            f"- File {plain(reading.image)}; {what}\n"
            f"- Model {run.run_id} ({run.config.architecture}); log-odds of ALL {cell.logit:+.3f}\n"
            f"- {rule}. {operating_point.rule(calibration)} {sentence(calibration.reason)}."
        )
