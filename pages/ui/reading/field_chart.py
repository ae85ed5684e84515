"""The picture of a field with its numbered outlines, to click on and to draw boxes in."""

import numpy as np
import plotly.graph_objects as go

from core.reading.fields.drawing import COLOURS, Shown, rgb, shown
from core.reading.fields.reading import CUT, NOT_READ, STATES, FieldReading
from pages.ui.reading.cell_chart import add_picture

WORDS = {
    "ALL": "▲ ALL",
    "HEM": "● HEM",
    "review": "◆ review",
    NOT_READ: "refused",
    CUT: "cut",
}
DASHES = {"ALL": "solid", "HEM": "dash", "review": "dashdot", NOT_READ: "dot", CUT: "dot"}
MOST_NUMBERS = 150  # more would cover the picture; the rest are told on hovering
HEIGHT, WIDE, LEGEND = 560, 656, 40  # screen pixels: at most, as wide as on a desktop, below
CONFIG = {
    "scrollZoom": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["lasso2d", "toImage", "autoScale2d"],
}


_QUIET: dict[str, str | bool] = {"hoverinfo": "skip", "showlegend": False}


def field(
    picture: np.ndarray, reading: FieldReading, selected: int | None, *, drawing: bool = False
) -> go.Figure:
    """Outlines over a picture of the field, RGB uint8 (H, W, 3); the last trace takes clicks.

    `drawing`: dragging draws a box and clicks do nothing, as Streamlit takes either at a time.
    """
    height, width = picture.shape[:2]
    figure = go.Figure()
    add_picture(figure, picture)
    cells = shown(reading, width)
    for state in STATES:
        _outlines(figure, [one for one in cells if one.cell.state == state], state)
    chosen = [one for one in cells if one.cell.number == selected]
    if chosen:
        line = chosen[0].outline
        style = {"color": "#ffffff", "width": 6}
        figure.add_scatter(
            x=line[:, 0], y=line[:, 1], mode="lines", line=style, opacity=0.8, **_QUIET
        )
        figure.add_scatter(
            x=line[:, 0],
            y=line[:, 1],
            mode="lines",
            line={"color": COLOURS[chosen[0].cell.state], "width": 4},
            **_QUIET,
        )
    for one in cells:
        if one.cell.marked.user_drawn:
            red, green, blue = rgb(COLOURS[one.cell.state])
            figure.add_scatter(
                x=one.outline[:, 0],
                y=one.outline[:, 1],
                mode="none",
                fill="toself",
                fillcolor=f"rgba({red}, {green}, {blue}, 0.3)",
                **_QUIET,
            )
    _numbers(figure, cells)
    figure.update_layout(
        height=min(HEIGHT, round(WIDE * height / width) + LEGEND),
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode="select" if drawing else "pan",
        hovermode="closest",
        hoverdistance=30,
        uirevision=reading.image,
        legend={"orientation": "h", "y": -0.01, "yanchor": "top", "x": 0, "itemclick": False},
    )
    return figure


def _outlines(figure: go.Figure, cells: list[Shown], state: str) -> None:
    if not cells:
        return
    gap = np.full((1, 2), np.nan)
    lines = np.vstack([part for one in cells for part in (one.outline, gap)])
    figure.add_scatter(
        x=lines[:, 0],
        y=lines[:, 1],
        mode="lines",
        line={"color": COLOURS[state], "width": 2.5, "dash": DASHES[state]},
        name=f"{WORDS[state]} ({len(cells)})",
        hoverinfo="skip",
        showlegend=True,
    )


def _numbers(figure: go.Figure, cells: list[Shown]) -> None:
    few = len(cells) <= MOST_NUMBERS
    even = {"marker": {"opacity": 0}, "textfont": {"color": "#ffffff"}}
    figure.add_scatter(
        x=[one.middle[0] for one in cells],
        y=[one.middle[1] for one in cells],
        mode="markers+text" if few else "markers",
        text=[f"<b>{one.cell.number}</b>" for one in cells],
        textfont={"color": "#ffffff", "size": 14, "shadow": "0 0 3px #000, 0 0 3px #000"},
        marker={"size": [min(60, max(16, one.diameter / 2)) for one in cells], "opacity": 0},
        customdata=[[one.cell.number] for one in cells],
        hovertext=[_hover(one) for one in cells],
        hoverinfo="text",
        selected=even,
        unselected=even,
        showlegend=False,
    )


def _hover(one: Shown) -> str:
    cell = one.cell
    said = [f"No. {cell.number}: {WORDS[cell.state]}"]
    if cell.probability is not None:
        said.append(f"probability of ALL {cell.probability:.0%}")
    if across := cell.gate.size("diameter_px"):
        said.append(f"{across} across")
    if cell.lobed:
        said.append("nucleus bent or in lobes")
    return ", ".join(said + ["adapted"] * cell.adapted)
