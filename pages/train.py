"""Train: choose, see what it will cost, start; the live curves take the page while it runs."""

from pathlib import Path

import streamlit as st

from core.data import issues, splits
from core.people import TRAIN
from core.report.dataset import split_verdict
from core.runs import config, cost, presets, run_store
from core.runs.config import RunConfig
from core.workers import launcher
from pages.ui.common import cache, people, state
from pages.ui.common.choices import address
from pages.ui.common.choices.address import BOUND
from pages.ui.common.text import shown_errors, title
from pages.ui.common.training import training_time
from pages.ui.train import form, run_monitor

ONE = "one network"


def choose(root: Path) -> list[RunConfig]:
    """What to train, as configurations; none, with the reason on the page, if it cannot start."""
    index = cache.index(root)
    cells = splits.pool(index, "subject")
    if not state.enough_cells(len(cells)):
        return []
    titles = {ONE: "One network", **{key: p.title for key, p in presets.PRESETS.items()}}
    what = st.segmented_control(
        "What to train", required=True, default=ONE, **address.choice("what", "plan", titles)
    )
    if what == ONE:
        configs = [form.choose(root, len(cells))]
    else:
        st.caption(f"Queues {presets.PRESETS[what].about}.")
        random = st.toggle(
            "Start from random weights if ImageNet's are missing", key="preset_random", **BOUND
        )
        configs = presets.configs(what, root, cells)
        if random:
            configs = [_random_if_missing(run_config) for run_config in configs]
    first = configs[0]
    measured = cache.all_measures(index)
    said = "" if measured is None else issues.whole_pictures(measured)
    if said and not first.sees_whole_images:
        st.warning(f"{said} Choose the whole image as what the network sees, in the settings.")
    _, audit = cache.split(
        index, first.split, first.seed, sample=first.sample, balance=first.balance
    )
    st.caption(split_verdict(audit))
    show_cost(configs, sum(part.images for part in audit.parts.values()))
    return configs if form.weights_are_there(configs) else []


def _random_if_missing(run_config: RunConfig) -> RunConfig:
    available = cache.weights_available(run_config.architecture)
    return run_config if available else config.change(run_config, {"weights": "random"})


def show_cost(configs: list[RunConfig], cells: int) -> None:
    """Images, disk space and time, before anything starts."""
    space = cost.estimate(configs[0], cells=cells).cache_mebibytes
    size = f"{cells:,} images, {space:,.0f} MiB on disk."
    training_time.show(size, configs, cells)


def show_runs() -> None:
    """One run as it trains or after, and what is queued."""
    runs = run_store.runs()
    if chosen := run_monitor.choose(runs):
        run_monitor.show(chosen)
    run_monitor.show_queue([run for run in runs if run.status.unfinished])


title("Train", "Train a network and watch it learn.")
with shown_errors():
    busy = any(run.status.unfinished for run in run_store.runs())
    if busy:
        show_runs()
    with st.expander("Queue another run") if busy else st.container(border=True):
        if root := state.choose_dataset():
            configs: list[RunConfig] = []
            with shown_errors():
                configs = choose(root)
            locked = people.lacks(TRAIN)
            start = st.button(
                "Start training" if len(configs) < 2 else f"Queue {len(configs)} runs",
                type="primary",
                icon=":material/play_arrow:",
                disabled=locked or not configs,
                help=f"Runs train {launcher.where()}.",
            )
            if start:
                people.require(TRAIN)
                runs = [run_store.create(run_config) for run_config in configs]
                for run in runs:
                    launcher.launch(run)
                run_monitor.look_at(runs[0].run_id)
                st.rerun()
    if not busy:
        show_runs()
