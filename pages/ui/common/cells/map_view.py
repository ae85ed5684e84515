"""A map of cells on a page: drawn in the background, coloured, and picked from with a lasso."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from core.data.indexing import Index
from core.embedding import map_colours, picked, projection
from core.embedding.embedding_job import EmbeddingJob
from core.embedding.embedding_map import EmbeddingMap
from core.jobs.job import Status
from core.report import maps
from core.report.glossary import explain
from core.workers import launcher
from pages.ui.common import monitor
from pages.ui.common.cells import cell_pages, map_chart
from pages.ui.common.choices import address
from pages.ui.common.text import plain, section, sentence

SUBJECTS = 6  # that are coloured at first; more would look alike
_MOST_SUBJECTS = 10
_NAME = 8  # letters of a map's name, in an address
# What a map can be coloured by, and the kind of each of its cells.
Colourings = dict[str, Callable[[pd.DataFrame], pd.Series]]


def show(
    index: Index,
    job_of: Callable[[str], EmbeddingJob],
    colourings: Colourings,
    key: str,
    seen: str,
    items: str,
) -> None:
    """Shows the map that the job of a method draws, and below it the cells that are picked.

    `seen` says what puts two near each other, `items` what they are: "cells" or "images".
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        colouring = st.segmented_control(
            "Colour by",
            required=True,
            default=next(iter(colourings)),
            **address.choice(f"{key}_colour", "colouring", list(colourings)),
        )
        method = st.segmented_control(
            "Arranged by",
            required=True,
            default="pca",
            **address.choice(f"{key}_method", "arrangement", _methods()),
            help=_explained(),
        )
    job = job_of(method)
    drawn = job.map
    if drawn is None:
        _follow(job, key)
    else:
        _show(
            index,
            job,
            drawn,
            colourings[colouring],
            (key, f"{job.name}_{colouring}"),
            (seen, items),
        )


def _methods() -> dict[str, str]:
    known = projection.METHODS if projection.has_umap() else ("pca",)
    return {name: sentence(projection.METHODS[name]) for name in known}


def _explained() -> str:
    terms = explain("What varies most", "Neighbours together")
    return terms if projection.has_umap() else f"{terms}\n\n{plain(projection.umap_missing())}"


def by_subject(cells: pd.DataFrame, key: str) -> pd.Series:
    """Colours the subjects that are chosen, the largest at first."""
    everyone = map_colours.largest_subjects(cells, len(cells))
    chosen = st.multiselect(
        "Subjects in colour",
        default=everyone[:SUBJECTS],
        max_selections=_MOST_SUBJECTS,
        **address.choice(f"{key}_subjects", "subject", everyone),
    )
    return map_colours.by_subject(cells, chosen)


def _follow(job: EmbeddingJob, key: str) -> None:
    """Starts the job when the map is first looked at, and follows it."""
    if job.status.state == "none":
        launcher.start(job)
        st.rerun()
    if job.status.unfinished:
        monitor.follow([job], lambda: _draw_progress(job, job.status, key), every=0.5)
        return
    monitor.show_error(job.status)
    if st.button("Draw the map", key=f"{key}_again"):
        launcher.start(job)
        st.rerun()


def _draw_progress(job: EmbeddingJob, status: Status, key: str) -> None:
    place, stop = st.columns([6, 1], vertical_alignment="center")
    count = f": {status.done:,} of {status.total:,}" if status.total else "…"
    place.progress(status.share_done, text=f"{sentence(status.phase)}{count}")
    stop.button(
        "Stop",
        icon=":material/stop:",
        width="stretch",
        key=f"{key}_stop",
        on_click=job.request_stop,
    )


def _show(
    index: Index,
    job: EmbeddingJob,
    drawn: EmbeddingMap,
    colour: Callable[[pd.DataFrame], pd.Series],
    keys: tuple[str, str],
    words: tuple[str, str],
) -> None:
    """Shows a map and what is picked on it; `keys`: of all maps of a kind, and of this one."""
    seen, items = words
    placed, asked = drawn.place(index.cells), f"{keys[0]}_picked"
    again = f"{asked}_again"  # how often the picked cells were forgotten: another chart each time
    name, key = job.name[:_NAME], "_".join((*keys, str(st.session_state.get(again, 0))))
    figure = map_chart.draw(placed, colour(placed), maps.axes(drawn.explained))
    if key not in st.session_state:  # else the browser has the outline, and the chart is kept
        st.session_state[f"{key}_at_first"] = address.kept(asked)
    if at_first := picked.parse(st.session_state[f"{key}_at_first"], name):
        map_chart.outline(figure, at_first.places(placed))
    st.plotly_chart(
        figure,
        config=map_chart.CONFIG,
        alt=f"Map of {len(placed):,} {items}: {seen}",
        key=key,
        theme=None,
        on_select=partial(_pick, key, asked, name, placed),
        selection_mode=("lasso", "box"),
    )
    st.caption(f"{maps.says(drawn, f'{len(placed):,} {items}', seen)}")
    section("Picked")
    text = address.kept(asked)
    now = picked.parse(text, name)
    if now is None:
        st.caption("Draw around some on the map with the mouse; they are shown here.")
        if text:
            st.caption("The address asks for some that were picked on another map.")
        return
    st.button(
        "Pick none", icon=":material/close:", type="tertiary", on_click=_forget, args=(asked, again)
    )
    cells = placed.iloc[now.rows(placed)][index.cells.columns]
    cell_pages.show(index, cells, f"{key}_page", "None lies there.")


def _forget(asked: str, again: str) -> None:
    address.keep(asked, "")
    st.session_state[again] = st.session_state.get(again, 0) + 1


def _pick(key: str, asked: str, name: str, placed: pd.DataFrame) -> None:
    """Puts what a person has drawn on a map, or that it was taken away, into the address."""
    outlines = map_chart.outlines(st.session_state[key]["selection"])
    address.keep(asked, picked.drawn(name, outlines, placed).text)
