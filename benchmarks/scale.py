"""Cohorts of 10^6 and 10^8 cells on 1, 16 and 256 nodes: modelled from measured rates, not run.

- measure: the rates of this machine, kept in benchmarks/scale_rates.json.
- simulate: what follows from the rates that are kept, by a closed form and by a simulation of
  events (`benchmarks.scale_model`): the table of docs/SCALE.md, and hours by the size of chunks.

Without --only, the rates that are kept are simulated.
"""

import json
from dataclasses import asdict
from itertools import product

from benchmarks.measure import Figures, Options, at_most, machine, say
from benchmarks.scale_model import Cluster, Rates, Work, bottleneck, closed_form, simulate
from core import storage
from core.cohort.plan import CHUNK
from core.settings import PROJECT

FILE = PROJECT / "benchmarks" / "scale_rates.json"
CELLS, NODES = (10**6, 10**8), (1, 16, 256)
# Assumed of the storage: bytes, and opened files, a second.
STORAGES = {"one file server": (2e9, 2e4), "parallel": (1e11, 5e5)}
PARALLEL = "parallel"
SIZES = (32, 128, 512, 2048, 8192)
MOST_CHUNKS = 1_000_000  # of a simulation; more would take minutes
APART = at_most("closed form and simulation, largest difference, %", 3.0)
PARTS = ("measure", "simulate")

Row = dict[str, object]


def measure(options: Options) -> Figures:
    """Figures of one part; see the module."""
    return measured() if options.only == "measure" else simulated(kept())


def measured() -> Figures:
    """Measures the rates of this machine, and keeps them."""
    from benchmarks import scale_rates

    rates = {name: _short(value) for name, value in asdict(scale_rates.measure()).items()}
    storage.write_json(FILE, {"machine": machine(), "rates": rates})
    return rates


def _short(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.3g}")
    return [round(one, 3) for one in value] if isinstance(value, tuple) else value


def kept() -> Rates:
    """The rates that were measured last."""
    values = json.loads(FILE.read_text(encoding="utf-8"))["rates"]
    return Rates(**values | {"spread": tuple(values["spread"])})


def simulated(rates: Rates) -> Figures:
    """Times of all cohorts, and by the size of their chunks; prints both as tables."""
    cases = list(product(STORAGES, CELLS, NODES))
    cohorts = [row(rates, *case) for case in cases]
    chunks = [by_size(rates, *case) for case in product(CELLS, NODES)]
    for rows in (cohorts, chunks):
        say("\n".join(["", *markdown(rows), ""]))
    assumed = {name: getattr(Cluster(1), name) for name in ("cores", "losses", "back")}
    return {
        "assumed": assumed | {name: list(values) for name, values in STORAGES.items()},
        "cohorts": [list(one.values()) for one in cohorts],
        "hours_by_chunk": [list(one.values()) for one in chunks],
        "apart": APART(max(float(str(one["apart, %"])) for one in cohorts)),
    }


def cluster_of(storage: str, nodes: int) -> Cluster:
    """So many nodes at one of `STORAGES`."""
    storage_bytes, opens = STORAGES[storage]
    return Cluster(nodes, storage_bytes=storage_bytes, storage_opens=opens)


def row(rates: Rates, storage: str, cells: int, nodes: int) -> Row:
    """What is told of a number of cells on a number of nodes."""
    work, cluster = Work(cells, CHUNK), cluster_of(storage, nodes)
    closed = closed_form(rates, cluster, work)
    plain = simulate(rates, cluster, work)
    spread = simulate(rates, cluster, work, spread=rates.spread)
    lossy = simulate(rates, cluster, work, spread=rates.spread, losses=True)
    return {
        "storage": storage,
        "cells": _power(cells),
        "nodes": nodes,
        "closed form, h": _hours(closed),
        "simulated, h": _hours(plain.seconds),
        "apart, %": round(100 * abs(closed / plain.seconds - 1), 2),
        "with spread, h": _hours(spread.seconds),
        "and losses, h": _hours(lossy.seconds),
        "nodes lost": lossy.losses,
        "cells/s": round(cells / lossy.seconds),
        "bottleneck": bottleneck(rates, cluster, work),
    }


def by_size(rates: Rates, cells: int, nodes: int) -> Row:
    """Hours by the size of chunks at the parallel storage, with spread and losses.

    False where it was not simulated.
    """
    cluster = cluster_of(PARALLEL, nodes)
    told: Row = {"cells": _power(cells), "nodes": nodes}
    for size in SIZES:
        work = Work(cells, size)
        few = work.chunks <= MOST_CHUNKS
        told[str(size)] = few and _hours(
            simulate(rates, cluster, work, spread=rates.spread, losses=True).seconds
        )
    return told


def _power(cells: int) -> str:
    return f"{cells:.0e}".replace("e+0", "e")


def _hours(seconds: float) -> float:
    return float(f"{seconds / 3600:.3g}")


def markdown(rows: list[Row]) -> list[str]:
    """The lines of a table."""
    head = [list(rows[0]), ["---"] * len(rows[0])]
    body = [["-" if value is False else str(value) for value in one.values()] for one in rows]
    return [f"| {' | '.join(cells)} |" for cells in head + body]
