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
from pages.ui.common.charts import GREY, SERIES, empty, error_bars

SHAPES = {"ALL": "triangle-up", "HEM": "circle"}


def colour(number: int) -> str:
    """Returns the colour of the run with this number, the same in every figure."""
    return SERIES[number % len(SERIES)]


def shade(number: int, strength: float = 0.14) -> str:
    """Returns that colour, transparent, for a band."""
    red, green, blue = (int(colour(number)[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"


def short(name: str) -> str:
    """Returns the name of a run in at most two lines, for an axis or a legend."""
    title, *rest = name.split(" · ")
    return f"{title}<br>{' · '.join(rest)}" if rest else title


def one_metric(rows: list[ComparedRun], repeats: list[Repeat], metric: str) -> go.Figure:
    """Plots each run with its interval, always ALL (cross) and the published result (line)."""
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
        name="always ALL, on the same test part",
        mode="markers",
        marker={"size": 9, "symbol": "x-thin", "line": {"width": 2, "color": GREY}},
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
    """Plots a metric with its interval against the cost of each run, on a logarithmic axis."""
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
    figure.update_xaxes(title=label, type="log", showgrid=True, tickformat="~s")
    figure.update_yaxes(title=NAMES[metric])
    return figure


def curves(by_name: dict[str, Curve], kind: str, banded: Collection[str]) -> go.Figure:
    """Plots ROC ("roc") or precision-recall curves by run, those of `banded` with bands."""
    figure = empty(380 + 20 * len(by_name))
    for number, (name, curve) in enumerate(by_name.items()):
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
    baselines = {tuple(curve.baseline) for curve in by_name.values()}
    for baseline in baselines:
        figure.add_scatter(
            x=GRID,
            y=baseline,
            mode="lines",
            name="always ALL, or chance",
            line={"color": GREY, "dash": "dot", "width": 1},
            hoverinfo="skip",
            showlegend=baseline == min(baselines),
        )
    roc = kind == "roc"
    figure.update_xaxes(title="HEM called ALL, share" if roc else "ALL found (sensitivity)")
    figure.update_yaxes(title="ALL found (sensitivity)" if roc else "of those called, ALL (PPV)")
    figure.update_xaxes(range=[-0.01, 1.01])
    figure.update_yaxes(range=[-0.02, 1.03])
    return figure


def reliability(by_name: dict[str, list[Bin]], banded: Collection[str]) -> go.Figure:
    """Plots the share of ALL against the predicted probability, by run.

    The area of a mark is its number of cells. Runs of `banded` have intervals.
    """
    figure = empty(380 + 20 * len(by_name))
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="as stated",
        line={"color": GREY, "dash": "dot", "width": 1},
    )
    for number, (name, bins) in enumerate(by_name.items()):
        observed = [item.observed for item in bins]
        if name not in banded:
            observed = [Estimate(estimate.value) for estimate in observed]
        figure.add_scatter(
            x=[item.predicted for item in bins],
            y=[estimate.value for estimate in observed],
            name=name,
            mode="lines+markers",
            customdata=[item.cells for item in bins],
            line={"color": colour(number), "width": 1},
            marker={
                "symbol": number % 20,
                "size": [item.cells for item in bins],
                "sizemode": "area",
                "sizeref": max(item.cells for item in bins) / 200,
                "sizemin": 4,
            },
            error_y=error_bars(observed, thickness=1),
            hovertemplate="predicted %{x:.2f}, observed %{y:.2f}, of %{customdata}",
        )
    figure.update_xaxes(title="predicted probability of ALL", range=[-0.02, 1.02])
    figure.update_yaxes(title="share that is ALL", range=[-0.02, 1.05])
    return figure


def parts(tables: dict[str, pd.DataFrame], metric: str) -> go.Figure:
    """Plots a metric in each part of one kind of `subgroups.by_kind`, by run."""
    figure = empty(340 + 20 * len(tables), scattermode="group")
    for number, (name, table) in enumerate(tables.items()):
        rows = table.dropna(subset=metric)
        edges = (
            rows[column].fillna(rows[metric]) for column in (f"{metric}_low", f"{metric}_high")
        )
        figure.add_scatter(
            x=rows["part"],
            y=rows[metric],
            name=name,
            mode="markers",
            customdata=rows[["cells", "groups"]],
            marker={"size": 10, "symbol": number % 20, "color": colour(number)},
            error_y=error_bars([Estimate(*row) for row in zip(rows[metric], *edges, strict=True)]),
            hovertemplate="%{y:.3f}, of %{customdata[0]} in %{customdata[1]} groups",
        )
    figure.update_yaxes(title=NAMES[metric], range=[-0.03, 1.03])
    return figure


def bands(histories: dict[str, pd.DataFrame], label: str, first: int) -> go.Figure:
    """Plots validation curves of repeats: mean, and lowest to highest run."""
    figure = empty(280 + 20 * len(histories))
    for number, (name, table) in enumerate(histories.items(), first):
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
    """Plots the runs beside published results of the same metric, by protocol."""
    published = [result for result in literature.RESULTS if result.metric == metric]
    figure = empty(110 + 44 * (len(rows) + len(published)), rows=True)
    for level, name, symbol in (
        (True, "published, subjects apart", "diamond"),
        (False, "published, split by image", "diamond-open"),
    ):
        results = [result for result in published if result.subject_level == level]
        figure.add_scatter(
            x=[result.value for result in results],
            y=[result.name for result in results],
            name=name,
            mode="markers",
            showlegend=bool(results),
            customdata=[result.measured_on for result in results],
            marker={"size": 11, "symbol": symbol, "color": GREY, "line": {"width": 2}},
            hovertemplate="%{x:.3f}<br>%{customdata}<extra></extra>",
        )
        for result in results if level else []:
            figure.add_vline(x=result.value, line={"dash": "dot", "color": GREY, "width": 1})
    for number, row in enumerate(rows):
        symbol = "circle-open" if row.run.leaking else "circle"
        _dot(figure, short(row.name), row.estimates[metric], number, row.protocol, symbol)
    figure.update_xaxes(title=NAMES[metric], range=[0.3, 1.02])
    return figure
