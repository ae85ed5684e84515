"""The verb that asks whether a run may be believed."""

import argparse
import sys
from typing import Any

from core.audit import ablations
from core.errors import RunError
from core.report import audits
from core.runs import run_store
from core.runs.run_store import Run
from core.workers import launcher


def audit(options: argparse.Namespace) -> dict[str, Any]:
    """Asks whether a run may be believed: what it owes to knowing patients, and to size alone."""
    run = run_store.get(options.run)
    ablations.require_auditable(run, "controls")
    for name in ablations.AUDITS:
        if getattr(options, name):
            _train(run, name)
    if options.probe:
        from core.audit import subject_probe

        subject_probe.measure(run)
    return audits.document(run)


def audit_options(sub: argparse.ArgumentParser) -> None:
    """The options of `audit`."""
    sub.add_argument("run", metavar="RUN")
    train = "train what is missing of it: the recipe over folds"
    sub.add_argument("--leakage", action="store_true", help=f"{train} by image and by subject")
    sub.add_argument("--controls", action="store_true", help=f"{train}, and on silhouette and size")
    sub.add_argument("--probe", action="store_true", help="name subjects from the run's features")


def _train(run: Run, name: str) -> None:
    """Starts what is missing and follows it to its end; Ctrl-C asks it to stop."""
    launcher.start_audit(run, name)
    coming = ablations.find(run, name).unfinished
    try:
        for other in coming:
            print(f"{name}: {other.run_id}", file=sys.stderr)
            launcher.follow(other)
    except KeyboardInterrupt:
        for other in coming:
            other.request_stop()
        raise RunError("The audit was stopped. What has finished is kept: ask again.") from None
    for other in coming:
        status = other.status
        if status.state != "succeeded":
            raise RunError(f"Run {other.run_id} {status.state}. {status.error or ''}".strip())
