"""Parts of the view of a field: its sum, its gallery, the patient's fields, downloads, a search."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import streamlit as st

from core.cells.detection.tiles import Region
from core.jobs.job import Status
from core.people import DECIDE
from core.reading.fields import drawing, export
from core.reading.fields.detection_job import DetectionJob
from core.reading.fields.reading import CUT, NOT_READ, FieldCell, FieldReading
from core.reading.fields.summary import Counts, Summary, summarise
from core.reading.reader import Reader
from core.report import share
from core.report.phrases import duration
from core.runs.cost import pace
from pages.ui.common import monitor, steps
from pages.ui.common.downloads import download
from pages.ui.common.text import plain, section, sentence

PER_PAGE = 12
TILE = 104  # pixels
SHAPES = {"ALL": "▲ ALL", "HEM": "● HEM", "review": "◆ review", NOT_READ: "refused", CUT: "cut"}


def show_summary(reading: FieldReading) -> None:
    """Counts, the share of blasts and how far it may be off; plain words where there is nothing."""
    if not reading.cells:
        st.info(
            "**No white cell was found in this field.** There is nothing to read. If you see one, "
            "draw a box around it below the picture.",
            icon=":material/search_off:",
        )
        return
    why = {"Refused": _listed(reading.reasons), "Sent to review": _listed(reading.review_reasons)}
    show_sum(reading.summary, why)
    counts = reading.counts
    if sum(counts.refused.values()) > counts.read:
        st.caption(f"**Refused:** {why['Refused']}")
    if reading.lobed:
        st.markdown(
            f":material/interests: **{reading.lobed} of them may be granulocytes or monocytes:** "
            "their nucleus is bent or in lobes."
        )


def _listed(reasons: Mapping[str, int]) -> str:
    return " · ".join(f"{count} x {plain(reason)}" for reason, count in reasons.items())


def offer_adapting(reading: FieldReading, key: str) -> None:
    """Lets the user have the cells read that only their appearance has refused."""
    if not (reading.adaptable or reading.adapt_stain):
        return
    number = reading.adaptable
    cells = f"{number} more {'cell' if number == 1 else 'cells'}" if number else "cells"
    st.toggle(
        f"Read {cells} of another appearance as if stained like the reference cells",
        key=key,
        help=(
            "Their colours are brought to those of the reference cells before they are read. "
            "Each is marked, its interval is wider, and no corrected share of blasts is given."
        ),
    )


def show_sum(summary: Summary, why: Mapping[str, str] = MappingProxyType({})) -> None:
    """Shows the counts of a field, or of several, and the share of blasts with its limits.

    `why` has reasons by the name of a count, which are shown on hover.
    """
    counts = summary.counts
    refused = sum(counts.refused.values())
    with st.container(horizontal=True, gap="medium"):
        for name, value in (
            ("Cells found", counts.found),
            ("Read", counts.read),
            ("Refused", refused),
            ("Cut by the border", counts.cut),
            ("Sent to review", counts.review),
        ):
            st.metric(name, f"{value:,}", width="content", help=why.get(name) or None)
        if summary.share is not None:
            st.metric(
                "Taken for blasts",
                share.of_cells(summary),
                width="content",
                help="Cells read whose probability of ALL lies at or above the threshold.",
            )
        if summary.in_percent and summary.corrected.value is not None:
            st.metric(
                "Blasts, corrected (95%)",
                share.corrected(summary.corrected),
                width="content",
                help="Corrected for how often the model calls cells wrongly.",
            )
    if summary.share is not None and (said := share.sentences(summary)):
        first, *others = said
        st.markdown(first, help=" ".join(others) or None)
    if summary.warning:
        st.warning(summary.warning, icon=":material/warning:")


def show_gallery(
    region: Region,
    reading: FieldReading,
    key: str,
    choose: Callable[[int], None],
) -> None:
    """The cells, the likeliest blast first; a button under each selects it."""
    cells = reading.by_probability
    if not cells:
        return
    section(
        "Cells by probability of ALL" if reading.counts.read else "Cells found",
        help="Click a cell here or in the picture for its reading. In the picture, drag to move "
        "and turn the wheel to zoom.",
    )
    pictures, foot = st.container(horizontal=True, gap="small"), st.container()
    for one in cells[steps.pages(foot, len(cells), PER_PAGE, f"field_page_{key}")]:
        with pictures, st.container(width=TILE, gap="xxsmall"):
            picture = drawing.thumbnail(region, one.cell)
            st.image(picture, width="stretch", alt=f"Cell No. {one.number}, {SHAPES[one.state]}")
            st.button(
                f"No. {one.number}",
                key=f"field_tile_{key}_{one.number}",
                width="stretch",
                on_click=choose,
                args=(one.number,),
            )
            st.caption(_said(one))


def _said(one: FieldCell) -> str:
    own = " ✎" if one.marked.user_drawn else ""
    adapted = ", adapted" if one.adapted else ""
    kind = ", lobed nucleus" if one.lobed else ""
    if one.probability is None:
        return f"{SHAPES[one.state]}{adapted}{kind}{own}"
    return f"{SHAPES[one.state]} {one.probability:.0%}{adapted}{kind}{own}"


def show_patient(reading: FieldReading, key: str) -> None:
    """Several fields of one patient, added up; kept in this browser session only."""
    kept: dict[str, tuple[str, Counts]] = st.session_state.setdefault("patient_fields", {})
    if key in kept:
        kept[key] = reading.image, reading.counts
    with st.expander("Fields of one patient", icon=":material/library_add:", expanded=bool(kept)):
        st.caption("Add each field of the same patient; their cells are counted together.")
        with st.container(horizontal=True):
            if st.button("Add this field", disabled=key in kept, key=f"patient_add_{key}"):
                kept[key] = reading.image, reading.counts
                st.rerun()
            if st.button("Start a new patient", disabled=not kept, key=f"patient_new_{key}"):
                kept.clear()
                st.rerun()
        if kept:
            st.markdown(", ".join(plain(name) for name, _ in kept.values()))
            counted = [counts for _, counts in kept.values()]
            show_sum(summarise(counted, reading.rates))


def show_downloads(
    reader: Reader, region: Region, reading: FieldReading, picture: np.ndarray, key: str
) -> None:
    """Boxes as CSV and COCO JSON, and masks, overlay and cells as ZIP, made when asked for."""
    stem = Path(reading.image).stem
    with st.popover("Download", icon=":material/download:"):
        download(
            "Boxes (CSV)",
            lambda: export.to_csv([reading]),
            f"{stem}_readings.csv",
            key=f"field_csv_{key}",
        )
        download(
            "Boxes (COCO JSON)",
            lambda: export.as_json(export.to_coco([reading])),
            f"{stem}_coco.json",
            key=f"field_coco_{key}",
        )
        download(
            "Masks, overlay and cells (ZIP)",
            lambda: export.to_zip(reader, region, reading, picture),
            f"{stem}_cells.zip",
            key=f"field_zip_{key}",
        )


def show_search(job: DetectionJob, name: str, shape: tuple[int, int]) -> None:
    """Follows the search of a large image, (H, W) pixels; redraws itself, not the page."""
    monitor.follow([job], lambda: _draw_search(job, name, shape), every=0.5)


def _draw_search(job: DetectionJob, name: str, shape: tuple[int, int]) -> None:
    height, width = shape
    st.markdown(
        f"**{plain(name)} is large, {width:,} x {height:,} pixels: it is worked through in tiles.**"
    )
    status = job.status
    st.progress(status.share_done, text=_progress(status))
    monitor.stop_button(
        [job], "field_stop", help="What has been found so far is kept.", action=DECIDE
    )
    st.caption(
        "It goes on if you leave this page. Drop the same file again to see what has been found."
    )


def _progress(status: Status) -> str:
    if not status.total or status.started is None:
        return sentence(status.phase)
    _, left = pace(status.done, status.total, status.heartbeat - status.started)
    return f"{sentence(status.phase)}: {status.done} of {status.total} tiles, {duration(left)} left"


def show_ended(job: DetectionJob, status: Status, partly: bool) -> None:
    """Why a search ended before its time, and the button that starts it again."""
    if status.error:
        monitor.show_error(status)
    else:
        rest = " What it found so far is below; the rest was not looked through." if partly else ""
        st.info(f"The search was stopped.{rest}", icon=":material/cancel:")
    monitor.start_button(
        job, "Search again", "field_again", icon=":material/refresh:", action=DECIDE
    )
