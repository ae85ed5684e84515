"""What the fork server of tests/factories/forked.py imports, once for all its forks."""

import gc
import importlib
import pkgutil
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import core.archive.examination
import core.cli
import core.evaluation.staining
import core.training.network
import core.training.speed_probe
import core.workers.clusters.agent
import core.workers.conversion
import core.workers.embedding
import core.workers.pools
import core.workers.score
import core.workers.sweep
import core.workers.trainer
import core.workers.verification
import pages.ui
from tests.factories import forked

subprocess.Popen = forked.Popen  # type: ignore[misc]
pools: Any = core.workers.pools
pools.multiprocessing = SimpleNamespace(get_context=lambda kind: forked.PoolContext())
# A test waits for the worker, beside which other tests run.
core.workers.worker.step_back = lambda: None
sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
# What adapting costs is measured last, on cells of the validation part in each of four stains; this
# would take longer than the rest of a small training.
core.evaluation.staining.STAINS = 1

# What the app imports, with its first page.
for name in (
    "streamlit.web.cli",
    *(module.name for module in pkgutil.walk_packages(pages.ui.__path__, "pages.ui.")),
):
    importlib.import_module(name)

# No fork need look for garbage among all this, or get a copy of its pages for having looked.
gc.collect()
gc.freeze()
