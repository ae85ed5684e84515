"""The heat map of a reading: its badge first, the map itself only where it may be believed."""

import streamlit as st

from core.data import images
from core.explain.methods import METHODS
from core.explain.overlay import OPACITY, legend, overlay
from core.explain.trust import SUPPORTED, UNRELIABLE, WEAK, Figures, Judgement
from core.reading.reader import DEFAULT_CAM, CellReading
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.downloads import download
from pages.ui.common.text import shown_errors
from pages.ui.common.uploads import Upload

_ICONS = {SUPPORTED: "check_circle", WEAK: "help", UNRELIABLE: "do_not_disturb_on"}
_LOOK = {SUPPORTED: st.success, WEAK: st.info, UNRELIABLE: st.warning}


@st.fragment
def show(
    run: Run, upload: Upload, number: int, cell: CellReading, *, compact: bool = False
) -> None:
    """The map of a cell, the badge that says whether to believe it, and what can be set.

    A fragment: what is set here leaves the rest of the page as it is. The reading shows before the
    badge, which takes the model some 70 further looks. `compact`: without the settings.
    """
    key = f"{run.run_id}_{upload.digest[:12]}_{number}"
    with shown_errors():
        picture = st.container(gap="xxsmall")
        cam = DEFAULT_CAM if compact else st.session_state.get(f"cam_{key}", DEFAULT_CAM)
        drawn = cache.explained(run, upload.data, upload.name, number, cam)
        judged = cache.judgement(run, upload.data, upload.name, number, cam)
        badge = f"**{_title(judged)}** {judged.reason}"
        _LOOK[judged.badge](badge, icon=f":material/{_ICONS[judged.badge]}:")
        wanted = judged.supported
        if drawn.heat is not None and not judged.supported:
            wanted = st.toggle("Show it all the same", key=f"shown_{key}_{cam}")
        if drawn.heat is not None and wanted:
            opacity = _opacity(key)
            with picture:
                laid = overlay(drawn.image, drawn.heat, opacity)
                alt = f"The cell {upload.name}, with the evidence for {cell.leaning}"
                st.image(laid, width="stretch", alt=alt)
                st.image(legend(), width="stretch", alt="Colour scale: weak to strong evidence")
                st.caption(
                    f"From weak (left) to strong evidence for {cell.leaning}, "
                    f"by {METHODS[cam].title}"
                )
        if not compact:
            _settings(run, upload, number, drawn, judged, key)


def _title(judged: Judgement) -> str:
    return "There is no heat map." if judged.figures is None else f"Heat map: {judged.badge}."


def _opacity(key: str) -> float:
    return st.slider("Opacity", 0.0, 1.0, OPACITY, 0.05, key=f"opacity_{key}")


def _settings(
    run: Run, upload: Upload, number: int, drawn: CellReading, judged: Judgement, key: str
) -> None:
    with st.popover("Method and stability", icon=":material/tune:", type="tertiary"):
        st.selectbox(
            "Heat map",
            list(METHODS),
            key=f"cam_{key}",
            format_func=lambda name: METHODS[name].title,
            help="Score-CAM and Ablation-CAM take seconds: they run the model again for each "
            "channel of its last layer.",
        )
        st.caption(METHODS[drawn.method].paper)
        if judged.figures is not None:
            _show_figures(judged.figures)
        if st.toggle("Stability over eight views", key=f"stable_{key}"):
            found = cache.aggregated(run, upload.data, upload.name, number, drawn.method)
            st.markdown(
                f"The maps of the cell turned and mirrored, turned back, correlate by "
                f"**{found.stability:.2f}** on average; 1 is the same map eight times. A cell has "
                "no up and no left, so a map that moves with them is the network's, not the cell's."
            )
        download(
            "Download the overlay",
            images.encode(drawn.overlay),
            f"{upload.name.rpartition('.')[0] or upload.name}_overlay.png",
            key=f"download_{key}",
        )


def _show_figures(found: Figures) -> None:
    """What the badge rests on, beside what random orders of the same cell reach."""
    areas = found.deletion
    st.markdown(
        f"""| Measured | This map | Random orders |
|---|---|---|
| Insertion area, log-odds | {areas.insertion_area:+.2f} | {areas.random_area:+.2f} |
| Deletion area, log-odds | {areas.deletion_area:+.2f} | {areas.random_area:+.2f} |
| Random orders beaten | {areas.beaten:.0%} | |
| Heat on the cell | {found.inside_cell:.0%} | |
| Most heat off the cell | {found.off_cell_peak:.0%} | |
| Likeness to heads that learned nothing | {found.agreement:.2f} | |"""
    )
    st.caption(
        "Insertion: the mean evidence while the cell is put back, the hottest parts first; the "
        "higher the better. Deletion: while it is taken away; the lower the better."
    )
