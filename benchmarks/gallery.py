"""Script times and memory of the Dataset page, in a running app, on a data set of full size.

A visitor opens the page, tries every filter it offers and turns the gallery's pages. A time is
from sending a click to the server's word that the script has finished: what a person waits for,
less their browser. The limit is the same for a page with nothing but a title, on a server beside
it; one of its runs follows each of ours.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from benchmarks.measure import Measured, Timing, artifacts, at_most, say
from benchmarks.tree import Tree, tree
from benchmarks.visit import Server, Visitor, Widget, serve
from core import storage
from core.data import datasets
from core.settings import PROJECT

ROUNDS = 2
OPTIONS = 4  # tried of each filter
TURNS = ("next", "middle", "last")
NO_FILTERS = {"Data set"}
MILLISECONDS, MEBIBYTES = 300, 600

EMPTY = 'import streamlit as st\n\nst.title("Empty")\n'


def run(options: argparse.Namespace) -> Measured:
    """Figures in milliseconds. A data set that is kept keeps its index too, in `artifacts`."""
    with tree(options.tree, options.images) as drawn:
        kept = drawn.root.parent / "artifacts"
        with artifacts(kept):
            storage.sources_file().unlink(missing_ok=True)
            say("indexing")
            datasets.add(str(drawn.root))
            return measure(drawn, options.rounds or ROUNDS)


def measure(drawn: Tree, rounds: int) -> Measured:
    """The same for a data set that is there, indexed, and the only one the app knows."""
    times: dict[str, list[float]] = {"filter": [], "page": []}
    empty: list[float] = []
    with _empty_page() as blank, serve(PROJECT / "app.py") as server:
        with closing(Visitor(server.port)) as visitor, closing(Visitor(blank.port)) as limit:
            limit.open("")
            home, opened = visitor.open(""), visitor.open("dataset")
            offered = _filters(visitor)
            pages: set[int] = set()
            for turn in range(rounds):
                for kind, seconds in _use(visitor, pages):
                    times[kind].append(seconds)
                    empty.append(limit.look())
                say(f"round {turn + 1} of {rounds}")
            pictures = visitor.pictures
        peak, peak_empty = (one.peak_bytes() / 2**20 for one in (server, blank))
    every = [seconds for kind in times.values() for seconds in kind]
    slowest = float(np.percentile(every, 95)) * 1000
    figures = {
        "images": len(drawn.files),
        "filters": offered,
        "sizes_of_gallery": sorted(pages),
        "pictures_fetched": pictures,
        "first_page_of_app_ms": round(home * 1000, 1),
        "opening_ms": round(opened * 1000, 1),
        "runs": len(every),
        "run_ms": _milliseconds(every),
        **{f"{kind}_ms": _milliseconds(taken) for kind, taken in times.items() if taken},
        "empty_page_ms": _milliseconds(empty),
        "run_over_empty_page": round(statistics.median(every) / statistics.median(empty), 2),
        "peak_rss_mib": round(peak, 1),
        "peak_rss_empty_app_mib": round(peak_empty, 1),
    }
    return figures, [
        at_most("95th percentile of a run, ms", round(slowest, 1), MILLISECONDS),
        at_most("resident memory of the app, MiB", round(peak, 1), MEBIBYTES),
    ]


@contextmanager
def _empty_page() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY, encoding="utf-8")
        with serve(script) as server:
            yield server


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    figures = {name: value * 1000 for name, value in Timing.of(seconds).figures().items()}
    figures["95th_percentile"] = float(np.percentile(seconds, 95)) * 1000
    del figures["rounds"]
    return {name: round(value, 1) for name, value in figures.items()}


def _filters(visitor: Visitor) -> list[str]:
    """The labels of what can be chosen on the page now, the gallery's pages aside."""
    return [
        widget.label
        for widget in visitor.widgets.values()
        if widget.kind != "pagination"
        and widget.label not in NO_FILTERS
        and not widget.message.form_id
        and not widget.message.disabled
        and len(widget.options) > 1
    ]


def _use(visitor: Visitor, pages: set[int]) -> Iterator[tuple[str, float]]:
    """Tries the filters one by one and then together, and turns pages: (what, seconds) of each.

    `pages` collects how many pages the gallery was seen to have. Widgets are found anew by their
    label before each step, because a page may draw them differently after the last one.
    """
    yield from _turn(visitor, pages)
    for label in _filters(visitor):
        for option in _some(_find(visitor, label)):
            yield from _choose(visitor, label, option)
            yield from _turn(visitor, pages)
        yield from _choose(visitor, label, None)
    for label in _filters(visitor):
        found = _find(visitor, label)
        yield from _choose(visitor, label, found.options[-1] if found else None)
        yield from _turn(visitor, pages)
    for label in _filters(visitor):
        yield from _choose(visitor, label, None)


def _choose(visitor: Visitor, label: str, option: str | None) -> Iterator[tuple[str, float]]:
    widget = _find(visitor, label)
    if widget and (option is None or option in widget.options):
        yield "filter", visitor.choose(widget, option)


def _turn(visitor: Visitor, pages: set[int]) -> Iterator[tuple[str, float]]:
    for place in TURNS:
        widget = _find(visitor, "pagination")
        count = widget.message.num_pages if widget else 1
        pages.add(count)
        if widget and count > 1:
            page = {"next": 2, "middle": (count + 1) // 2, "last": count}[place]
            yield "page", visitor.choose(widget, str(page))
    if widget := _find(visitor, "pagination"):
        yield "page", visitor.choose(widget, "1")


def _find(visitor: Visitor, label: str) -> Widget | None:
    return next((w for w in visitor.widgets.values() if w.label == label), None)


def _some(widget: Widget | None) -> list[str]:
    """At most `OPTIONS` of a widget's options, evenly from the first to the last."""
    options = widget.options if widget else []
    steps = np.linspace(0, len(options) - 1, min(OPTIONS, len(options)))
    return [options[place] for place in steps.astype(int)]
