"""Plots of a point for each subject."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pages.ui.common.charts import COLOURS, empty
from pages.ui.compare.plots import SHAPES, short


def subjects(tables: dict[str, pd.DataFrame]) -> go.Figure:
    """Plots the share of right calls of each subject, the worst named, a strip for each run."""
    figure = _strips(tables, "share of each subject called correctly")
    for name, table in tables.items():
        if not table.empty:
            figure.add_annotation(
                x=table["share"][0],
                y=short(name),
                text=f"subject {table['subject'][0]}",
                showarrow=False,
                yshift=16,
            )
    return figure


def patients(tables: dict[str, pd.DataFrame]) -> go.Figure:
    """Plots the share of each patient's cells that are called ALL, a strip for each run."""
    named = {
        name: table.assign(
            right=(table["share"] * table["cells"]).round().astype(int),
            **{"class": np.where(table["label"] == 1, "ALL", "HEM")},
        )
        for name, table in tables.items()
    }
    return _strips(named, "share of each patient called ALL")


def _strips(tables: dict[str, pd.DataFrame], title: str) -> go.Figure:
    """Plots the `share` of each `subject` by `class`, with `right` of `cells` on hovering."""
    figure = empty(120 + 60 * len(tables), rows=True)
    for number, (name, table) in enumerate(tables.items()):
        for kind, symbol in SHAPES.items():
            rows = table[table["class"] == kind]
            figure.add_scatter(
                x=rows["share"],
                y=[short(name)] * len(rows),
                name=kind,
                legendgroup=kind,
                showlegend=not number,
                mode="markers",
                customdata=rows[["subject", "right", "cells"]],
                marker={
                    "symbol": symbol,
                    "size": 11,
                    "color": COLOURS[kind],
                    "opacity": 0.75,
                    "line": {"width": 1, "color": "white"},
                },
                hovertemplate="subject %{customdata[0]}: %{customdata[1]} of %{customdata[2]}"
                "<extra></extra>",
            )
    figure.update_xaxes(title=title, range=[-0.04, 1.04])
    figure.update_xaxes(tickformat=".0%")
    return figure
