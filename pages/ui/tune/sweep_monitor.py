"""A cross-validation or a search: its progress, its results, and how to go on."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.jobs.job import Status
from core.metrics.classification import NAMES
from core.people import TRAIN
from core.report import tuning
from core.report.glossary import explain
from core.runs import about, config, run_store
from core.runs.config import RunConfig
from core.tuning import search, sweep_store
from core.tuning.results import CrossValidationResults, SearchResults, Trial
from core.tuning.sweep_store import Plan, Sweep
from core.workers import launcher
from pages.ui.common import charts, monitor, people
from pages.ui.common.charts import GREY, SERIES, empty
from pages.ui.common.downloads import download_table
from pages.ui.common.numbers import number
from pages.ui.common.progress import run_progress
from pages.ui.common.text import plain, shown_errors

_TITLES = {"cross-validation": "Cross-validation", "search": "Search"}
_QUEUED = "tune_queued"
_TRIALS = {"finished": "circle", "pruned": "x-thin", "failed": "triangle-down-open"}


def show(name: str) -> None:
    """Follows a sweep live; redraws itself, not the page, until the sweep ends."""
    monitor.show(sweep_store.get(name), _draw)


def _draw(sweep: Sweep, status: Status) -> None:
    plan = sweep.plan
    monitor.header(
        sweep,
        status,
        f"{_TITLES[plan.kind]} of {plan.base.architecture}",
        f"{sweep.name} · {plan.base.recipe} recipe · split by {plan.base.split}",
        stop_help="What has finished is kept. Leaving this page does not stop it.",
    )
    if status.unfinished:
        _progress(sweep, status)
    monitor.show_error(status)
    results = sweep.results
    if isinstance(results, SearchResults):
        show_search(sweep, plan, results, ended=not status.unfinished)
    elif results:
        show_folds(sweep, plan, results)


def _progress(sweep: Sweep, status: Status) -> None:
    things = "trials" if sweep.plan.kind == "search" else "folds"
    text = f"{status.done} of {status.total} {things} done"
    st.progress(status.share_done, text=text)
    run = sweep.current
    # One line always: were it to come and go, what stands below would be drawn twice for a moment.
    now = f": {plain(about.called(run))}, {plain(run_progress(run.status))}" if run else ""
    st.caption(f"Now {plain(status.phase)}{now}")


def show_folds(sweep: Sweep, plan: Plan, results: CrossValidationResults) -> None:
    """The mean with its interval in a sentence, the folds as a chart and a table."""
    st.markdown(f"**{tuning.cross_validation_verdict(results, plan.base.folds)}**")
    alt = "Test metrics of each fold, and their mean with its 95% interval over folds"
    charts.show(_over_folds(results), alt=alt, key=f"folds_{sweep.name}")
    if results.pooled:
        st.markdown(tuning.pooled_sentence(results.pooled))
    summary = tuning.summary_table(results)
    numbers = ["Mean over folds", "Standard deviation", "All images together"]
    _table(f"{sweep.name}_metrics", summary, numbers, {"Metric": explain(*NAMES.values())})
    with st.expander("Each fold"):
        names = list(NAMES.values())
        _table(
            f"{sweep.name}_folds",
            tuning.folds_table(results),
            names,
            {"Fold": explain("Fold")} | {name: explain(name) for name in names},
        )
    with st.expander("How this was measured"):
        st.markdown(
            "- Each image is tested once, by the fold that neither trained on it nor, in a split "
            "by subject, on any image of its group; the next fold chooses the weights.\n"
            "- The interval over folds is of this recipe, trained on other subjects, as many as a "
            "fold is trained on. Folds share training images, so it is widened (Nadeau and Bengio "
            "2003).\n"
            "- The figure over all images pools the calls of all folds; its interval is from a "
            "bootstrap over groups of subjects."
        )


def show_search(sweep: Sweep, plan: Plan, results: SearchResults, *, ended: bool) -> None:
    """The best trial in words, how the search went, what mattered, and the way to train it."""
    st.markdown(f"**{tuning.search_verdict(results)}**")
    st.caption(
        "Trials are judged on the validation part alone; the test part is not used. The lowest "
        "of many values is too good by chance. What the best settings are worth, the test part "
        "of a run with them says."
    )
    best = results.best
    if best is not None:
        st.markdown(f"Its settings: {tuning.describe(best.settings)}.")
        if ended:
            _train_best(sweep, plan, best)
    left, right = st.columns([3, 2])
    with left:
        alt = "Prediction error of each trial on the validation part, and the best so far"
        charts.show(_search_history(results.trials), alt=alt, key=f"trials_{sweep.name}")
    with right:
        if results.importance:
            shares = {tuning.SETTINGS[name]: share for name, share in results.importance.items()}
            alt = "How much each setting decided whether a trial was good"
            charts.show(_importance(shares), alt=alt, key=f"importance_{sweep.name}")
            st.caption("What decided whether a trial was good; with few trials, a rough guide.")
        else:
            need = search.MIN_FOR_IMPORTANCE
            st.caption(f"What mattered most is shown once {need} trials have finished.")
    value = "Prediction error"
    terms = {"Trial": explain("Trial"), "State": explain("Pruned"), value: explain(value)}
    _table(f"{sweep.name}_trials", tuning.trials_table(results), [value], terms)


def _train_best(sweep: Sweep, plan: Plan, best: Trial) -> None:
    with (
        st.form(f"best_{sweep.name}", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        names = {"architecture": plan.base.architecture, "dataset": plan.base.dataset}
        usual = RunConfig.parse(names | config.defaults(plan.base.architecture, plan.base.recipe))
        longest = max(plan.base.epochs, usual.epochs)
        place = st.container(width=140)
        epochs = number(place, "Epochs", RunConfig.bounds("epochs"), longest)
        whole = plan.base.sample is not None and st.checkbox("On all images", value=True)
        asked = st.form_submit_button(
            "Train it with these settings",
            icon=":material/model_training:",
            disabled=people.lacks(TRAIN),
        )
    with shown_errors():
        if asked:
            people.require(TRAIN)
            run = run_store.create(
                search.final_config(plan, best.settings, epochs=int(epochs), whole=whole)
            )
            launcher.launch(run)
            st.session_state[_QUEUED] = {sweep.name: about.called(run)}
    queued = st.session_state.get(_QUEUED, {}).get(sweep.name)
    if queued is not None:
        st.success(f"{plain(queued)} is queued.", icon=":material/check_circle:")
        st.page_link("pages/train.py", label="Watch it train", icon=":material/model_training:")


def _table(name: str, table: pd.DataFrame, numbers: list[str], terms: Mapping[str, str]) -> None:
    """A table and its download; `terms` explains columns on hover."""
    columns = {
        **{column: st.column_config.Column(help=text) for column, text in terms.items()},
        **{
            column: st.column_config.NumberColumn(format="%.3f", help=terms.get(column))
            for column in numbers
        },
        "Learning rate": st.column_config.NumberColumn(format="%.3g"),
    }
    st.dataframe(table, hide_index=True, column_config=columns, key=f"table_{name}")
    download_table("Table as CSV", table, f"{name}.csv", key=f"csv_{name}")


def _over_folds(results: CrossValidationResults) -> go.Figure:
    """Each fold as a ring, and the mean over folds with its 95% interval beside them."""
    figure = empty(340, scattermode="group")
    labels, folds = list(NAMES.values()), results.folds
    figure.add_scatter(
        x=[label for label in labels for _ in folds],
        y=[fold.metric(name) for name in NAMES for fold in folds],
        customdata=[fold.fold + 1 for _ in labels for fold in folds],
        name="each fold",
        mode="markers",
        marker={"size": 9, "symbol": "circle-open", "color": SERIES[0], "line": {"width": 1.5}},
        hovertemplate="fold %{customdata}: %{y:.3f}<extra></extra>",
    )
    means = [results.over_folds(name).estimate for name in NAMES]
    figure.add_scatter(
        x=labels,
        y=[mean.value for mean in means],
        name="mean and 95% interval over folds",
        mode="markers",
        marker={"size": 10, "symbol": "diamond", "color": SERIES[1]},
        error_y=charts.error_bars(means),
        hovertemplate="mean %{y:.3f}<extra></extra>",
    )
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure


def _search_history(trials: Sequence[Trial]) -> go.Figure:
    """Each trial's value in their order, and the best so far as a line.

    Trials without a value (pruned, failed) stand as marks on the floor.
    """
    figure = empty(300)
    values = [trial.value for trial in trials if trial.value is not None]
    floor = min(values, default=0.0) - 0.06 * (max(values, default=1.0) - min(values, default=0.0))
    figure.add_scatter(
        x=[trial.trial for trial in trials],
        y=[trial.best_so_far for trial in trials],
        name="best so far",
        mode="lines",
        line={"color": SERIES[0], "shape": "hv", "width": 2},
        hoverinfo="skip",
    )
    for state, symbol in _TRIALS.items():
        rows = [trial for trial in trials if trial.state == state]
        if not rows:
            continue
        colour = SERIES[1] if state == "finished" else GREY
        width = 2 if state == "pruned" else 1
        figure.add_scatter(
            x=[trial.trial for trial in rows],
            y=[floor if trial.value is None else trial.value for trial in rows],
            name=state,
            mode="markers",
            marker={
                "symbol": symbol,
                "size": 9,
                "color": colour,
                "line": {"width": width, "color": colour},
            },
            hovertemplate="trial %{x}" + (": %{y:.3f}" if state == "finished" else f", {state}"),
        )
    few = len(trials) <= 12
    figure.update_xaxes(title="trial", dtick=1 if few else None, tickformat="d")
    figure.update_yaxes(title="prediction error, validation")
    return figure


def _importance(shares: dict[str, float]) -> go.Figure:
    """Bars: the share of each setting (names as shown) in what made trials good."""
    margin = {"t": 10, "r": 40}
    figure = empty(80 + 26 * len(shares), rows=True, bargap=0.35, margin=margin)
    figure.add_bar(
        y=list(shares),
        x=list(shares.values()),
        orientation="h",
        texttemplate="%{x:.0%}",
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure.update_xaxes(title="share", tickformat=".0%")
    return figure
