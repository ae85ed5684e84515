"""Figures of how many cells a data set has, by class."""

import pandas as pd
import plotly.graph_objects as go

from pages.ui.common.charts import COLOURS, empty

_PATTERNS = {"ALL": "", "HEM": "/", "unlabelled": "."}


def by_subject(cells: pd.DataFrame) -> go.Figure:
    """Bars: how many cells each subject gave, by class."""
    figure = empty(260, barmode="stack", bargap=0.15, hovermode="x unified", yaxis_title="images")
    for label, name in ((1, "ALL"), (0, "HEM")):
        counts = cells.loc[cells["label"] == label, "subject"].value_counts()
        names = [f"subject {subject}" for subject in counts.index]
        figure.add_bar(x=names, y=counts.to_numpy(), name=name, marker=_look(name))
    figure.update_layout(legend_traceorder="normal")
    figure.update_xaxes(showticklabels=cells["subject"].nunique() <= 45)
    return figure


def by_part(parts: pd.DataFrame) -> go.Figure:
    """Bars: ALL, HEM and unlabelled cells of each part (a column of names, then counts)."""
    figure = empty(240, rows=True, barmode="stack", bargap=0.35, hovermode="y unified")
    for name in _PATTERNS:
        if name in parts and parts[name].any():
            x, y = parts[name], parts["part"]
            figure.add_bar(y=y, x=x, name=name, orientation="h", marker=_look(name))
    figure.update_layout(legend_traceorder="normal", xaxis_title="images")
    return figure


def _look(name: str) -> dict[str, object]:
    return {"color": COLOURS[name], "pattern": {"shape": _PATTERNS[name]}}
