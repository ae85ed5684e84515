"""Pictures of an operating point: trade-off, decision curve, reliability."""

from typing import Any

import plotly.graph_objects as go

from pages.ui.common.charts import SERIES, empty

_GREY = "#555555"


def trade_off(curve: dict[str, list[float]], points: dict[str, dict[str, Any]]) -> go.Figure:
    """Missed blasts against false alarms over all thresholds, with named points (`of_part`'s)."""
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
    looks = (("diamond", SERIES[1], 13), ("circle-open", _GREY, 11))
    for (name, found), (symbol, colour, size) in zip(points.items(), looks, strict=False):
        figure.add_scatter(
            x=[found["false_alarms"]["value"]],
            y=[found["missed"]["value"]],
            name=name,
            mode="markers",
            marker={"symbol": symbol, "color": colour, "size": size, "line": {"width": 2}},
            hovertemplate=f"{name}: %{{y:.1%}} missed, %{{x:.1%}} false alarms<extra></extra>",
        )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(title="false alarms, of all cells", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title="blasts missed", tickformat=".0%", range=[-0.03, 1.03])
    return figure


def decision_curve(curve: dict[str, list[float]], threshold: float) -> go.Figure:
    """Net benefit of the model, of calling every cell ALL, and of calling none; the threshold."""
    figure = empty(320)
    looks = {
        "model": ("the model", SERIES[0], "solid"),
        "all": ("every cell ALL", SERIES[1], "dash"),
        "none": ("no cell ALL", _GREY, "dot"),
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
    figure.add_vline(x=threshold, line={"color": _GREY, "width": 1})
    best = max(max(curve["model"]), curve["all"][0])
    figure.update_xaxes(title="threshold probability", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="net benefit per cell", range=[-0.25 * best, 1.1 * best])
    return figure


def reliability(found: dict[str, dict[str, Any]], part: str) -> go.Figure:
    """Share of blasts against stated probability, before and after calibration, and the ideal."""
    figure = empty(300)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        name="ideal",
        mode="lines",
        line={"color": _GREY, "dash": "dot", "width": 1},
        hoverinfo="skip",
    )
    looks = {"before": (SERIES[4], "dash", "circle-open"), "after": (SERIES[0], "solid", "circle")}
    for when, (colour, dash, symbol) in looks.items():
        rows = found[when]["curve"]
        figure.add_scatter(
            x=[row["stated"] for row in rows],
            y=[row["observed"] for row in rows],
            customdata=[row["cells"] for row in rows],
            name=f"{when} calibration",
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 7},
            hovertemplate="stated %{x:.0%}, observed %{y:.0%}, %{customdata} cells<extra></extra>",
        )
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(title=f"stated probability, {part} part", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="share that is ALL", tickformat=".0%", range=[-0.03, 1.03])
    return figure
