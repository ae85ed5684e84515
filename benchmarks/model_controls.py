"""Networks that have learned nothing, whose heat maps must not be supported, and planted marks."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks import planted
from benchmarks.measure import Figures, at_least, at_most
from benchmarks.model_maps import Judged, judged, summary, test_files
from benchmarks.model_runs import Bench, Row, by_seed, means
from benchmarks.untrained import untrained
from benchmarks.workbench import measured, temporary_folder
from core.data.synthetic.white_cell import SIZE
from core.runs.run_store import Run

MARKED = 480  # cells
UNLEARNED = at_most("{}: maps supported", 0.05)
IN_MARK = at_least("marked cells: maps that peak in the mark", 0.95)


def controls(bench: Bench) -> Figures:
    """The badges of networks that have learned nothing, and how often a map finds a mark."""
    with temporary_folder() as folder:
        roots = [
            planted.write_shuffled(bench.demo, folder / f"shuffled-{seed}", seed)
            for seed in range(bench.seeds)
        ]
        return {
            "random_weights": unlearned("random weights", [untrained(run) for run in bench.runs]),
            "shuffled_labels": unlearned(
                "shuffled labels", bench.trained(bench.architecture, roots)
            ),
            "marked_cells": marks(bench, folder / "marked"),
        }


def unlearned(name: str, runs: Sequence[Run]) -> Figures:
    """The badges of the test parts of runs that have learned nothing, with their bar."""
    found = summary([judged(run, test_files(run)) for run in runs])
    skill = [measured(run).test.roc_auc for run in runs]
    supported = UNLEARNED(found.mean["supported"], name)
    return {"supported": supported, "test_roc_auc": skill, "figures": found}


def marks(bench: Bench, root: Path) -> Figures:
    """The share of marked test cells whose map peaks in the mark, with its bar."""
    centres = planted.write_marked(root, MARKED)
    rows: list[Row] = []
    for run in bench.trained(bench.architecture, [root] * bench.seeds):
        readings = judged(run, test_files(run))
        share = statistics.mean(float(in_mark(one, centres[one.file])) for one in readings)
        skill = measured(run).test.roc_auc or 0.0
        rows.append({"readings": len(readings), "in_mark": share, "test_roc_auc": skill})
    mean = means(rows)
    return {"in_mark": IN_MARK(mean["in_mark"]), "mean": mean, **by_seed(rows)}


def in_mark(one: Judged, centre: planted.Place) -> bool:
    """Whether the peak of a map lies in the mark, whose centre (x, y) is in the whole image."""
    side = one.cell.image.shape[0]
    cut = (SIZE - side) // 2  # what the window leaves out on each side
    mark = planted.marked((centre[0] - cut, centre[1] - cut), (side, side))
    return one.peak is not None and bool(mark[one.peak])
