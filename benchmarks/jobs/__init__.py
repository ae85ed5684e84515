"""Twelve everyday jobs in a headless browser, at the width of a screen and of a telephone.

Of each job: clicks, keys and uploads; seconds; the words of the main area in every state that is
shown on the way; and the screens scrolled to reach what is clicked or read. Each begins on Home, in
a new session. `--images 15114` has the jobs use a drawn data set of the size of C-NMC 2019. A job
that cannot be done says why.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.chromium import chromium
from benchmarks.jobs.everyday import JOBS
from benchmarks.jobs.hand import VIEW, CannotError, Hand, Taken
from benchmarks.jobs.prepared import Prepared, prepare
from benchmarks.measure import Bar, Figures, Options, at_most, percentile_95, say
from benchmarks.visit import serve
from core.settings import PROJECT

PARTS = tuple(JOBS)
# Pixels, and what the browser says it is: on a telephone Streamlit folds its navigation away again.
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/150.0 Mobile Safari/537.36"
WIDTHS: dict[int, str | None] = {1280: None, 400: PHONE}
PAGES = ("predict", "dataset", "compare", "models", "train", "cases")
CLICKS = at_most("clicks of {} at {} px", 7)


def measure(options: Options) -> Figures:
    """Figures of each job by width. `options.only` names one job."""
    taken: dict[str, dict[int, Taken]] = {}
    clicks_ms: list[float] = []
    with prepare(options) as given:
        for width in WIDTHS:
            for name, one, times in _at(width, given, options.only):
                taken.setdefault(name, {})[width] = one
                clicks_ms += times
                say(f"{name}, {width} px: {one}")
            given.restore()
    return {
        "cells_of_data_set": given.cell_count,
        "jobs": {
            f"{name} at {width} px": one
            for name, widths in taken.items()
            for width, one in widths.items()
        },
        "sums": {width: _sum([widths[width] for widths in taken.values()]) for width in WIDTHS},
        "clicks_that_ran_a_script": len(clicks_ms),
        "click_ms_95th_percentile": percentile_95(clicks_ms),
        "most_clicks": _bars(taken),
    }


def _at(width: int, given: Prepared, only: str | None) -> Iterator[tuple[str, Taken, list[float]]]:
    """Each job, what it took, and the milliseconds of its clicks."""
    from playwright.sync_api import Error

    with serve(PROJECT / "app.py") as server, chromium() as browser:
        address = f"http://localhost:{server.port}"
        warm = Hand(browser.new_page(), address)
        for path in ("", *PAGES):  # so that no job waits for what the first visitor waits for
            warm.open(path)
        for name in [only] if only else JOBS:
            context = browser.new_context(
                viewport={"width": width, "height": VIEW}, user_agent=WIDTHS[width]
            )
            hand = Hand(context.new_page(), address)
            hand.open()
            started = time.perf_counter()
            try:
                JOBS[name](hand, given)
            except Error as error:  # something was not there, or not to be clicked
                hand.taken.cannot = " ".join(error.message.split())[:300]
            except CannotError as error:
                hand.taken.cannot = str(error)
            seconds = time.perf_counter() - started
            yield name, replace(hand.taken, seconds=seconds), hand.clicks_ms
            context.close()


def _sum(all_taken: list[Taken]) -> Taken:
    total = Taken()
    for one in all_taken:
        for name in ("clicks", "keys", "uploads", "seconds", "words", "screens"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
    return total


def _bars(taken: dict[str, dict[int, Taken]]) -> dict[str, Bar]:
    return {
        f"{name} at {width} px": CLICKS(one.clicks, name, width)
        for name, widths in taken.items()
        for width, one in widths.items()
    }
