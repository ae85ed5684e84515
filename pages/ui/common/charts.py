"""Plotly figures, in one style. ALL and HEM have one colour and one shape each everywhere."""

import functools
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io
import streamlit as st

from core.metrics.estimate import Estimate

# Each stands off from white and from the dark background by at least 3 to 1.
COLOURS = {"ALL": "#D55E00", "HEM": "#0072B2", "unlabelled": "#8a969b"}
# As Okabe and Ito have them, without the two colours that mean a class.
SERIES = ("#287c8a", "#CC79A7", "#009E73", "#3d96cf", "#947012", "#767676")
GREY = "#767676"
INK = "#1b2428"  # on a light field of a figure, whatever the page
_CONFIG = {"displayModeBar": False}
_AXIS = {
    "automargin": True,
    "gridcolor": "#e6eaec",
    "zeroline": False,
    "ticklabelstandoff": 4,  # pixels
    "title": {"standoff": 12, "font": {"size": 13}},
}
_TEMPLATES = {
    "blastlens": {
        "font": {"family": "Source Sans, sans-serif", "size": 13, "color": "#566167"},
        "colorway": SERIES,
        "margin": {"l": 10, "r": 10, "t": 36, "b": 10},
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
        "hoverlabel": {"font": {"family": "Source Sans, sans-serif"}},
        "xaxis": _AXIS | {"showgrid": False, "showline": True, "linecolor": "#9aa5a9"},
        "yaxis": _AXIS,
    },
    # Laid over it on a dark page.
    "dark": {
        "font": {"color": "#b6c1c5"},
        "hoverlabel": {"bgcolor": "#1e272b", "font": {"color": "#e3eaec"}},
        "xaxis": {"gridcolor": "#2c373c"},
        "yaxis": {"gridcolor": "#2c373c"},
    },
    # Laid over it where the rows of a figure have names, the first on top.
    "rows": {
        "xaxis": {"showgrid": True},
        "yaxis": {"showgrid": False, "autorange": "reversed"},
    },
}
for _name, _layout in _TEMPLATES.items():
    plotly.io.templates[_name] = go.layout.Template(layout=_layout)


def show(figure: go.Figure, *, alt: str, key: str) -> None:
    """Puts a figure on the page with its alternative text."""
    st.plotly_chart(figure, config=_CONFIG, alt=alt, key=key, theme=None)


def empty(height: int = 300, *, rows: bool = False, **layout: Any) -> go.Figure:
    """A figure in the style of all, without data yet; `rows` if its y axis lists names."""
    dark = st.context.theme.type == "dark"
    return go.Figure(layout={"template": _style(dark, rows), "height": height, **layout})


@functools.cache  # Plotly takes milliseconds to lay templates over each other
def _style(dark: bool, rows: bool) -> go.layout.Template:
    names = ["blastlens", *(["dark"] if dark else []), *(["rows"] if rows else [])]
    return plotly.io.templates["+".join(names)]


def error_bars(estimates: Sequence[Estimate], thickness: float = 2) -> dict[str, Any]:
    """Error bars of values that are defined; of length 0 for one without an interval."""
    pairs = [(e.value or 0.0, e.interval or (e.value or 0.0,) * 2) for e in estimates]
    return {
        "type": "data",
        "symmetric": False,
        "thickness": thickness,
        "array": [high - value for value, (_, high) in pairs],
        "arrayminus": [value - low for value, (low, _) in pairs],
    }


def confusion(counts: dict[str, int]) -> go.Figure:
    """Two by two: what the cells were against what was called."""
    figure = empty(230, rows=True, margin={"t": 10})
    table = [[counts["tp"], counts["fn"]], [counts["fp"], counts["tn"]]]
    figure.add_heatmap(
        z=table,
        x=["called ALL", "called HEM"],
        y=["is ALL", "is HEM"],
        text=table,
        texttemplate="%{text}",
        textfont={"size": 18, "color": INK},
        colorscale=[[0, "#d5e0e3"], [1, "#8fb8bf"]],
        showscale=False,
        hoverinfo="skip",
    )
    return figure


def by_epoch(epochs: int, height: int, **layout: Any) -> go.Figure:
    """A figure over `epochs` epochs, without data yet."""
    figure = empty(height, hovermode="x unified", **layout)
    # Left alone, Plotly marks half epochs.
    figure.update_xaxes(title="epoch", dtick=1 if epochs <= 10 else None, tickformat="d")
    return figure


def learning_curves(histories: dict[str, pd.DataFrame], quantity: str, label: str) -> go.Figure:
    """Validation curves of runs by name, solid; of the first one its training curve too, dotted."""
    longest = max(len(history) for history in histories.values())
    height = 280 + 20 * len(histories)  # the legend takes its share
    figure = by_epoch(longest, height, yaxis_title=label)
    for number, (run, history) in enumerate(histories.items()):
        curves = {"validation": (f"validation_{quantity}", "solid")}
        if not number:
            curves["training"] = (quantity, "dot")
        for part, (column, dash) in curves.items():
            figure.add_scatter(
                x=history["epoch"],
                y=history[column],
                name=part if len(histories) == 1 else f"{run}, {part}",
                mode="lines+markers",
                line={"color": SERIES[number % len(SERIES)], "dash": dash},
                marker={"symbol": number % 20, "size": 5},
            )
    return figure
