"""Shows a reading: image, call and confidence in one view, the explanation beside it."""

from pathlib import Path

import streamlit as st

from core import storage
from core.data import images
from core.evaluation.metrics import NAMES
from core.explain.overlay import legend
from core.reading.reader import CellReading, Reading
from core.runs.store import Run
from pages.ui import cache
from pages.ui.messages import CALLS, plain, sentence, shown_errors

HEADLINE = "balanced_accuracy"


def choose_image(key: str) -> tuple[str, bytes] | None:
    """An uploaded file or a shipped example: its name and bytes, or None."""
    upload = st.file_uploader(
        "Drop one stained cell here", type=list(images.SUFFIXES), key=f"{key}_upload"
    )
    if upload is not None:
        return upload.name, upload.getvalue()
    return _choose_example(key)


def _choose_example(key: str) -> tuple[str, bytes] | None:
    examples = sorted(storage.examples_dir().glob("*.png"))
    if not examples:
        return None
    st.caption("or try one of these synthetic cells")
    chosen = st.session_state.get(f"{key}_example")
    with st.container(horizontal=True, gap="small"):
        for example in examples:
            with st.container(width=76, gap="xxsmall"):
                picture = cache.thumbnail(str(example), example.stat().st_mtime_ns)
                st.image(picture, width="stretch", alt=f"Synthetic cell {example.stem}")
                label = "Read ✓" if example.name == chosen else "Read"
                if st.button(label, key=f"{key}_{example.stem}", width="stretch"):
                    st.session_state[f"{key}_example"] = example.name
                    st.rerun()
    if chosen not in {example.name for example in examples}:
        return None
    return chosen, (storage.examples_dir() / chosen).read_bytes()


def show(run: Run, name: str, data: bytes) -> None:
    """Reads an image's bytes with a run and shows what came of it."""
    with shown_errors():
        reading = cache.reading(run, data, name)
        if reading.kind == "refused":
            why = f"**{plain(name)} was not read.** {plain(reading.reason or '')}"
            st.warning(why, icon=":material/block:")
        for cell in reading.cells:
            _show_cell(run, reading, cell)


def _show_cell(run: Run, reading: Reading, cell: CellReading) -> None:
    picture, words = st.columns([1, 1], gap="medium")
    with words, st.container(border=True):
        st.markdown(f"### The model suggests: {CALLS[cell.call]}")
        likely = f"Probability of ALL **{cell.probability:.0%}**, of HEM {cell.probability_hem:.0%}"
        st.progress(cell.probability, text=likely)
        if cell.undecided:
            st.markdown(":material/balance: Close to the threshold: take it as **undecided**.")
        st.caption(f"{sentence(run.calibration['reason'])}. {protocol(run)}")
        if (run.metrics or {}).get("dataset", {}).get("synthetic"):
            st.caption(
                ":material/warning: **This model has seen synthetic cells only. What it says of a "
                "real cell means nothing.**"
            )
    with words:
        folded = cell.cam.trusted is False
        icon = ":material/do_not_disturb_on:" if folded else ":material/help:"
        if cell.heat is None:
            badge = "There is no heat map."
        else:
            badge = "Do not rely on the heat map." if folded else "Heat map, not yet verified."
        st.markdown(f"{icon} **{badge}** {cell.cam.reason}")
        shown = st.toggle(
            "Show where the evidence lies", value=not folded, disabled=cell.heat is None
        )
        _details(run, reading, cell)
    with picture:
        image = cell.overlay if shown else cell.image
        alt = f"The cell {reading.image}, called {cell.call}"
        st.image(image, width="stretch", alt=alt + (", with its heat map" if shown else ""))
        if shown:
            st.image(legend(), width="stretch", alt="Colour scale, from weak to strong evidence")
            st.caption(f"From weak (left) to strong evidence for {cell.call}, by Grad-CAM.")


def _details(run: Run, reading: Reading, cell: CellReading) -> None:
    with st.expander("How this was read"):
        x, y, w, h = cell.bbox
        st.markdown(
            f"- File {plain(reading.image)}; cell of {w} x {h} pixels at ({x}, {y}), filling "
            f"{cell.gate.cell_share:.0%} of the model's window\n"
            f"- Model {run.run_id} ({run.config.architecture}); log-odds of ALL {cell.logit:+.3f}\n"
            f"- Threshold {run.calibration['threshold']:.2f}; Grad-CAM on the logit for ALL, "
            "on its negative for HEM, at the resolution of the last feature map"
        )
        st.download_button(
            "Download the overlay",
            images.encode(cell.overlay),
            file_name=f"{Path(reading.image).stem}_overlay.png",
            mime="image/png",
            icon=":material/download:",
            on_click="ignore",
        )


def protocol(run: Run) -> str:
    """How well the model did, and on what, in one sentence."""
    measured = run.metrics
    if measured is None:
        return "This model has not been measured."
    test, rules = measured["parts"]["test"], measured["protocol"]
    value, interval = test[HEADLINE], test["intervals"][HEADLINE]
    span = " (too few subjects for an interval)"
    if interval:
        span = f" (95% interval {interval[0]:.2f} to {interval[1]:.2f})"
    kind = "synthetic cells" if measured["dataset"]["synthetic"] else "cells"
    where = "of patients it had also trained on" if rules["leaking"] else "of held-out subjects"
    if rules.get("unknown_subjects"):
        where = "of unknown patients, whom it may have trained on"
    number = "undefined" if value is None else f"{value:.2f}"
    return f"{NAMES[HEADLINE]} {number}{span} on {test['images']} {kind} {where}."
