"""Frames a second while a map of all cells of C-NMC is moved, against the same figure as SVG.

In the system's Chromium, without a window: three seconds of dragging and zooming with the mouse,
counted by the browser's own animation frames. An empty page and a map of two cells are moved too,
for what the machine gives at best. Without a window there is usually no graphics card: the
processor then draws WebGL, and shares its cores with whatever else runs.
"""

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmarks.measure import Figures, Options, at_least, say
from core.embedding import map_colours
from core.errors import RunError
from pages.ui.common.cells import map_chart

CELLS, SUBJECTS = 15_114, 118
SECONDS = 3.0
ROUNDS = 3
FRAMES = at_least("frames a second, WebGL, coloured by {}", 30)
OVER_SVG = at_least("frames of WebGL over those of SVG, coloured by {}", 1)
_COUNT = """() => { window.frames_seen = 0;
    const look = () => { window.frames_seen += 1; requestAnimationFrame(look); };
    requestAnimationFrame(look); }"""
_RENDERER = """() => { const gl = document.createElement('canvas').getContext('webgl');
    const info = gl && gl.getExtension('WEBGL_debug_renderer_info');
    return info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : 'none'; }"""


def measure(options: Options) -> Figures:
    """Draws the map once a colouring and way to draw, and moves each."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise RunError("There is no Chromium on this machine to move the map in. Install it.")
    cells = options.images or CELLS
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pages = _pages(Path(folder), cells)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        for number in range(options.rounds or ROUNDS):
            for name, file in pages.items():
                page.goto(file.as_uri())
                page.wait_for_load_state("networkidle")
                rates.setdefault(name, []).append(_move(page))
            say(f"round {number + 1}: { {name: round(rate[-1]) for name, rate in rates.items()} }")
        renderer = page.evaluate(_RENDERER)
        browser.close()
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "cells": cells,
        "WebGL is drawn by": renderer,
        "frames a second": medians,
        **{f"WebGL, {by}": FRAMES(medians[f"WebGL, {by}"], by) for by in ("class", "subject")},
        **{
            f"over SVG, {by}": OVER_SVG(medians[f"WebGL, {by}"] / medians[f"SVG, {by}"], by)
            for by in ("class", "subject")
        },
    }


def _pages(folder: Path, number: int) -> dict[str, Path]:
    """An empty page, and maps by class and by subject, each in WebGL and in SVG."""
    rng = np.random.default_rng(0)
    placed = pd.DataFrame(
        {
            "image_id": [f"fold/UID_{row}_all.bmp" for row in range(number)],
            "subject": rng.integers(0, SUBJECTS, number).astype(str),
            "label": rng.integers(0, 2, number),
            "x": rng.normal(0, 1, number),
            "y": rng.normal(0, 1, number),
        }
    )
    colourings = {
        "class": map_colours.by_class(placed),
        "subject": map_colours.by_subject(placed, map_colours.largest_subjects(placed, 6)),
    }
    files = {"empty page": folder / "empty.html"}
    files["empty page"].write_text("<!doctype html><body></body>")
    figures = {
        f"{name}, {by}": map_chart.draw(placed, kind, ("", ""), trace)
        for by, kind in colourings.items()
        for name, trace in (("WebGL", go.Scattergl), ("SVG", go.Scatter))
    }
    figures["WebGL, two cells"] = map_chart.draw(placed[:2], colourings["class"][:2], ("", ""))
    for name, figure in figures.items():
        figure.update_layout(dragmode="pan")
        files[name] = folder / f"{name}.html"
        figure.write_html(files[name], config=map_chart.CONFIG)
    return files


def _move(page: Any) -> float:
    """Frames a second while the mouse drags and zooms."""
    page.wait_for_timeout(500)
    page.evaluate(_COUNT)
    started, step = time.perf_counter(), 0
    page.mouse.move(640, 300)
    page.mouse.down()
    while (seconds := time.perf_counter() - started) < SECONDS:
        step += 1
        page.mouse.move(640 + 150 * np.sin(step / 5), 300 + 80 * np.cos(step / 5))
        if step % 20 == 0:
            page.mouse.up()
            page.mouse.wheel(0, 120 if step % 40 else -120)
            page.mouse.down()
    frames: int = page.evaluate("window.frames_seen")
    seconds = time.perf_counter() - started
    page.mouse.up()
    return frames / seconds
