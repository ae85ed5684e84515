"""Whether the audits see what is there: on a drawn set of few subjects, with real trainings.

The demo set has many subjects of few cells, which a network hardly comes to recognise. A study of
some dozen patients is as this set: 40 subjects of 25 cells.

- leakage: the subjects are easy to recognise, so a recipe must score higher if cells of the test
  patients are among those that it trains on.
- controls: the blasts differ in chromatin as well as in size, so the model must score higher than
  the same recipe on outlines alone and on sizes alone.

The lower end of each difference's interval must lie above zero.
"""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.measure import Bar, Figures, Limit, Options, above, measure_parts, say
from benchmarks.workbench import finish, synthetic_cells, train
from core.audit import ablations
from core.data.synthetic.dataset import CELLS_OF_FEW, FEW_SUBJECTS
from core.report import audits
from core.runs.run_store import Run
from core.workers import launcher

ARCHITECTURE, EPOCHS = "compact", 20
GAP = above("leakage gap, lower end", 0.0)
LEAD = above("lead on {}, lower end", 0.0)


def measure(options: Options) -> Figures:
    """What each audit measures. `options.images` cells are drawn in place of the usual number."""
    with synthetic_cells(options.images or CELLS_OF_FEW, FEW_SUBJECTS) as drawn:
        return measure_parts(PARTS, options.only, train(ARCHITECTURE, drawn, epochs=EPOCHS))


def audited(run: Run, audit: str) -> dict[str, Any]:
    """What an audit of `ablations.AUDITS` says of a run, once its ablation runs are trained."""
    for other in launcher.start_audit(run, audit):
        say(f"{audit}: {finish(other).run_id} has finished")
    return audits.to_json(audits.measure(audit, ablations.find(run, audit)))


def leakage(run: Run) -> Figures:
    """The gap of balanced accuracy, whose interval must lie above zero."""
    found = audited(run, "leakage")
    return found | {"lower_end": lower_end(GAP, found["metrics"]["balanced_accuracy"])}


def controls(run: Run) -> Figures:
    """The model's lead in ROC AUC on each control, whose interval must lie above zero."""
    found = audited(run, "controls")
    leads = {name: values["metrics"]["roc_auc"] for name, values in found["controls"].items()}
    ends = {name: lower_end(LEAD, lead, name) for name, lead in leads.items()}
    return found | {"lower_ends": ends}


def lower_end(limit: Limit, difference: Mapping[str, Any], *words: object) -> Bar:
    """The lower end of a difference's interval beside a limit; without an interval, zero."""
    interval = difference["interval"]
    return limit(interval[0] if interval else 0.0, *words)


PARTS: dict[str, Callable[[Run], Figures]] = {"leakage": leakage, "controls": controls}
