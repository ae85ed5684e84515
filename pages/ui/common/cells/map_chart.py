"""The figure of a map: one WebGL trace a kind, each with a colour and a shape."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.embedding import map_colours
from core.evaluation.test_set import OUTCOMES
from pages.ui.common.charts import COLOURS, GREY, SERIES, empty
from pages.ui.common.tiles import class_name

HEIGHT = 560
CONFIG = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtons": [["lasso2d", "select2d", "pan2d", "zoom2d", "resetScale2d"]],
    # Of the screen's. Plotly draws twice as many each way, which are four times as many to fill.
    "plotGlPixelRatio": 1,
}
# Kinds that are the rest of a map: drawn first, pale and small.
_REST = (map_colours.NOT_TESTED, map_colours.OTHERS, map_colours.NO_FLAG, "unlabelled")


class _Look(NamedTuple):
    """How the points of a kind are drawn; the size in pixels."""

    colour: str
    symbol: str
    size: float
    opacity: float


_LOOKS = {
    "ALL": _Look(COLOURS["ALL"], "triangle-up", 7, 0.75),
    "HEM": _Look(COLOURS["HEM"], "circle", 6, 0.75),
    OUTCOMES["tp"]: _Look(COLOURS["ALL"], "triangle-up", 6, 0.35),
    OUTCOMES["tn"]: _Look(COLOURS["HEM"], "circle", 5, 0.35),
    OUTCOMES["fn"]: _Look(COLOURS["ALL"], "x", 10, 1),
    OUTCOMES["fp"]: _Look(COLOURS["HEM"], "cross", 10, 1),
    **{kind: _Look(COLOURS["unlabelled"], "circle", 4, 0.5) for kind in _REST},
}
_MANY = 5000  # cells: more have smaller marks, which hide one another less and draw faster
_SYMBOLS = ("diamond", "square", "star", "hexagon", "pentagon", "bowtie", "hourglass")


def draw(
    placed: pd.DataFrame,
    kind: pd.Series,
    axes: Sequence[str],
    trace: Any = go.Scattergl,
) -> go.Figure:
    """The figure of placed cells (`EmbeddingMap.place`), coloured by the kind of each.

    The custom data of a point is the row of its cell in `placed`. `trace` is the class that draws.
    """
    figure = empty(HEIGHT, dragmode="lasso", uirevision="map", legend={"itemsizing": "constant"})
    names = list(kind.value_counts().index)
    others = [name for name in names if name not in _LOOKS]
    rows = pd.Series(range(len(placed)), placed.index)
    for name in sorted(names, key=lambda name: (name not in _REST, name not in _LOOKS)):
        own = placed[kind == name]
        look = _LOOKS.get(name) or _look(others.index(name))
        figure.add_trace(
            trace(
                x=own["x"],
                y=own["y"],
                mode="markers",
                name=f"{name} ({len(own):,})",
                marker={
                    "color": look.colour,
                    "symbol": look.symbol,
                    "size": look.size * (0.6 if len(placed) > _MANY else 1),
                    "opacity": look.opacity,
                },
                customdata=rows[own.index],
                text=[_hover(cell) for cell in own.itertuples()],
                hoverinfo="text",
            )
        )
    for axis, title in (("xaxis", axes[0]), ("yaxis", axes[1])):
        figure.update_layout(
            {axis: {"title": {"text": title}, "showticklabels": False, "showgrid": False}}
        )
    return figure


def outline(figure: go.Figure, outlines: Iterable[np.ndarray]) -> None:
    """Draws outlines, each (K, 2) on the map, as if a person had."""
    figure.update_layout(
        selections=[
            {"type": "path", "path": f"M{'L'.join(f'{x},{y}' for x, y in points)}Z"}
            for points in outlines
        ]
    )


def outlines(selection: Mapping[str, Any]) -> list[np.ndarray]:
    """What a person has drawn on a map, of the selection that Streamlit gives: each (K, 2)."""
    found = [np.column_stack((lasso["x"], lasso["y"])) for lasso in selection["lasso"]]
    for box in selection["box"]:
        (x0, x1), (y0, y1) = box["x"], box["y"]
        found.append(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float))
    return found


def _look(number: int) -> _Look:
    colours = (*SERIES, GREY)
    symbol = _SYMBOLS[number % len(_SYMBOLS)]
    return _Look(colours[number % len(colours)], symbol, size=7, opacity=0.85)


def _hover(cell: Any) -> str:
    subject = "unknown" if pd.isna(cell.subject) else cell.subject
    name = str(cell.image_id).rsplit("/", 1)[-1]
    return f"{name}<br>{class_name(cell.label)}, subject {subject}"
