"""The picture of a cell, to zoom and to move, with a scale bar where its scale is known."""

import base64

import numpy as np
import plotly.graph_objects as go

from core.data.images import encode

HEIGHT = 290  # screen pixels
CONFIG = {
    "scrollZoom": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "toImage", "autoScale2d"],
}


def cell(
    picture: np.ndarray, name: str, bar: tuple[float, float] | None, *, stamped: bool = False
) -> go.Figure:
    """A picture, RGB uint8 (H, W, 3). `bar`: micrometres, and pixels of the picture they are.

    Pictures of one `name` keep zoom and place. `stamped`: whether words stand along its lower edge,
    which the bar then leaves free.
    """
    height, width = picture.shape[:2]
    figure = go.Figure()
    add_picture(figure, picture)
    # Plotly draws no axes, and so no picture, for a figure without a trace.
    figure.add_scatter(x=[0, width], y=[0, height], mode="none", hoverinfo="skip")
    if bar is not None:
        _add_scale_bar(figure, *bar, width, (0.85 if stamped else 0.95) * height)
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 0, "b": 0, "pad": 0},
        plot_bgcolor="#000000",
        paper_bgcolor="rgba(0,0,0,0)",
        dragmode="pan",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#8a9498", "activecolor": "#3f8f9b"},
        showlegend=False,
        uirevision=name,
    )
    return figure


def add_picture(figure: go.Figure, picture: np.ndarray) -> None:
    """Lays a picture below a figure, whose axes then are its pixels, y down."""
    height, width = picture.shape[:2]
    figure.add_layout_image(
        source=f"data:image/jpeg;base64,{base64.b64encode(encode(picture, 'JPEG')).decode()}",
        x=0,
        y=0,
        sizex=width,
        sizey=height,
        xref="x",
        yref="y",
        sizing="stretch",
        layer="below",
    )
    figure.update_xaxes(range=[0, width], visible=False, constrain="domain", constraintoward="left")
    figure.update_yaxes(
        range=[height, 0], visible=False, scaleanchor="x", scaleratio=1, constrain="domain"
    )


def _add_scale_bar(
    figure: go.Figure, micrometres: float, pixels: float, width: int, low: float
) -> None:
    right = 0.96 * width
    line = {"color": "#ffffff", "width": 4}
    figure.add_shape(type="line", x0=right - pixels, x1=right, y0=low, y1=low, line=line)
    figure.add_annotation(
        x=right - pixels / 2,
        y=low,
        text=f"{micrometres:g} µm",
        showarrow=False,
        yshift=12,
        font={"color": "#ffffff", "size": 13},
    )
