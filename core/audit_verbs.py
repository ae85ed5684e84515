"""The verb that asks whether a run may be believed."""

import argparse
import sys
from typing import Any

from core.errors import RunError
from core.evaluation import belief, companions
from core.jobs import audit as jobs
from core.jobs import local
from core.runs import store
from core.runs.store import Run


def audit(options: argparse.Namespace) -> dict[str, Any]:
    """Asks whether a run may be believed: what it owes to knowing patients, and to size alone."""
    run = store.get(options.run)
    companions.require_auditable(run, "controls")
    for name in companions.AUDITS:
        if getattr(options, name):
            _train(run, name)
    if options.probe:
        from core.evaluation import probe

        probe.measure(run)
    return belief.document(run)


def audit_options(sub: argparse.ArgumentParser) -> None:
    """The options of `audit`."""
    sub.add_argument("run", metavar="RUN")
    train = "train what is missing of it: the recipe over folds"
    sub.add_argument("--leakage", action="store_true", help=f"{train} by image and by subject")
    sub.add_argument("--controls", action="store_true", help=f"{train}, and on silhouette and size")
    sub.add_argument("--probe", action="store_true", help="name subjects from the run's features")


def _train(run: Run, name: str) -> None:
    """Starts what is missing and follows it to its end; Ctrl-C asks it to stop."""
    jobs.start(run, name)
    coming = companions.find(run, name).unfinished
    try:
        for other in coming:
            print(f"{name}: {other.run_id}", file=sys.stderr)
            local.follow(other)
    except KeyboardInterrupt:
        for other in coming:
            other.request_stop()
        raise RunError("The audit was stopped. What has finished is kept: ask again.") from None
    for other in coming:
        status = other.status
        if status.state != "succeeded":
            raise RunError(f"Run {other.run_id} {status.state}. {status.error or ''}".strip())
