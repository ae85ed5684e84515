"""The picture of a cell with its heat map, and whether the map may be believed."""

from functools import partial
from pathlib import PurePath

import numpy as np
import streamlit as st

from core.data import images
from core.data.pixel_cache import said_of
from core.explain.cam_methods import METHODS
from core.explain.occlusion import Occlusion
from core.explain.overlay import OPACITY, legend, overlay, stamp
from core.explain.suited import suited
from core.explain.trust import SUPPORTED, UNRELIABLE, WEAK, Figures, Judgement
from core.reading.cell_reading import CellReading
from core.report.cell import sentences
from core.report.glossary import explain
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.choices import address
from pages.ui.common.downloads import download
from pages.ui.common.text import plain
from pages.ui.reading import cell_chart

# Pixels: the heat map alone, the scale of its colours, and one of two cells side by side.
_SMALL, _SCALE, _PAIRED = 220, 190, 160
HEAT, OUTLINE, CELL = "Heat map", "Outline", "Cell"
CAME, ADAPTED = "As it came", "Adapted"
BARE = {"cells": CELL, "images": "Picture"}  # the bare cell or picture, as it is called
_ICONS = {
    SUPPORTED: ":green[:material/check_circle:]",
    WEAK: ":material/help:",
    UNRELIABLE: ":material/do_not_disturb_on:",
}


def judged(run: Run, cell: CellReading) -> tuple[CellReading, Judgement]:
    """The cell with the heat map that the user chose for this run, and the map's judgement.

    A judgement takes the engine some 70 more images.
    """
    asked = st.query_params.get(_method_key(run))
    named = next((key for key, method in METHODS.items() if method.title == asked), cell.method)
    method = st.session_state.get(_method_key(run), named)
    explained = cache.explained(run, cell, method)
    return explained, cache.judgement(run, explained)


def _method_key(run: Run) -> str:
    return f"heat_map_{run.run_id}"


def show(cell: CellReading, judgement: Judgement, name: str, key: str, alt: str) -> None:
    """Shows the picture of a cell, with its heat map where that is supported or asked for.

    A cell that was adapted stands beside itself as it came. `name` is the picture's, `key` names
    the widgets, `alt` says what is seen.
    """
    if cell.unadapted is not None:
        before, after = st.columns(2)
        with before:
            st.markdown(f"**{CAME}**")
            _show_picture(cell, cell.unadapted, name, f"came_{key}", f"{alt}: as it came")
        with after:
            st.markdown(f"**{ADAPTED}**")
            _show_views(cell, judgement, name, key, alt)
        return
    _show_views(cell, judgement, name, key, alt)


def _show_views(cell: CellReading, judgement: Judgement, name: str, key: str, alt: str) -> None:
    picture = st.container(gap="xxsmall")
    view, opacity = _choose_view(cell, judgement, key)
    drawn = _draw(cell, judgement, view, opacity)
    with picture:
        stamped = view == HEAT and bool(cell.stamp_of(judgement))
        said = f"{alt}: {_named(cell, view).lower()}"
        _show_picture(cell, drawn, name, f"picture_{key}", said, stamped=stamped)
        if view == HEAT:
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                st.caption("weak", width="content")
                st.image(legend(), width=_SCALE, alt="Colour scale: weak to strong evidence")
                st.caption("strong", width="content")


def _show_picture(
    cell: CellReading, drawn: np.ndarray, name: str, key: str, alt: str, *, stamped: bool = False
) -> None:
    figure = cell_chart.cell(drawn, name, sentences.scale_bar(cell), stamped=stamped)
    st.plotly_chart(figure, key=key, config=cell_chart.CONFIG, alt=alt)


def show_small(cell: CellReading, judgement: Judgement, alt: str) -> None:
    """Shows the heat map alone, if it is supported, and what it is worth.

    A cell that was adapted stands beside itself as it came.
    """
    if cell.unadapted is not None:
        with st.container(horizontal=True):
            st.image(cell.unadapted, CAME, width=_PAIRED, alt=f"{alt}: as it came")
            st.image(cell.image, ADAPTED, width=_PAIRED, alt=f"{alt}: adapted")
    if judgement.supported:
        drawn = stamp(cell.overlay, cell.stamp_of(judgement))
        st.image(drawn, width=_SMALL, alt=f"{alt}: heat map")
    show_badge(cell, judgement)


def show_badge(cell: CellReading, judgement: Judgement) -> None:
    """Shows in a sentence what the heat map is worth; the reason on hover."""
    said = f"{_ICONS[judgement.badge]} {sentences.heat_map(cell, judgement)}"
    st.markdown(said, help=plain(judgement.reason))


def _choose_view(cell: CellReading, judgement: Judgement, key: str) -> tuple[str, float]:
    views = [HEAT] if cell.heat is not None else []
    views += [OUTLINE, CELL]
    chosen, before = f"view_{key}", f"view_before_{key}"
    if st.session_state.get(chosen) not in views:
        st.session_state[chosen] = HEAT if judgement.supported else CELL
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "Picture",
            views,
            required=True,
            key=chosen,
            format_func=partial(_named, cell),
            label_visibility="collapsed",
        )
        st.button(
            "Blink",
            icon=":material/visibility:",
            type="tertiary",
            key=f"blink_{key}",
            shortcut="b",
            help="Switches between the bare picture and the other. Key: B",
            on_click=_blink,
            args=(chosen, before, views[0]),
        )
        view: str = st.session_state[chosen]
        opacity = OPACITY
        if view == HEAT:
            opacity = st.slider(
                "Opacity",
                0.0,
                1.0,
                OPACITY,
                0.05,
                key="opacity",
                **address.BOUND,
                width=150,
                label_visibility="collapsed",
                help="Opacity of the heat map",
            )
    return view, opacity


def _named(cell: CellReading, view: str) -> str:
    return BARE[cell.items] if view == CELL else view


def _blink(chosen: str, before: str, first: str) -> None:
    view = st.session_state[chosen]
    if view == CELL:
        st.session_state[chosen] = st.session_state.get(before, first)
    else:
        st.session_state[before], st.session_state[chosen] = view, CELL


def _draw(cell: CellReading, judgement: Judgement, view: str, opacity: float) -> np.ndarray:
    if view == HEAT and cell.heat is not None:
        return stamp(overlay(cell.image, cell.heat, opacity), cell.stamp_of(judgement))
    return cell.outlined if view == OUTLINE else cell.image


def show_details(run: Run, cell: CellReading, judgement: Judgement, name: str, key: str) -> None:
    """Shows why the map has its badge, and lets the user choose how it is drawn."""
    suits = suited(run.config.architecture)
    if not cell.heat_map.has_places:
        _offer_occlusion(run, cell, judgement, key)
        return
    st.markdown(f"**{judgement.badge.capitalize()}.** {plain(judgement.reason)}")
    st.caption(f"{suits.sentence(cell.method)} {suits.caution}")
    st.selectbox(
        "Heat map",
        index=list(METHODS).index(suits.method),
        **address.choice(
            _method_key(run),
            "heat map",
            {name: method.title for name, method in METHODS.items()},
            {name: name for name in METHODS},
        ),
        help="Score-CAM and Ablation-CAM take seconds: they run the model again for each "
        "channel of its last layer. Occlusion runs it for each part that it covers: some 60 times "
        "for a cell, 169 times for a whole image.",
    )
    st.caption(METHODS[cell.method].paper)
    if judgement.figures is not None:
        _show_figures(judgement.figures, cell.items)
    if st.toggle("Stability over eight views", key=f"stable_{key}"):
        stability = cache.aggregated(run, cell, cell.method).stability
        words = (
            f"The maps of the cell turned and mirrored, turned back, correlate by "
            f"**{stability:.2f}** on average; 1 is the same map eight times. A cell has "
            "no up and no left, so a map that moves with them is the network's, not the cell's."
        )
        st.markdown(said_of(words, cell.item))
    if cell.heat is None:
        return
    drawn = _draw(cell, judgement, HEAT, OPACITY)
    file = f"{PurePath(name).stem}{'_adapted' if cell.adapted else ''}_overlay.png"
    download("Download the overlay", images.encode(drawn), file, key=f"download_{key}")


def _offer_occlusion(run: Run, cell: CellReading, judgement: Judgement, key: str) -> None:
    """Says why there is no map, and offers the one that needs no places."""
    st.markdown(plain(judgement.reason))
    wanted = st.button("Draw a map by occlusion", key=f"occlude_{key}")
    st.caption(
        "The model reads the picture some 130 times more for it, also to judge it: seconds with a "
        "small network, up to a minute with a large transformer. Pictures that you open after it "
        "are read so, too."
    )
    if wanted:  # here, where it is said that it takes time
        cache.judgement(run, cache.explained(run, cell, Occlusion.key))
        st.session_state[_method_key(run)] = Occlusion.key
        st.rerun()


def _show_figures(figures: Figures, kind: str) -> None:
    what = "white cells" if kind == "images" else "cell"
    areas = figures.deletion
    st.markdown(
        f"""| Measured | This map | Random orders |
|---|---|---|
| Evidence, the hottest put back first | {areas.insertion_area:+.2f} | {areas.random_area:+.2f} |
| Evidence, the hottest taken away first | {areas.deletion_area:+.2f} | {areas.random_area:+.2f} |
| Random orders beaten | {areas.beaten:.0%} | |
| Heat on the {what} | {figures.inside_cell:.0%} | |
| Most heat on black | {figures.off_cell_peak:.0%} | |
| Likeness to maps of a last layer that learned nothing | {figures.agreement:.2f} | |"""
    )
    st.caption(
        "Evidence for the call, in log-odds, on average while what shows of it is put back (the "
        "higher the better) or taken away (the lower the better).",
        help=explain("Insertion and deletion", "Log-odds"),
    )
