"""Shows the reading of one picture: what the models suggest, and what that rests on."""

import streamlit as st

from core.evaluation import operating_point
from core.metrics.classification import NAMES
from core.reading.picture import has_background, is_field, is_large
from core.reading.reader import CellReading, Reading
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.text import CALLS, plain, sentence, shown_errors
from pages.ui.common.uploads import Upload
from pages.ui.reading import field, heat_map, similar
from pages.ui.reading.checks import show_checks

_PREVIEW = 300
HEADLINE = "balanced_accuracy"


def show_one(runs: list[Run], upload: Upload) -> None:
    """What each of the runs says of one picture.

    `core.reading.picture` decides whether it is a cell or a field. A field is read with the first
    of the runs.
    """
    with shown_errors():
        data = upload.data  # once: of a large scan each copy is hundreds of megabytes
        if is_large(data, upload.name):
            field.show(runs[0], upload.name, data)
            show_model(runs[0])
            return
        readings = [cache.reading(run, data, upload.name) for run in runs]
        if _as_field(readings[0], upload):
            if len(runs) > 1:
                st.caption(f"A field is read with one model, here {plain(runs[0].run_id)}.")
            field.show(runs[0], upload.name, data)
            show_model(runs[0])
        elif len(runs) == 1:
            _show_alone(runs[0], readings[0], upload)
        else:
            _show_beside(runs, readings, upload)


def _as_field(reading: Reading, upload: Upload) -> bool:
    """Whether it is to be read as a field; of a picture with a background the user may say."""
    if not has_background(reading):
        return False
    return st.toggle(
        "Read it as a whole field",
        value=is_field(reading),
        key=f"as_field_{upload.digest[:12]}",
        help="Each white cell in it is found and read on its own.",
    )


def _show_alone(run: Run, reading: Reading, upload: Upload) -> None:
    if not reading.cells:
        _show_refusal(reading, upload)
        return
    (cell,) = reading.cells
    with st.container(border=True):
        call, likely = st.columns([2, 3], gap="medium")
        with call:
            _show_call(cell)
            _warn_of_synthetic(run)
        with likely:
            _show_probability(cell)
    similar.show_seen(cell.seen)
    pictures, where = st.columns([2, 1], gap="small")
    with pictures:
        _show_pictures(reading, cell)
        similar.show_words(cell)
        similar.show_unchecked(reading.gate)
        st.caption(protocol(run))
    with where:
        heat_map.show(run, upload, 0, cell)
    similar.show_prepared(reading)
    similar.show_similar(cell)
    _show_more(run, reading, cell)


def _show_beside(runs: list[Run], readings: list[Reading], upload: Upload) -> None:
    """Each model in a column of its own, so that the eye goes from one to the next."""
    calls = {cell.call for reading in readings for cell in reading.cells}
    if all(reading.cells for reading in readings):
        agreed = "agree" if len(calls) == 1 else "**do not agree**: a person should look"
        st.markdown(f"{plain(upload.name)}: the {len(runs)} models {agreed}.")
    columns = st.columns(len(runs), gap="medium")
    for column, run, reading in zip(columns, runs, readings, strict=True):
        with column:
            st.markdown(f"**{plain(run.run_id)}**")
            if not reading.cells:
                _show_refusal(reading, upload)
                continue
            (cell,) = reading.cells
            with st.container(border=True):
                _show_call(cell)
                _warn_of_synthetic(run)
                _show_probability(cell)
            st.image(cell.image, width="stretch", alt=f"The cell {upload.name}, {_called(cell)}")
            heat_map.show(run, upload, 0, cell, compact=True)
            similar.show_seen(cell.seen)
            st.caption(protocol(run))
            similar.show_unchecked(reading.gate)
            similar.show_words(cell)
            similar.show_similar(cell)
            _show_more(run, reading, cell)


def _show_refusal(reading: Reading, upload: Upload) -> None:
    why = f"**{plain(reading.image)} was not read.** {plain(reading.gate.reason or '')}"
    st.warning(why, icon=":material/block:")
    if reading.gate.way_out:
        st.markdown(f":material/arrow_forward: **What to do.** {plain(reading.gate.way_out)}")
    picture = None if reading.prepared else cache.small_picture(upload.data, upload.name)
    if picture is not None:
        st.image(picture, width=_PREVIEW, alt=f"The picture {upload.name}, which was not read")
    similar.show_prepared(reading)
    similar.show_unchecked(reading.gate)
    show_checks(reading.gate)


def _show_pictures(reading: Reading, cell: CellReading) -> None:
    first, second = st.columns(2, gap="small")
    alt = f"The cell {reading.image}, {_called(cell)}"
    first.image(cell.image, width="stretch", alt=alt)
    first.caption("The cell, as the model reads it")
    second.image(cell.outlined, width="stretch", alt=f"{alt}, with its outline")
    second.caption("Its outline: what was measured")


def _show_call(cell: CellReading) -> None:
    st.markdown(f"### The model suggests: {CALLS[cell.call]}")
    if cell.call == "review":
        st.markdown(
            "Too close for this model to call: **a person should look**. "
            f"By its threshold it leans to {CALLS[cell.leaning]}."
        )
    if cell.undecided:
        st.markdown(":material/balance: Close to the threshold: take it as **undecided**.")


def _show_probability(cell: CellReading) -> None:
    likely = f"Probability of ALL **{cell.probability:.0%}**, of HEM {cell.probability_hem:.0%}"
    st.progress(cell.probability, text=likely)
    if cell.interval is not None:
        st.caption(
            f"95% interval of the probability of ALL: {cell.interval[0]:.0%} to "
            f"{cell.interval[1]:.0%}, by how its calibration varies with the subjects."
        )
    else:
        st.caption("Without an interval: this model was calibrated on too few subjects for one.")


def _show_more(run: Run, reading: Reading, cell: CellReading) -> None:
    show_checks(reading.gate)
    with st.expander("How this was read"):
        x, y, w, h = cell.bbox
        st.markdown(
            f"- File {plain(reading.image)}; cell of {w} x {h} pixels at ({x}, {y}), filling "
            f"{cell.gate.cell_share:.0%} of the model's window\n"
            f"- Model {run.run_id} ({run.config.architecture}); log-odds of ALL {cell.logit:+.3f}\n"
            f"- {_rule(run)}. {operating_point.rule(run.calibration)} "
            f"{sentence(run.calibration.reason)}."
        )


def show_model(run: Run) -> None:
    """What is to be known of a model beside whatever it says."""
    st.caption(protocol(run))
    _warn_of_synthetic(run)


def _warn_of_synthetic(run: Run) -> None:
    if run.metrics and run.metrics.dataset.synthetic:
        st.caption(
            ":material/warning: **This model has seen synthetic cells only. What it says of a "
            "real cell means nothing.**"
        )


def _called(cell: CellReading) -> str:
    return "to be reviewed" if cell.call == "review" else f"called {cell.call}"


def _rule(run: Run) -> str:
    contract = run.calibration
    words = f"Threshold {contract.threshold:.3g}"
    if band := contract.band:
        return f"{words}, review from {band.low:.3g} to {band.high:.3g}"
    return words


def protocol(run: Run) -> str:
    """How well the model did, and on what, in one sentence."""
    measured = run.metrics
    if measured is None:
        return "This model has not been measured."
    test, rules = measured.test, measured.protocol
    value, interval = test.metric(HEADLINE), test.interval(HEADLINE)
    span = " (too few subjects for an interval)"
    if interval:
        span = f" (95% interval {interval[0]:.2f} to {interval[1]:.2f})"
    kind = "synthetic cells" if measured.dataset.synthetic else "cells"
    where = "of patients it had also trained on" if rules.leaking else "of held-out subjects"
    if rules.unknown_subjects:
        where = "of unknown patients, whom it may have trained on"
    number = "undefined" if value is None else f"{value:.2f}"
    return f"{NAMES[HEADLINE]} {number}{span} on {test.images} {kind} {where}."
