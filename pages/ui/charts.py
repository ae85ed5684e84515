"""Plotly figures, in one style. ALL and HEM have one colour and one shape each everywhere."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.evaluation.metrics import NAMES

COLOURS = {"ALL": "#D55E00", "HEM": "#0072B2"}
# Okabe-Ito, without the two colours that mean a class.
SERIES = ("#1f5c66", "#CC79A7", "#009E73", "#56B4E9", "#7a5c00", "#666666")
_CONFIG = {"displayModeBar": False}


def show(figure: go.Figure, *, alt: str, key: str) -> None:
    """Puts a figure on the page with its alternative text."""
    st.plotly_chart(figure, config=_CONFIG, alt=alt, key=key)


def _figure(height: int = 300, **layout: Any) -> go.Figure:
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
    figure = _figure(260, barmode="stack", bargap=0.15)
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
    figure = _figure(240, barmode="stack", bargap=0.35)
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


def learning_curves(history: pd.DataFrame, quantity: str, label: str) -> go.Figure:
    """One run's curve of "loss" or "accuracy": training dashed, validation solid."""
    figure = _figure(280)
    for column, name, dash in (
        (quantity, "training", "dot"),
        (f"validation_{quantity}", "validation", "solid"),
    ):
        figure.add_scatter(
            x=history["epoch"],
            y=history[column],
            name=name,
            mode="lines+markers",
            line={"color": SERIES[0], "dash": dash},
            marker={"size": 5},
        )
    _epochs(figure, history)
    figure.update_yaxes(title=label)
    return figure


def curves_of_runs(histories: pd.DataFrame, quantity: str, label: str) -> go.Figure:
    """Validation curves of several runs."""
    figure = _figure(300)
    for number, (run, history) in enumerate(histories.groupby("run", sort=False)):
        figure.add_scatter(
            x=history["epoch"],
            y=history[f"validation_{quantity}"],
            name=str(run),
            mode="lines+markers",
            line={"color": SERIES[number % len(SERIES)]},
            marker={"symbol": number % 20, "size": 6},
        )
    _epochs(figure, histories)
    figure.update_yaxes(title=label)
    return figure


def _epochs(figure: go.Figure, history: pd.DataFrame) -> None:
    # Left alone, Plotly marks half epochs.
    few = history["epoch"].max() <= 10
    figure.update_xaxes(title="epoch", dtick=1 if few else None, tickformat="d")


def metrics_of_runs(rows: list[dict[str, Any]]) -> go.Figure:
    """Test metrics with their 95% intervals, run beside run, and always-ALL as a cross."""
    figure = _figure(340, scattermode="group")
    names = list(NAMES.values())
    for number, row in enumerate(rows):
        test = row["test"]
        value = [test[name] for name in NAMES]
        spans = [test["intervals"][name] for name in NAMES]
        up = [s[1] - v if s and v is not None else 0 for s, v in zip(spans, value, strict=True)]
        down = [v - s[0] if s and v is not None else 0 for s, v in zip(spans, value, strict=True)]
        figure.add_scatter(
            x=names,
            y=value,
            name=row["run"],
            mode="markers",
            marker={"size": 10, "symbol": number % 20, "color": SERIES[number % len(SERIES)]},
            error_y={"type": "data", "symmetric": False, "array": up, "arrayminus": down},
        )
    baseline = rows[0]["test"]["always_all"]
    figure.add_scatter(
        x=names,
        y=[baseline[name] for name in NAMES],
        name="always ALL",
        mode="markers",
        marker={"size": 9, "symbol": "x-thin", "line": {"width": 2, "color": "#555555"}},
    )
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure


def confusion(counts: dict[str, int]) -> go.Figure:
    """Two by two: what the cells were against what was called."""
    figure = _figure(230)
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
