"""Shows the reading of one cell: the call and its limits first, all else behind "Why".

The same view serves a cell that was uploaded alone, one of many, and one out of a field.
"""

from dataclasses import replace

import streamlit as st

from core.metrics.classification import NAMES
from core.reading.cell_reading import CellReading, Reading
from core.reading.checked_picture import Gate
from core.report import phrases
from core.report.cell import sentences
from core.report.cell.limits import limits
from core.report.glossary import explain
from core.runs.run_store import Run
from pages.ui.common import cache
from pages.ui.common.text import CALLS, plain, shown_errors
from pages.ui.reading import heat_map, why

HEADLINE = "balanced_accuracy"
_SHARED = 260  # pixels
_PARTS = (
    "The **probability** has an interval that says how certain it is. The **heat map** shows what "
    "speaks for the call, and says whether it passed its own tests. **Why** has all that the "
    "reading rests on."
)


@st.fragment
def show(run: Run, reading: Reading, key: str) -> None:
    """Shows a reading of one cell, or why it was not read.

    A fragment: another view of the picture leaves the rest of the page as it is. `key` names the
    widgets.
    """
    if not reading.cells:
        show_refusal(reading)
        return
    (cell,) = reading.cells
    with shown_errors():
        _show_call(cell, "##")
        picture, beside = st.columns([10, 6] if cell.adapted else [5, 6], gap="medium")
        with beside:
            _show_probability(cell)
            more = _show_limits(run, cell)
            _show_remarks(cell)
            badge = st.container()
        shown, judgement = heat_map.judged(run, cell)
        with picture:
            heat_map.show(shown, judgement, reading.image, key, alt(reading))
        with badge:
            heat_map.show_badge(shown, judgement)
        with st.expander("Why"):
            why.show(run, replace(reading, cells=(shown,)), judgement, more, key)
            st.caption(protocol(run))


@st.fragment
def show_column(run: Run, reading: Reading, key: str, title: str, said: str = "") -> None:
    """Shows the reading of one of several models or cells, beside a picture that they share.

    `said` is a limit that stands on the page already.
    """
    st.markdown(f"### {plain(title)}")
    if not reading.cells:
        show_refusal(reading)
        return
    (cell,) = reading.cells
    with shown_errors():
        _show_call(cell, "####")
        _show_probability(cell)
        more = _show_limits(run, cell, said)
        _show_remarks(cell)
        shown, judgement = heat_map.judged(run, cell)
        heat_map.show_small(shown, judgement, alt(reading))
        with st.expander("Why"):
            why.show(run, replace(reading, cells=(shown,)), judgement, more, key)
            st.caption(protocol(run))


def show_shared(reading: Reading) -> None:
    """Shows what models have in common that read the same picture: the cell and its outline.

    Of a cell that was adapted, what came: each model adapts it to cells of its own.
    """
    (cell,) = reading.cells
    if cell.unadapted is not None:
        st.image(cell.unadapted, width=_SHARED, alt=f"{alt(reading)}: as it came")
        return
    st.image(cell.outlined, width=_SHARED, alt=f"{alt(reading)}: outline")


def show_refusal(reading: Reading) -> None:
    """Shows why a picture was not read, and what can be done."""
    gate = reading.gate
    reason = f"**{plain(reading.image)} was not read.** {plain(gate.reason or '')}"
    st.warning(reason, icon=":material/block:")
    if gate.way_out:
        st.markdown(f":material/arrow_forward: **What to do.** {plain(gate.way_out)}")
    why.show_prepared(reading)
    why.show_findings(reading.findings)
    if gate.unchecked:
        _show_unchecked(gate)
    with st.expander("Checks made"):
        why.show_checks(gate)


def alt(reading: Reading) -> str:
    """What is seen in the picture of a cell, in words."""
    (cell,) = reading.cells
    call = "to be reviewed" if cell.call == "review" else f"called {cell.call}"
    return f"The {'image' if cell.whole_image else 'cell'} {reading.image}, {call}"


def show_model(run: Run) -> None:
    """Shows what a user should know about a model beside any reading by it."""
    st.caption(protocol(run))
    warn_of_synthetic(run)


def protocol(run: Run) -> str:
    """How well the model did, and on what, in one sentence."""
    measured = run.metrics
    if measured is None:
        return "This model has not been measured."
    test, rules = measured.test, measured.protocol
    kind = f"{'synthetic ' if measured.dataset.synthetic else ''}{run.config.items}"
    where = "of patients it had also trained on" if rules.leaking else "of held-out subjects"
    if rules.training_unknown:
        where = "of patients that it may have trained on"
    elif rules.unknown_subjects:
        where = "of unknown patients, whom it may have trained on"
    estimate = test.estimate(HEADLINE)
    score = "undefined" if estimate.value is None else phrases.full(estimate)
    return f"{NAMES[HEADLINE]} {score} on {test.images} {kind} {where}."


def _show_call(cell: CellReading, heading: str) -> None:
    advice = sentences.advice(cell)
    st.markdown(
        f"{heading} The model suggests {CALLS[cell.call]}{advice}.",
        help=f"{_PARTS}\n\n{explain('ALL', 'HEM', 'Review')}",
    )
    if cell.adapted:
        st.markdown(":material/palette: **Read as if stained like the reference cells.**")


def _show_remarks(cell: CellReading) -> None:
    """Says what stands out, and nothing where all is usual."""
    for said in (sentences.unusual(cell), sentences.contradicted(cell)):
        if said:
            st.markdown(f":material/priority_high: {plain(said)}")


def _show_limits(run: Run, cell: CellReading, said: str = "") -> list[str]:
    """Shows the gravest limit in a sentence, unless it is `said` already; returns the others."""
    gravest, *others = [*limits(cell, run.calibration, cache.record(run)), ""]
    if gravest == said:
        return [text for text in (gravest, *others) if text]
    if not gravest:
        return []
    first, end, rest = gravest.partition(". ")
    st.markdown(f":material/warning: **{plain(first + end.strip())}**")
    return [text for text in (rest, *others) if text]


def warn_of_synthetic(run: Run) -> None:
    """Says of a model that was trained on synthetic cells what it makes of real ones."""
    if said := cache.record(run).real_cells:
        first, end, rest = plain(said).partition(". ")
        st.markdown(f":material/warning: **{first}{end.strip()}**", help=rest)


def _show_probability(cell: CellReading) -> None:
    interval = ""
    if cell.interval is not None:
        low, high = cell.interval
        interval = f" (95% interval {low:.0%} to {high:.0%})"
    st.progress(cell.probability, text=f"Probability of ALL **{cell.probability:.0%}**{interval}")


def _show_unchecked(gate: Gate) -> None:
    reasons = " ".join(dict.fromkeys(gate.unchecked.values()))
    st.caption(f":material/help: Not all was checked. {plain(reasons)}")
