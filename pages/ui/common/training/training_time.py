"""How long trainings will take on this machine, measured by a probe where nothing else tells."""

from collections.abc import Sequence

import streamlit as st

from core.models import catalog
from core.people import TRAIN
from core.report.phrases import duration
from core.runs import cost, run_store, speed
from core.runs.config import RunConfig
from core.runs.speed import SpeedProbe
from core.workers import launcher
from core.workers.clusters import chosen
from pages.ui.common import monitor, people
from pages.ui.common.text import plain

UNMEASURED = "not yet measured on this machine"


def show(first: str, configs: Sequence[RunConfig], cells: int, runs: int = 1) -> None:
    """Says, after the sentences of `first`, how long `runs` runs of each configuration take."""
    costs = [cost.estimate(config, cells=cells, runs=runs) for config in configs]
    sentences, known = [first], cost.total(costs)
    if known is not None:
        runs_seen = [price.measured_by for price in costs if price.measured_by]
        source = f"as {runs_seen[0]} took here" if len(configs) == len(runs_seen) == 1 else ""
        source = source or "as measured on this machine"
        sentences.append(f"About {duration(known)}, {source}, if it is as busy as it was then.")
    lacking = [c for c, price in zip(configs, costs, strict=True) if price.seconds is None]
    if lacking:
        titles = [catalog.architecture(config.architecture).title for config in lacking]
        sentences.append(f"Time of {', '.join(titles)}: {UNMEASURED}.")
    st.caption(plain(" ".join(sentences)))
    measure(lacking)


def measure(configs: Sequence[RunConfig]) -> None:
    """Probes the first of the configurations that can be, unless something trains; follows it."""
    if not configs or not chosen.is_local() or not people.may(TRAIN):
        return
    probes = [speed.prepare(config) for config in configs]
    going = [probe for probe in probes if probe.status.unfinished]
    waiting = [probe for probe in probes if probe.status.state == "none"]
    if waiting and not going and not any(run.status.unfinished for run in run_store.runs()):
        start(waiting[0])
        going = [probe for probe in probes if probe.status.unfinished]
    if going:
        monitor.follow(going, lambda: _draw(going[0]))
    for probe in probes:
        monitor.show_error(probe.status)


def start(probe: SpeedProbe) -> None:
    """Starts a probe in the background."""
    people.require(TRAIN)
    launcher.start(probe)


def _draw(probe: SpeedProbe) -> None:
    st.caption(
        f":material/timer: Measuring how fast this machine trains it: {plain(probe.status.phase)}. "
        "It need not be waited for."
    )
