"""What a reading rests on: shown behind "Why", and beside a picture that was not read."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import pandas as pd
import streamlit as st

from core.cells.scale import size
from core.errors import UploadError
from core.explain.trust import Judgement
from core.reading.cell_reading import CellReading, Reading
from core.reading.checked_picture import Gate
from core.reading.checks import CHECKS, OF_WHOLE_IMAGES
from core.reading.description import Description
from core.reading.neighbours import Neighbour
from core.reading.preparing.adapted import ADAPTED
from core.report import operating_point
from core.report.glossary import explain
from core.runs.about import called
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.text import CALLS, plain, sentence
from pages.ui.reading import heat_map

_TILE = 146  # pixels
_CHECKS = {
    "not black": "It is not black",
    "stained": "It shows a stained cell",
    "field": "It shows one cell, not a whole field",
    "natural background": "The cell stands alone on black, or could be cut out",
    "channels": "Red and blue are in their order",
    "scale": "The cell is of a size that the model knows",
    "sharp": "It is whole, in focus and well exposed",
    "appearance": "Colour, light and chromatin are those of the reference",
    "known": "To the model it is like the reference",
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
    "close_up": "Taken for one cell: 1, or a field that shows one: 0",
    "red_over_blue": "Red over blue, in the nucleus",
    "red_varies": "Variation of red over that of blue",
    "enlargement": "Enlargement to the scale of reference cells",
    "own_appearance": "Distance in what is measured, before its colours were adapted",
    "appearance": "Distance in what is measured",
    "appearance_limit": "Its limit",
    "distance": "Distance to reference cells, by the model",
    "distance_limit": "Limit of that distance",
}


def show(run: Run, reading: Reading, judgement: Judgement, more: list[str], key: str) -> None:
    """Shows everything behind the reading of one cell; `more` are limits not said above."""
    (cell,) = reading.cells
    if more:
        st.markdown("### What else limits it")
        st.markdown("\n".join(f"- {plain(text)}" for text in more))
    left, right = st.columns(2, gap="medium")
    with left:
        show_findings(cell.findings)
        show_prepared(reading)
        _show_similar(cell)
    with right:
        st.markdown("### Its heat map", help=explain("Heat map"))
        heat_map.show_details(run, cell, judgement, reading.image, key)
    st.markdown("### Checks made")
    show_checks(reading.gate)
    st.markdown(
        "### How this was read",
        help=explain("Log-odds", "Threshold", "Review band", *operating_point.FITTED),
    )
    _show_origin(run, reading, cell)


def show_findings(findings: Sequence[Description]) -> None:
    """Shows the measures of a cell in words."""
    if findings:
        st.markdown("### The cell in words", help=explain("N:C ratio", "Chromatin", "Density"))
        st.markdown("\n".join(f"- {plain(finding.words)}" for finding in findings))


def show_prepared(reading: Reading) -> None:
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
    st.markdown(f"### The reference {cell.items} most like it", help=explain("Reference cells"))
    if cell.similar is None:
        st.caption(
            f"This model did not keep its reference {cell.items}. Train it again to see them."
        )
        return
    with st.container(horizontal=True, gap="small"):
        for neighbour in cell.similar:
            with st.container(width=_TILE, gap="xxsmall"):
                _show_neighbour(neighbour, cell.item)
    st.caption(
        "Of the training part of its data, the nearest first by the model's features. Their "
        "labels do not decide the call."
    )


def _show_neighbour(neighbour: Neighbour, item: str) -> None:
    if neighbour.file is None:
        name = PurePosixPath(neighbour.image_id).name
        st.caption(f"{plain(name)} is not on this machine now.")
    else:
        try:
            changed = neighbour.file.stat().st_mtime_ns
            picture = cache.thumbnail(str(neighbour.file), changed)
            alt = f"Reference {item} {neighbour.image_id}, labelled {neighbour.label}"
            st.image(picture, width="stretch", alt=alt)
        except (OSError, UploadError) as error:
            st.caption(plain(str(error)))
    st.markdown(CALLS[neighbour.label])
    st.caption(
        f"Subject {plain(neighbour.subject or 'unknown')}, group "
        f"{plain(neighbour.group or 'unknown')}; distance {neighbour.distance:.2g}"
    )


def show_checks(gate: Gate) -> None:
    """Shows which checks were passed, which could not be made, which refused, and the figures."""
    for code in dict.fromkeys([*CHECKS, *OF_WHOLE_IMAGES]):
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
    x, y, w, h = cell.bbox
    what = (
        f"the whole image of {size((w, h), None)}"
        if cell.whole_image
        else f"cell of {size((w, h), cell.gate.um_per_px)} at ({x}, {y}), filling "
        f"{cell.gate.cell_share:.0%} of the model's window"
    )
    calibration = run.calibration
    st.markdown(
        f"- File {plain(reading.image)}; {what}\n"
        f"- Model {plain(called(run))}, run {run.run_id}; log-odds of ALL {cell.logit:+.3f} "
        "before calibration\n"
        f"- Threshold {calibration.threshold:.1%}. "
        f"{operating_point.rule(calibration, run.config.item)} "
        f"{sentence(operating_point.calibrated(calibration, run.config.items))}."
    )
