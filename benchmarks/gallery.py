"""Script times and memory of the Dataset page, in a running app, on a data set of full size.

A visitor opens the page, tries every filter that it offers and turns the gallery's pages. A time
runs from sending a click to the server's message that the script has finished: what a person waits
for, without the browser's part. The peer is a page with nothing but a title, on a server beside;
one of its runs follows each of ours.
"""

import statistics
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

import numpy as np

from benchmarks.measure import Figures, Options, Rounds, at_most, percentile_95, say
from benchmarks.tree import tree
from benchmarks.visit import Visitor, serve
from benchmarks.workbench import artifacts, temporary_folder
from core import storage
from core.data import datasets, measures
from core.settings import PROJECT

ROUNDS = 2
OPTIONS = 4  # tried of each filter
TURNS = ("next", "middle", "last")
NO_FILTERS = {"Data set"}
SLOWEST = at_most("95th percentile of a run, ms", 300)
MEMORY = at_most("resident memory of the app, MiB", 600)
EMPTY = 'import streamlit as st\n\nst.title("Empty")\n'


def measure(options: Options) -> Figures:
    """Figures in milliseconds. A data set that is kept keeps its index too, in `artifacts`."""
    milliseconds: dict[str, list[float]] = {"filter": [], "page": [], "empty_page": []}
    pages: set[int] = set()
    with (
        tree(options.tree, options.images) as drawn,
        artifacts(drawn.root.parent / "artifacts"),
        temporary_folder() as folder,
    ):
        storage.sources_file().unlink(missing_ok=True)
        say("indexing and measuring")
        measures.measure(datasets.index(datasets.add(str(drawn.root))))
        empty = folder / "empty.py"
        empty.write_text(EMPTY, encoding="utf-8")
        with (
            serve(empty) as blank,
            serve(PROJECT / "app.py") as server,
            closing(Visitor(server.port)) as visitor,
            closing(Visitor(blank.port)) as limit,
        ):
            limit.open("")
            home, opened = visitor.open(""), visitor.open("dataset")
            filters = _filters(visitor)
            rounds = options.rounds or ROUNDS
            for turn in range(rounds):
                for kind, seconds in _use(visitor, pages):
                    milliseconds[kind].append(1000 * seconds)
                    milliseconds["empty_page"].append(1000 * limit.look())
                say(f"round {turn + 1} of {rounds}")
    runs = milliseconds["filter"] + milliseconds["page"]
    run_over_empty = statistics.median(runs) / statistics.median(milliseconds["empty_page"])
    return {
        "images": len(drawn.files),
        "filters": filters,
        "sizes_of_gallery": sorted(pages),
        "pictures_fetched": visitor.pictures,
        "first_page_of_app_ms": 1000 * home,
        "opening_ms": 1000 * opened,
        "runs": len(runs),
        "run_ms": _spread(runs) | {"95th_percentile": SLOWEST(percentile_95(runs))},
        **{f"{kind}_ms": _spread(taken) for kind, taken in milliseconds.items() if taken},
        "run_over_empty_page": run_over_empty,
        "peak_rss_mib": MEMORY(server.peak_bytes / 2**20),
        "peak_rss_empty_app_mib": blank.peak_bytes / 2**20,
    }


def _spread(milliseconds: list[float]) -> dict[str, object]:
    spread = asdict(Rounds.of(milliseconds)) | {"95th_percentile": percentile_95(milliseconds)}
    del spread["rounds"]
    return spread


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
        for option in _some(_options(visitor, label)):
            yield from _choose(visitor, label, option)
            yield from _turn(visitor, pages)
        yield from _choose(visitor, label, None)
    for label in _filters(visitor):
        options = _options(visitor, label)
        yield from _choose(visitor, label, options[-1] if options else None)
        yield from _turn(visitor, pages)
    for label in _filters(visitor):
        yield from _choose(visitor, label, None)


def _choose(visitor: Visitor, label: str, option: str | None) -> Iterator[tuple[str, float]]:
    widget = visitor.find(label)
    if widget and (option is None or option in widget.options):
        yield "filter", visitor.choose(widget, option)


def _turn(visitor: Visitor, pages: set[int]) -> Iterator[tuple[str, float]]:
    for place in TURNS:
        widget = visitor.find("pagination")
        count = widget.message.num_pages if widget else 1
        pages.add(count)
        if widget and count > 1:
            page = {"next": 2, "middle": (count + 1) // 2, "last": count}[place]
            yield "page", visitor.choose(widget, str(page))
    if widget := visitor.find("pagination"):
        yield "page", visitor.choose(widget, "1")


def _options(visitor: Visitor, label: str) -> list[str]:
    widget = visitor.find(label)
    return widget.options if widget else []


def _some(options: list[str]) -> list[str]:
    """At most `OPTIONS` of a widget's options, evenly from the first to the last."""
    steps = np.linspace(0, len(options) - 1, min(OPTIONS, len(options)))
    return [options[place] for place in steps.astype(int)]
