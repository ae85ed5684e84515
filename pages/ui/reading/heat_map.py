"""The heat map of a reading: its badge first, the map itself only if it may be believed."""

from pathlib import PurePath

import streamlit as st

from core.data import images
from core.explain.cam_methods import METHODS
from core.explain.overlay import OPACITY, legend, overlay
from core.explain.suited import suited
from core.explain.trust import SUPPORTED, UNRELIABLE, WEAK, Figures, Judgement
from core.reading.cell_reading import CellReading
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.downloads import download
from pages.ui.common.text import shown_errors

_ICONS = {SUPPORTED: "check_circle", WEAK: "help", UNRELIABLE: "do_not_disturb_on"}
_BOXES = {SUPPORTED: st.success, WEAK: st.info, UNRELIABLE: st.warning}


@st.fragment
def show(run: Run, cell: CellReading, name: str, key: str, *, compact: bool = False) -> None:
    """Shows the map of a cell, the badge that says whether to believe it, and its settings.

    A fragment: a changed setting leaves the rest of the page as it is. The reading shows before the
    badge, for which the model reads some 70 more images. `name` is the picture's, `key` names the
    widgets. `compact` leaves the settings out.
    """
    with shown_errors():
        picture = st.container(gap="xxsmall")
        cam = cell.method if compact else st.session_state.get(f"cam_{key}", cell.method)
        explained = cache.explained(run, cell, cam)
        judged = cache.judgement(run, explained)
        title = "There is no heat map." if judged.figures is None else f"Heat map: {judged.badge}."
        icon = f":material/{_ICONS[judged.badge]}:"
        _BOXES[judged.badge](f"**{title}** {judged.reason}", icon=icon)
        if explained.heat is not None and (
            judged.supported or st.toggle("Show it all the same", key=f"shown_{key}_{cam}")
        ):
            opacity = st.slider("Opacity", 0.0, 1.0, OPACITY, 0.05, key=f"opacity_{key}")
            with picture:
                image = overlay(explained.image, explained.heat, opacity)
                alt = f"The cell {name}, with the evidence for {cell.leaning}"
                st.image(image, width="stretch", alt=alt)
                st.image(legend(), width="stretch", alt="Colour scale: weak to strong evidence")
                adapted = ", on the cell with adapted colours" if cell.adapted else ""
                st.caption(
                    f"From weak (left) to strong evidence for {cell.leaning}, "
                    f"by {METHODS[cam].title}{adapted}"
                )
        suits = suited(run.config.architecture)
        st.caption(f"{suits.sentence(cam)} {suits.caution}")
        if not compact:
            _show_settings(run, explained, judged, name, key)


def _show_settings(run: Run, cell: CellReading, judged: Judgement, name: str, key: str) -> None:
    with st.popover("Method and stability", icon=":material/tune:", type="tertiary"):
        st.selectbox(
            "Heat map",
            list(METHODS),
            index=list(METHODS).index(suited(run.config.architecture).method),
            key=f"cam_{key}",
            format_func=lambda name: METHODS[name].title,
            help="Score-CAM and Ablation-CAM take seconds: they run the model again for each "
            "channel of its last layer.",
        )
        st.caption(METHODS[cell.method].paper)
        if judged.figures is not None:
            _show_figures(judged.figures)
        if st.toggle("Stability over eight views", key=f"stable_{key}"):
            stability = cache.aggregated(run, cell, cell.method).stability
            st.markdown(
                f"The maps of the cell turned and mirrored, turned back, correlate by "
                f"**{stability:.2f}** on average; 1 is the same map eight times. A cell has "
                "no up and no left, so a map that moves with them is the network's, not the cell's."
            )
        download(
            "Download the overlay",
            images.encode(cell.overlay),
            f"{PurePath(name).stem}{'_adapted' if cell.adapted else ''}_overlay.png",
            key=f"download_{key}",
        )


def _show_figures(figures: Figures) -> None:
    areas = figures.deletion
    st.markdown(
        f"""| Measured | This map | Random orders |
|---|---|---|
| Insertion area, log-odds | {areas.insertion_area:+.2f} | {areas.random_area:+.2f} |
| Deletion area, log-odds | {areas.deletion_area:+.2f} | {areas.random_area:+.2f} |
| Random orders beaten | {areas.beaten:.0%} | |
| Heat on the cell | {figures.inside_cell:.0%} | |
| Most heat off the cell | {figures.off_cell_peak:.0%} | |
| Likeness to heads that learned nothing | {figures.agreement:.2f} | |"""
    )
    st.caption(
        "Insertion: the mean evidence while the cell is put back, the hottest parts first; the "
        "higher the better. Deletion: while it is taken away; the lower the better."
    )
