"""The section on the operating point of a model: choose errors, see the outcome, store it."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.errors import BlastLensError
from core.evaluation import operating_point
from core.evaluation.decision import Outcome, Preview, Reliability
from core.metrics.calibration import METHODS
from core.people import PROMOTE
from core.report.glossary import explain
from core.report.operating_point import (
    FITTED,
    METHOD_WORDS,
    as_share,
    beyond,
    calibrated,
    from_percents,
    in_percents,
    rule,
    scores_table,
    table,
)
from core.report.operating_point import sentence as outcome_sentence
from core.runs.calibration import Calibration, Choice
from core.runs.run_store import Run
from pages.ui.common import cache, charts, people
from pages.ui.common.charts import GREY, SERIES, empty
from pages.ui.common.numbers import number
from pages.ui.common.text import plain, section, sentence, shown_errors

MISSED, REVIEW = 5.0, 10.0  # percent, where nothing was chosen
LOWEST, HIGHEST = 0.5, 50.0
AS_TRAINED = "as trained"


def show(run: Run) -> None:
    """The section for a finished run."""
    section("When does it call a blast?")
    _section(run)


@st.fragment
def _section(run: Run) -> None:
    with shown_errors():
        prevalence: float | None = None
        controls, outcome = st.columns([2, 3], gap="large")
        with controls:
            choice, prevalence = _choose(run)
        stored = cache.preview(run, None, prevalence)
        with outcome:
            proposed = _outcome(run, choice, prevalence, stored)
        if proposed is not None:
            _show_charts(run, proposed, stored)


def _choose(run: Run) -> tuple[Choice, float | None]:
    now = in_percents(run.calibration.choice, LOWEST, HIGHEST)
    key = f"{run.run_id}_{run.calibration_ns}"  # the controls begin with the stored choice
    missed = st.slider(
        "Miss at most this % of blasts", LOWEST, HIGHEST, now.max_missed or MISSED, 0.5,
        format="%.1f %%", key=f"missed_{key}", help=explain("Sensitivity", "Threshold"),
    )  # fmt: skip
    error: float | None = None
    if st.toggle(
        "Send doubtful ones to review",
        now.review_error is not None,
        key=f"review_{key}",
        help=explain("Review", "Review band"),
    ):
        error = st.slider(
            "Call at most this % of each class wrongly", LOWEST, HIGHEST,
            now.review_error or REVIEW, 0.5, format="%.1f %%", key=f"error_{key}",
            help="The higher the limit, the fewer go to a person.",
        )  # fmt: skip
    promised = st.toggle(
        "Promise it for new subjects",
        now.basis == "promised",
        key=f"promised_{key}",
        help=(
            "Adds a margin for how much subjects differ. This needs many subjects: for x %, "
            "about 100/x with blasts in the validation part. It treats these as new ones, although "
            "they also chose the epoch."
        ),
    )
    with st.expander("Share of blasts, and calibration"):
        share = number(
            st.container(), "Share of blasts in what is read, %", (0, 100), None, excluded=True,
            step=1.0, placeholder="as in each part", key=f"prevalence_{key}",
        )  # fmt: skip
        names = (AS_TRAINED, *METHODS)
        method = st.selectbox(
            "Calibration",
            names,
            names.index(now.calibration or AS_TRAINED),
            format_func=lambda name: METHOD_WORDS.get(name, name),
            key=f"method_{key}",
            help=explain(*FITTED),
        )
    chosen = None if method == AS_TRAINED else method
    choice = from_percents(missed, error, chosen, promised=promised)
    return choice, as_share(share)


def _outcome(run: Run, choice: Choice, prevalence: float | None, stored: Preview) -> Preview | None:
    proposed: Preview | None = None
    try:
        proposed = cache.preview(run, choice, prevalence)
    except BlastLensError as problem:
        st.warning(plain(str(problem)), icon=":material/block:")
    calibration = stored.calibration
    if proposed is not None:
        part = proposed.shown_part
        st.markdown(f"**{outcome_sentence(proposed.parts[part], part, run.config.items)}**")
        if text := beyond(proposed.parts[part], part, choice):
            st.markdown(f":material/rule: {text}")
        missed, review = proposed.calibration.operating_point, proposed.calibration.review
        if first := missed or review:
            said, _, rest = first.reason.partition(": ")
            others = [rest, review.reason if missed and review else ""]
            st.markdown(
                f":material/groups: {said}{'.' * bool(rest)}",
                help=sentence("\n\n".join(filter(None, others))) or None,
            )
    _buttons(run, choice, proposed, calibration)
    part = stored.shown_part
    st.caption(
        f"**Now:** {rule(calibration, run.config.item)}",
        help=outcome_sentence(stored.parts[part], part, run.config.items),
    )
    return proposed


def _buttons(run: Run, choice: Choice, proposed: Preview | None, calibration: Calibration) -> None:
    locked = people.lacks(PROMOTE)
    use, back = st.columns(2)
    in_use = proposed is not None and proposed.calibration == calibration
    pressed = use.button(
        "In use" if in_use else "Use this operating point",
        type="primary",
        icon=":material/check:",
        disabled=locked or proposed is None or in_use,
        width="stretch",
        key=f"use_point_{run.run_id}",
    )
    undone = back.button(
        "Back to the default",
        icon=":material/undo:",
        disabled=locked or calibration.default is None,
        width="stretch",
        key=f"default_point_{run.run_id}",
    )
    if not (pressed or undone):
        return
    with shown_errors():
        people.require(PROMOTE)
        with st.spinner("Storing it and measuring the model anew…"):
            operating_point.use(run, choice if pressed else Choice())
        st.rerun()  # the whole page: its other figures follow the operating point


def _show_charts(run: Run, proposed: Preview, stored: Preview) -> None:
    st.dataframe(table(proposed.parts, run.config.item), hide_index=True)
    st.caption(
        "In brackets 95% intervals. The validation part chose the threshold, so its figures are "
        "too good.",
        help="Intervals over groups of subjects.",
    )
    part = proposed.shown_part
    if proposed.trade_off is not None:
        with st.expander("Curves"):
            left, right = st.columns(2)
            with left:
                section("What fewer misses cost")
                points = {"chosen here": proposed.parts[part], "in use": stored.parts[part]}
                charts.show(
                    _trade_off(proposed.trade_off, points),
                    alt=f"Missed blasts against false alarms over all thresholds, {part} part",
                    key=f"trade_off_{run.run_id}",
                )
            with right:
                section("Is it better than calling all of them ALL?")
                charts.show(
                    _decision_curve(proposed.decision_curve, proposed.decision_threshold),
                    alt="Net benefit by threshold probability of the model, of calling all of "
                    f"them ALL and of calling none, {part} part",
                    key=f"decision_{run.run_id}",
                )
            st.caption(
                f"Both on the {part} part. Right: the model is of use where its line is the "
                "highest; the upright line is the threshold chosen here.",
                help=explain("Net benefit", "Prevalence"),
            )
    _reliability(run, proposed)


def _reliability(run: Run, proposed: Preview) -> None:
    with st.expander("Do its probabilities mean what they say?"):
        st.caption(
            f"{sentence(calibrated(proposed.calibration, run.config.items))}.",
            help=explain(*FITTED),
        )
        for column, (part, both) in zip(st.columns(2), proposed.reliability.items(), strict=False):
            with column:
                charts.show(
                    _reliability_diagram(both, part),
                    alt=f"Share of blasts by stated probability, before and after, {part} part",
                    key=f"reliability_{part}_{run.run_id}",
                )
        scores = scores_table(proposed.reliability)
        figure = st.column_config.NumberColumn(format="%.3f")
        st.dataframe(
            scores, hide_index=True, column_config=dict.fromkeys(scores.columns[2:], figure)
        )
        st.caption(
            "Lower is better. The fit used the validation part: there, the value after it is too "
            "good."
        )


def _trade_off(curve: pd.DataFrame, points: dict[str, Outcome]) -> go.Figure:
    """Missed blasts against false alarms over all thresholds, with named points."""
    figure = empty(320)
    figure.add_scatter(
        x=curve["false_alarms"],
        y=curve["missed"],
        customdata=curve["threshold"],
        name="every threshold",
        mode="lines",
        line={"color": SERIES[0], "width": 2},
        hovertemplate="threshold %{customdata:.3f}: %{y:.1%} missed, %{x:.1%} false alarms"
        "<extra></extra>",
    )
    looks = (("diamond", SERIES[1], 13), ("circle-open", GREY, 11))
    for (name, outcome), (symbol, colour, size) in zip(points.items(), looks, strict=False):
        figure.add_scatter(
            x=[outcome.false_alarms.value],
            y=[outcome.missed.value],
            name=name,
            mode="markers",
            marker={"symbol": symbol, "color": colour, "size": size, "line": {"width": 2}},
            hovertemplate=f"{name}: %{{y:.1%}} missed, %{{x:.1%}} false alarms<extra></extra>",
        )
    figure.update_xaxes(title="false alarms, share of all", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title="blasts missed", tickformat=".0%", range=[-0.03, 1.03])
    return figure


def _decision_curve(curve: pd.DataFrame, threshold: float) -> go.Figure:
    """Net benefit of the model, of calling all of them ALL, and of calling none; the threshold."""
    figure = empty(320, hovermode="x unified")
    looks = {
        "model": ("the model", SERIES[0], "solid"),
        "all": ("all called ALL", SERIES[1], "dash"),
        "none": ("none called ALL", GREY, "dot"),
    }
    for key, (name, colour, dash) in looks.items():
        figure.add_scatter(
            x=curve["threshold"],
            y=curve[key],
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="%{y:.3f}",
        )
    figure.add_vline(x=threshold, line={"color": GREY, "width": 1})
    best = max(curve["model"].max(), curve["all"].iloc[0])
    figure.update_xaxes(title="threshold probability", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="net benefit", range=[-0.25 * best, 1.1 * best])
    return figure


def _reliability_diagram(rows: dict[str, Reliability], part: str) -> go.Figure:
    """Share of blasts against stated probability, before and after calibration, and the ideal."""
    figure = empty(300)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        name="ideal",
        mode="lines",
        line={"color": GREY, "dash": "dot", "width": 1},
        hoverinfo="skip",
    )
    looks = {"before": (SERIES[4], "dash", "circle-open"), "after": (SERIES[0], "solid", "circle")}
    for when, (colour, dash, symbol) in looks.items():
        curve = rows[when].curve
        figure.add_scatter(
            x=[point["stated"] for point in curve],
            y=[point["observed"] for point in curve],
            customdata=[point["cells"] for point in curve],
            name=f"{when} calibration",
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 7},
            hovertemplate="stated %{x:.0%}, observed %{y:.0%}, of %{customdata}<extra></extra>",
        )
    figure.update_xaxes(title=f"stated probability, {part} part", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="share that is ALL", tickformat=".0%", range=[-0.03, 1.03])
    return figure
