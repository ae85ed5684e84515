"""Plotly figures, in one style. ALL and HEM have one colour and one shape each everywhere."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.metrics.classification import NAMES

COLOURS = {"ALL": "#D55E00", "HEM": "#0072B2"}
# Okabe-Ito, without the two colours that mean a class.
SERIES = ("#1f5c66", "#CC79A7", "#009E73", "#56B4E9", "#7a5c00", "#666666")
_CONFIG = {"displayModeBar": False}


def show(figure: go.Figure, *, alt: str, key: str) -> None:
    """Puts a figure on the page with its alternative text."""
    st.plotly_chart(figure, config=_CONFIG, alt=alt, key=key)


def empty(height: int = 300, **layout: Any) -> go.Figure:
    """A figure in the style of all, without data yet."""
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 36, "b": 10},
        plot_bgcolor="white",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
        **layout,
    )
    figure.update_xaxes(showgrid=False, linecolor="#9aa5a9", automargin=True)
    figure.update_yaxes(gridcolor="#e6eaec", automargin=True)
    return figure


def cells_by_subject(cells: pd.DataFrame) -> go.Figure:
    """Bars: how many cells each subject gave, by class."""
    figure = empty(260, barmode="stack", bargap=0.15)
    for label, name in ((1, "ALL"), (0, "HEM")):
        counts = cells.loc[cells["label"] == label, "subject"].value_counts()
        figure.add_bar(
            x=[f"No. {subject}" for subject in counts.index],
            y=counts.to_numpy(),
            name=name,
            marker={"color": COLOURS[name], "pattern": {"shape": "" if label else "/"}},
        )
    figure.update_layout(legend_traceorder="normal")
    figure.update_yaxes(title="cells")
    figure.update_xaxes(showticklabels=len(cells["subject"].unique()) <= 45)
    return figure


def cells_by_part(parts: pd.DataFrame) -> go.Figure:
    """Bars: ALL, HEM and unlabelled cells of each part (a column of names, then counts)."""
    figure = empty(240, barmode="stack", bargap=0.35)
    for name, pattern in (("ALL", ""), ("HEM", "/"), ("unlabelled", ".")):
        if name in parts and parts[name].any():
            figure.add_bar(
                y=parts["part"],
                x=parts[name],
                name=name,
                orientation="h",
                marker={"color": COLOURS.get(name, "#9aa5a9"), "pattern": {"shape": pattern}},
            )
    figure.update_layout(hovermode="y unified", legend_traceorder="normal")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(title="cells", showgrid=True, gridcolor="#e6eaec")
    return figure


def learning_curves(histories: dict[str, pd.DataFrame], quantity: str, label: str) -> go.Figure:
    """Validation curves of runs by name, solid; of the first one its training curve too, dotted."""
    figure = empty(280 + 20 * len(histories))  # the legend takes its share
    for number, (run, history) in enumerate(histories.items()):
        curves = {f"validation_{quantity}": "solid"}
        if not number:
            curves[quantity] = "dot"
        for column, dash in curves.items():
            part = "validation" if dash == "solid" else "training"
            figure.add_scatter(
                x=history["epoch"],
                y=history[column],
                name=part if len(histories) == 1 else f"{run}, {part}",
                mode="lines+markers",
                line={"color": SERIES[number % len(SERIES)], "dash": dash},
                marker={"symbol": number % 20, "size": 5},
            )
    _epochs(figure, max(len(history) for history in histories.values()))
    figure.update_yaxes(title=label)
    return figure


def loss_parts(history: pd.DataFrame) -> go.Figure:
    """What was minimised, the cross-entropy of it, and the penalty."""
    figure = empty(260)
    names = {"loss": "loss minimised", "cross_entropy": "cross-entropy", "penalty": "L2 penalty"}
    for number, (column, name) in enumerate(names.items()):
        figure.add_scatter(
            x=history["epoch"],
            y=history[column],
            name=name,
            mode="lines",
            line={"color": SERIES[number], "dash": ("solid", "dot", "dash")[number]},
        )
    _epochs(figure, len(history))
    return figure


def learning_rate(history: pd.DataFrame) -> go.Figure:
    """The learning rate at the end of each epoch."""
    figure = empty(260)
    figure.add_scatter(
        x=history["epoch"],
        y=history["learning_rate"],
        mode="lines",
        line={"color": SERIES[0], "shape": "hv"},
    )
    _epochs(figure, len(history))
    figure.update_yaxes(title="learning rate", tickformat=".1e")
    return figure


def _epochs(figure: go.Figure, epochs: int) -> None:
    # Left alone, Plotly marks half epochs.
    figure.update_xaxes(title="epoch", dtick=1 if epochs <= 10 else None, tickformat="d")


def confusion(counts: dict[str, int]) -> go.Figure:
    """Two by two: what the cells were against what was called."""
    figure = empty(230)
    table = [[counts["tp"], counts["fn"]], [counts["fp"], counts["tn"]]]
    figure.add_heatmap(
        z=table,
        x=["called ALL", "called HEM"],
        y=["is ALL", "is HEM"],
        text=table,
        texttemplate="%{text}",
        textfont={"size": 18},
        colorscale=[[0, "#f4f6f7"], [1, "#8fb8bf"]],
        showscale=False,
        hoverinfo="skip",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_layout(margin={"t": 10})
    return figure


def metrics_over_folds(found: dict[str, Any]) -> go.Figure:
    """Each fold as a ring, and the mean over folds with its 95% interval beside them.

    `found` as `core.tuning.cross_validation.results` gives it.
    """
    figure = empty(340, scattermode="group")
    labels, over = list(NAMES.values()), found["metrics"]
    folds = found["folds"]
    figure.add_scatter(
        x=[label for label in labels for _ in folds],
        y=[fold[name] for name in NAMES for fold in folds],
        customdata=[fold["fold"] + 1 for _ in labels for fold in folds],
        name="each fold",
        mode="markers",
        marker={"size": 9, "symbol": "circle-open", "color": SERIES[0], "line": {"width": 1.5}},
        hovertemplate="fold %{customdata}: %{y:.3f}<extra></extra>",
    )
    means = [over[name]["mean"] for name in NAMES]
    spans = [over[name]["interval"] for name in NAMES]
    pairs = list(zip(spans, means, strict=True))
    figure.add_scatter(
        x=labels,
        y=means,
        name="mean and 95% interval over folds",
        mode="markers",
        marker={"size": 10, "symbol": "diamond", "color": SERIES[1]},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [s[1] - v if s else 0 for s, v in pairs],
            "arrayminus": [v - s[0] if s else 0 for s, v in pairs],
        },
        hovertemplate="mean %{y:.3f}<extra></extra>",
    )
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure


_TRIALS = {"finished": "circle", "pruned": "x-thin", "failed": "triangle-down-open"}


def search_history(trials: list[dict[str, Any]]) -> go.Figure:
    """Each trial's value in their order, and the best so far as a line.

    Trials without a value (pruned, failed) stand as marks on the floor.
    """
    figure = empty(300)
    values = [row["value"] for row in trials if row["value"] is not None]
    floor = min(values, default=0.0) - 0.06 * (max(values, default=1.0) - min(values, default=0.0))
    figure.add_scatter(
        x=[row["trial"] for row in trials],
        y=[row["best_so_far"] for row in trials],
        name="best so far",
        mode="lines",
        line={"color": SERIES[0], "shape": "hv", "width": 2},
        hoverinfo="skip",
    )
    for state, symbol in _TRIALS.items():
        rows = [row for row in trials if row["state"] == state]
        if not rows:
            continue
        colour = SERIES[1] if state == "finished" else "#555555"
        figure.add_scatter(
            x=[row["trial"] for row in rows],
            y=[floor if row["value"] is None else row["value"] for row in rows],
            name=state,
            mode="markers",
            marker={
                "symbol": symbol,
                "size": 9,
                "color": colour,
                "line": {"width": 2 if state == "pruned" else 1, "color": colour},
            },
            hovertemplate="trial %{x}" + (": %{y:.3f}" if state == "finished" else f", {state}"),
        )
    figure.update_layout(hovermode="closest")
    few = len(trials) <= 12
    figure.update_xaxes(title="trial", dtick=1 if few else None, tickformat="d")
    figure.update_yaxes(title="validation cross-entropy")
    return figure


def importance(shares: dict[str, float]) -> go.Figure:
    """Bars: the share of each setting (names as shown) in what made trials good."""
    figure = empty(80 + 26 * len(shares), bargap=0.35)
    figure.add_bar(
        y=list(shares),
        x=list(shares.values()),
        orientation="h",
        marker={"color": SERIES[0]},
        texttemplate="%{x:.0%}",
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure.update_layout(margin={"t": 10, "r": 40})
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(title="share", tickformat=".0%", showgrid=True, gridcolor="#e6eaec")
    return figure
