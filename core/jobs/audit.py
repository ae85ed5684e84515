"""Starts the companion runs of an audit; each waits in the queue like any other run."""

import secrets

from core import storage
from core.evaluation import companions
from core.jobs import local
from core.runs import store
from core.runs.config import RunConfig, require_inputs
from core.runs.store import Run


def start(run: Run, audit: str) -> list[Run]:
    """Starts what is missing of an audit of `companions.AUDITS`, and goes on with what had ended.

    Returns the runs that were started. Raises `RunError` or `DataError` where a run cannot be
    audited, and what `require_inputs` raises.
    """
    companions.require_auditable(run, audit)
    require_inputs(run.config)
    # Two clicks at once shall not train everything twice.
    with storage.lock(storage.runs_dir() / ".audit"):
        found = companions.find(run, audit)
        for other in found.ended:
            local.resume(other)
        new = [store.create(config, _name(config)) for config in found.missing]
        for other in new:
            local.launch(other)
    return [*found.ended, *new]


def _name(config: RunConfig) -> str:
    """A run's name that says what it is: the next word is the split, or what alone is shown."""
    side = config.inputs if config.is_control else config.split
    number = f"{config.fold + 1}of{config.folds}"
    return f"audit-{config.architecture}-{side}-{number}-{secrets.token_hex(2)}"
