"""The five steps from an example to a model of one's own, and which of them are done."""

from dataclasses import dataclass
from pathlib import Path

from core.audit import subject_probe
from core.data import datasets
from core.errors import RunError
from core.runs import active_model, run_store
from core.runs.run_store import Run


@dataclass(frozen=True)
class FirstStep:
    """A step. page: the name of the page where it is done."""

    title: str
    page: str
    done: bool


def first_steps() -> list[FirstStep]:
    """Returns the five steps, with what the artifacts folder shows to be done.

    A model is one's own if it was trained on other data than the demo set.
    """
    own = [run for run in run_store.models() if _is_own(run)]
    active = _active()
    return [
        FirstStep("Try an example", "home", active is not None),
        FirstStep("Get real data", "dataset", any(map(_is_real, datasets.known()))),
        FirstStep("Train on it", "train", bool(own)),
        FirstStep("Check the model", "compare", any(map(_is_checked, own))),
        FirstStep("Read with it", "predict", active is not None and _is_own(active)),
    ]


def next_step(steps: list[FirstStep]) -> FirstStep | None:
    """The first step that is not done; None if all are."""
    return next((step for step in steps if not step.done), None)


def _is_real(root: Path) -> bool:
    return datasets.name(root) != datasets.DEMO


def _is_own(run: Run) -> bool:
    return run.config.dataset != datasets.DEMO


def _is_checked(run: Run) -> bool:
    """Whether its subject probe was run, or an operating point was chosen for it."""
    return subject_probe.stored(run) is not None or run.calibration.operating_point is not None


def _active() -> Run | None:
    try:
        return active_model.active()
    except RunError:
        return None
