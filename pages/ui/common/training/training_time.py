"""How long trainings will take on this machine, measured by a probe where nothing else tells."""

from collections.abc import Sequence

import streamlit as st

from core.models import catalog
from core.people import TRAIN
from core.report.phrases import duration
from core.runs import cost, run_store, speed
from core.runs.config import RunConfig
from core.runs.cost import Cost
from core.runs.speed import SpeedProbe
from core.workers import launcher
from core.workers.clusters import execution_engine
from pages.ui.common import monitor, people
from pages.ui.common.choices.runs import names
from pages.ui.common.text import plain

UNMEASURED = "not yet measured on this machine"


def show(first: str, configs: Sequence[RunConfig], cells: int, runs: int = 1) -> None:
    """Says, after the sentences of `first`, how long `runs` runs of each configuration take."""
    costs = [cost.estimate(config, cells=cells, runs=runs) for config in configs]
    sentences = [first]
    if cost.total(costs) is not None:
        sentences.append(told(costs))
    lacking = [c for c, price in zip(configs, costs, strict=True) if price.seconds is None]
    if lacking:
        titles = [catalog.architecture(config.architecture).title for config in lacking]
        sentences.append(f"Time of {', '.join(titles)}: {UNMEASURED}.")
    st.caption(plain(" ".join(sentences)))
    measure(lacking)


def told(costs: Sequence[Cost]) -> str:
    """How long it takes if the machine is as busy as it was for a run, a short probe, or both."""
    known = cost.total(list(costs))
    if known is None:
        return f"Time {UNMEASURED}."
    runs = {price.measured_by for price in costs if price.measured_by}
    probed = any(price.seconds is not None and not price.measured_by for price in costs)
    if runs and probed:
        then = "earlier runs and short probes"
    elif probed:
        then = "a short probe"
    else:
        then = names()[runs.pop()] if len(runs) == 1 else "earlier runs"
    return f"About {duration(known)}, if this machine is as busy as for {then}."


def measure(configs: Sequence[RunConfig]) -> None:
    """Probes the first of the configurations that can be, unless something trains; follows it."""
    if not configs or not execution_engine.is_local() or not people.may(TRAIN):
        return
    probes = [speed.prepare(config) for config in configs]
    going = [probe for probe in probes if probe.status.unfinished]
    waiting = [probe for probe in probes if probe.status.state == "none"]
    broken = [probe for probe in probes if probe.status.error]
    if waiting and not going and not any(run.status.unfinished for run in run_store.runs()):
        start(waiting[0])
        going = [probe for probe in probes if probe.status.unfinished]
    if going:
        monitor.follow(going, lambda: _draw(going[0]))
    for probe in broken:
        st.caption(
            ":material/timer_off: How fast this machine trains it could not be measured. "
            f"{plain(probe.status.error or '')}"
        )
        st.button(
            "Measure it again",
            icon=":material/timer:",
            key=f"again_{probe.name}",
            on_click=start,
            args=(probe,),
        )


def start(probe: SpeedProbe) -> None:
    """Starts a probe in the background."""
    people.require(TRAIN)
    launcher.start(probe)


def _draw(probe: SpeedProbe) -> None:
    st.caption(
        ":material/timer: Measuring how fast this machine trains it: "
        f"{plain(probe.status.phase)}. You need not wait for it."
    )
