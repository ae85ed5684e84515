"""Whether the audits see what is there: on the demo set, with real trainings.

Leakage: its subjects are easy to recognise, so a recipe must score higher when cells of the test
patients are among those trained on; the lower end of the gap's interval is the bar. Controls: its
blasts differ in chromatin as well as in size, so the model must be told apart from the same recipe
on outlines and on sizes; the lower ends of its leads are the bars.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import Bar, Measured, artifacts, say
from benchmarks.training import train
from core.audit import ablations
from core.data.synthetic.dataset import CELLS, write_dataset
from core.errors import RunError
from core.report import audits
from core.runs.run_store import Run
from core.workers import launcher

ARCHITECTURE, EPOCHS = "compact", 20


def run(options: argparse.Namespace) -> Measured:
    """What each audit measures. `options.images` cells are drawn in place of the usual number."""
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    with tempfile.TemporaryDirectory(prefix="blastlens-cells-") as folder, artifacts():
        demo = write_dataset(Path(folder) / "demo", cells=options.images or CELLS)
        done = train(ARCHITECTURE, demo, epochs=EPOCHS)
        for audit in [options.only] if options.only else PARTS:
            figures[audit] = audited(done, audit)
            bars += BARS[audit](figures[audit])
    return figures, bars


def audited(run: Run, audit: str) -> dict[str, Any]:
    """What an audit of `ablations.AUDITS` says of a run, once its ablation runs are trained."""
    for other in launcher.start_audit(run, audit):
        status = launcher.follow(other)
        if status.state != "succeeded":
            raise RunError(f"Run {other.run_id} {status.state}: {status.error}")
        say(f"{audit}: {other.run_id} has finished")
    return audits.to_json(audits.measure(audit, ablations.find(run, audit)))


def leakage_bars(found: dict[str, Any]) -> list[Bar]:
    """That the gap's interval lies above zero."""
    return [_above_zero("leakage gap, lower end", found["metrics"]["balanced_accuracy"])]


def control_bars(found: dict[str, Any]) -> list[Bar]:
    """That the model's lead on each control has an interval above zero."""
    return [
        _above_zero(f"lead on {name}, lower end", values["metrics"]["roc_auc"])
        for name, values in found["controls"].items()
    ]


def _above_zero(name: str, values: dict[str, Any]) -> Bar:
    low = values["interval"][0] if values["interval"] else 0.0
    return Bar(name, round(low, 4), 0.0, low > 0)


BARS: dict[str, Callable[[dict[str, Any]], list[Bar]]] = {
    "leakage": leakage_bars,
    "controls": control_bars,
}
PARTS = tuple(BARS)
