"""Whether the audits see what is there, on synthetic cells, with real trainings.

Leakage: on the demo set, whose subjects are easy to recognise, a recipe must score higher when
cells of the test patients are among those trained on; the lower end of the gap's interval is the
bar. The controls on the same cells are figures without a bar: from a third of them, of 15 subjects,
the compact network learns little more than size, and the audit must say so.

Controls: on more synthetic cells, of many subjects, there is enough to learn from, so that the
model must be told apart from the same recipe on outlines and on sizes.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Bar, artifacts, say
from benchmarks.training import train
from core.data.synthetic import write_dataset
from core.errors import RunError
from core.evaluation import belief, companions
from core.jobs import audit as jobs
from core.jobs import local
from core.runs.store import Run

PARTS = ("leakage", "controls")
ARCHITECTURE, EPOCHS, IMAGES = "compact", 20, 1000
MANY_IMAGES, CELLS_A_SUBJECT, MANY_SEED = 1500, 4, 5


def run(options: argparse.Namespace) -> tuple[dict[str, Any], list[Bar]]:
    """What each audit measures. `options.images` cells are drawn in place of the usual number."""
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    with tempfile.TemporaryDirectory(prefix="blastlens-cells-") as folder, artifacts():
        if options.only != "controls":
            demo = write_dataset(Path(folder) / "demo", cells=options.images or IMAGES)
            done = _first_fold(demo)
            figures["leakage"] = audited(done, "leakage")
            bars += leakage_bars(figures["leakage"])
            figures["controls_on_the_demo_set"] = audited(done, "controls")
        if options.only != "leakage":
            images = options.images or MANY_IMAGES
            subjects = max(12, images // CELLS_A_SUBJECT)
            root = Path(folder) / "many"
            many = write_dataset(root, cells=images, subjects=subjects, seed=MANY_SEED)
            figures["controls"] = audited(_first_fold(many), "controls")
            bars += control_bars(figures["controls"])
    return figures, bars


def _first_fold(root: Path) -> Run:
    return train(ARCHITECTURE, root, epochs=EPOCHS, folds=companions.FOLDS, fold=0)


def audited(run: Run, audit: str) -> dict[str, Any]:
    """What an audit of `companions.AUDITS` says of a run, once its companions are trained."""
    for other in jobs.start(run, audit):
        status = local.follow(other)
        if status.state != "succeeded":
            raise RunError(f"Run {other.run_id} {status.state}: {status.error}")
        say(f"{audit}: {other.run_id} has finished")
    return belief.measured(audit, companions.find(run, audit))


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
