"""Plotly figures of the Compare page."""

from collections.abc import Collection

import pandas as pd
import plotly.graph_objects as go

from core.evaluation import literature
from core.evaluation.curves import GRID, Bin, Curve
from core.evaluation.repeats import Repeat
from core.metrics.classification import NAMES
from core.metrics.estimate import Estimate
from core.report.comparison import ComparedRun
from core.report.comparison_tables import repeat_protocol
from pages.ui.common.charts import COLOURS, SERIES, empty, error_bars

GREY = "#666666"
SHAPES = {"ALL": "triangle-up", "HEM": "circle"}


def colour(number: int) -> str:
    """The colour of the run at that place of the choice, the same in every figure."""
    return SERIES[number % len(SERIES)]


def shade(number: int, strength: float = 0.14) -> str:
    """The same colour, see-through, for a band."""
    red, green, blue = (int(colour(number)[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"


def short(name: str) -> str:
    """A run's name in two lines at most, for an axis or a legend."""
    title, *rest = name.split(" · ")
    return f"{title}<br>{' · '.join(rest)}" if rest else title


def one_metric(rows: list[ComparedRun], repeats: list[Repeat], metric: str) -> go.Figure:
    """Each run's value with its interval, always ALL as a cross, the published bar as a line."""
    figure = empty(110 + 46 * (len(rows) + len(repeats)), rows=True)
    for number, row in enumerate(rows):
        symbol = "circle-open" if row.run.leaking else "circle"
        _dot(figure, short(row.name), row.estimates[metric], number, row.protocol, symbol)
    for number, repeat in enumerate(repeats, len(rows)):
        spread = repeat.spreads[metric]
        name = f"{repeat.name}<br>mean, lowest to highest"
        mean = Estimate(spread.mean, spread.low, spread.high)
        _dot(figure, name, mean, number, repeat_protocol(repeat), "diamond")
    figure.add_scatter(
        y=[short(row.name) for row in rows],
        x=[row.always_all[metric] for row in rows],
        name="always ALL, on the same cells",
        mode="markers",
        marker={"size": 9, "symbol": "x-thin", "line": {"width": 2, "color": "#555555"}},
    )
    bar = literature.bars().get(metric)
    if bar:
        figure.add_vline(x=bar.value, line={"dash": "dot", "color": GREY})
        figure.add_annotation(
            x=bar.value, y=0, yref="paper", text=bar.name, showarrow=False, xanchor="right"
        )
    figure.update_xaxes(range=[-0.02, 1.02], title=NAMES[metric])
    return figure


def _dot(
    figure: go.Figure,
    name: str,
    estimate: Estimate,
    number: int,
    words: str,
    symbol: str = "circle",
) -> None:
    if estimate.value is None:
        return
    figure.add_scatter(
        y=[name],
        x=[estimate.value],
        mode="markers",
        showlegend=False,
        marker={"size": 11, "symbol": symbol, "color": colour(number)},
        error_x=error_bars([estimate]),
        hovertemplate=f"%{{x:.3f}}, {words}<extra></extra>",
    )


def against_compute(
    rows: list[ComparedRun], metric: str, costs: dict[str, float | None], label: str
) -> go.Figure:
    """A metric with its interval against what each run costs (by run), on a logarithmic axis."""
    figure = empty(320)
    for number, row in enumerate(rows):
        estimate, cost = row.estimates[metric], costs[row.run_id]
        if estimate.value is None or not cost:
            continue
        figure.add_scatter(
            x=[cost],
            y=[estimate.value],
            name=row.name,
            mode="markers",
            marker={"size": 11, "symbol": number % 20, "color": colour(number)},
            error_y=error_bars([estimate]),
            hovertemplate="%{y:.3f} at %{x:,.4g}<extra>" + row.protocol + "</extra>",
        )
    figure.update_xaxes(title=label, type="log", showgrid=True)
    figure.update_yaxes(title=NAMES[metric])
    return figure


def curves(found: dict[str, Curve], kind: str, banded: Collection[str]) -> go.Figure:
    """ROC ("roc") or precision-recall curves by run's name, those of `banded` with their bands."""
    figure = empty(380 + 20 * len(found))
    for number, (name, curve) in enumerate(found.items()):
        if name in banded and curve.low is not None and curve.high is not None:
            figure.add_scatter(
                x=[*GRID, *GRID[::-1]],
                y=[*curve.high, *curve.low[::-1]],
                fill="toself",
                fillcolor=shade(number),
                mode="lines",
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        figure.add_scatter(
            x=GRID,
            y=curve.y,
            name=f"{name} ({curve.area:.2f})",
            mode="lines",
            line={"color": colour(number), "shape": "hv" if kind == "roc" else "vh"},
        )
    drawn = {tuple(curve.baseline) for curve in found.values()}
    for baseline in drawn:
        figure.add_scatter(
            x=GRID,
            y=baseline,
            mode="lines",
            name="always ALL, or chance",
            line={"color": GREY, "dash": "dot", "width": 1},
            hoverinfo="skip",
            showlegend=baseline == min(drawn),
        )
    roc = kind == "roc"
    figure.update_xaxes(title="HEM called ALL, share" if roc else "ALL found (recall)")
    figure.update_yaxes(title="ALL found (sensitivity)" if roc else "of those called, ALL (PPV)")
    figure.update_xaxes(range=[-0.01, 1.01])
    figure.update_yaxes(range=[-0.02, 1.03])
    return figure


def reliability(found: dict[str, list[Bin]], banded: Collection[str]) -> go.Figure:
    """The share of ALL against the probability that was said; on the line is right.

    The larger a mark, the more cells. Those of `banded` with intervals.
    """
    figure = empty(380 + 20 * len(found))
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="as often as said",
        line={"color": GREY, "dash": "dot", "width": 1},
    )
    for number, (name, bins) in enumerate(found.items()):
        observed = [one.observed for one in bins]
        if name not in banded:
            observed = [Estimate(estimate.value) for estimate in observed]
        figure.add_scatter(
            x=[one.predicted for one in bins],
            y=[estimate.value for estimate in observed],
            name=name,
            mode="lines+markers",
            customdata=[one.cells for one in bins],
            line={"color": colour(number), "width": 1},
            marker={
                "symbol": number % 20,
                "size": [one.cells for one in bins],
                "sizemode": "area",
                "sizeref": max(one.cells for one in bins) / 200,
                "sizemin": 4,
            },
            error_y=error_bars(observed, thickness=1),
            hovertemplate="said %{x:.2f}, is %{y:.2f}, %{customdata} cells",
        )
    figure.update_xaxes(title="probability of ALL that was said", range=[-0.02, 1.02])
    figure.update_yaxes(title="share that is ALL", range=[-0.02, 1.05])
    return figure


def subjects(tables: dict[str, pd.DataFrame]) -> go.Figure:
    """A strip for each run: a mark a subject, at the share of its cells called rightly."""
    figure = empty(120 + 60 * len(tables), rows=True)
    for number, (name, table) in enumerate(tables.items()):
        for kind, symbol in SHAPES.items():
            some = table[table["class"] == kind]
            figure.add_scatter(
                x=some["share"],
                y=[short(name)] * len(some),
                name=kind,
                legendgroup=kind,
                showlegend=not number,
                mode="markers",
                customdata=some[["subject", "right", "cells"]],
                marker={
                    "symbol": symbol,
                    "size": 11,
                    "color": COLOURS[kind],
                    "opacity": 0.75,
                    "line": {"width": 1, "color": "white"},
                },
                hovertemplate="subject %{customdata[0]}: %{customdata[1]} of %{customdata[2]} "
                "cells<extra></extra>",
            )
        if not table.empty:
            figure.add_annotation(
                x=table["share"][0],
                y=short(name),
                text=f"No. {table['subject'][0]}",
                showarrow=False,
                yshift=16,
            )
    figure.update_xaxes(title="share of its cells called rightly", range=[-0.04, 1.04])
    figure.update_xaxes(tickformat=".0%")
    return figure


def parts(tables: dict[str, pd.DataFrame], metric: str) -> go.Figure:
    """A metric in each part of a kind (`subgroups.by_kind`, one kind), run beside run."""
    figure = empty(340 + 20 * len(tables), scattermode="group")
    for number, (name, table) in enumerate(tables.items()):
        some = table.dropna(subset=metric)
        edges = (
            some[column].fillna(some[metric]) for column in (f"{metric}_low", f"{metric}_high")
        )
        figure.add_scatter(
            x=some["part"],
            y=some[metric],
            name=name,
            mode="markers",
            customdata=some[["cells", "groups"]],
            marker={"size": 10, "symbol": number % 20, "color": colour(number)},
            error_y=error_bars([Estimate(*row) for row in zip(some[metric], *edges, strict=True)]),
            hovertemplate="%{y:.3f}, %{customdata[0]} cells of %{customdata[1]} groups",
        )
    figure.update_yaxes(title=NAMES[metric], range=[-0.03, 1.03])
    return figure


def bands(found: dict[str, pd.DataFrame], label: str, first: int) -> go.Figure:
    """Validation curves of repeats: the mean, and from the lowest to the highest run."""
    figure = empty(280 + 20 * len(found))
    for number, (name, table) in enumerate(found.items(), first):
        figure.add_scatter(
            x=[*table["epoch"], *table["epoch"][::-1]],
            y=[*table["high"], *table["low"][::-1]],
            fill="toself",
            fillcolor=shade(number, 0.2),
            mode="lines",
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=table["epoch"],
            y=table["mean"],
            name=f"{name}: mean, lowest to highest",
            mode="lines+markers",
            line={"color": colour(number)},
        )
    figure.update_xaxes(title="epoch", tickformat="d")
    figure.update_yaxes(title=label)
    return figure


def beside_published(rows: list[ComparedRun], metric: str) -> go.Figure:
    """Our runs beside what is published in the same metric, by the protocol of each."""
    theirs = [one for one in literature.RESULTS if one.metric == metric]
    figure = empty(110 + 44 * (len(rows) + len(theirs)), rows=True)
    for level, name, symbol in (
        (True, "published, subjects apart", "diamond"),
        (False, "published, split by image", "diamond-open"),
    ):
        some = [one for one in theirs if one.subject_level == level]
        figure.add_scatter(
            x=[one.value for one in some],
            y=[one.name for one in some],
            name=name,
            mode="markers",
            showlegend=bool(some),
            customdata=[one.measured_on for one in some],
            marker={"size": 11, "symbol": symbol, "color": GREY, "line": {"width": 2}},
            hovertemplate="%{x:.3f}<br>%{customdata}<extra></extra>",
        )
        for one in some if level else []:
            figure.add_vline(x=one.value, line={"dash": "dot", "color": "#b9c2c5", "width": 1})
    for number, row in enumerate(rows):
        symbol = "circle-open" if row.run.leaking else "circle"
        _dot(figure, short(row.name), row.estimates[metric], number, row.protocol, symbol)
    figure.update_xaxes(title=NAMES[metric])
    figure.update_xaxes(range=[0.3, 1.02])
    return figure
