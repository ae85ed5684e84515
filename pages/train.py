"""Train: choose, see what it will cost, start; the live curves take the page while it runs."""

from pathlib import Path

import streamlit as st

from core.data import splits
from core.data.indexing import Index
from core.models import catalog
from core.runs import config, cost, presets, run_store
from core.runs.config import RunConfig
from core.workers import launcher
from pages.ui.common import cache, state
from pages.ui.common.text import duration, shown_errors, title
from pages.ui.train import form, run_monitor

ONE = "one network"


def choose(root: Path) -> list[RunConfig]:
    """What to train, as configurations; none, with the reason on the page, if it cannot start."""
    found = cache.index(root)
    cells = splits.pool(found, "subject")
    if len(cells) < config.MIN_SAMPLE:
        st.info(f"It has {len(cells)} labelled cells; training needs at least {config.MIN_SAMPLE}.")
        return []
    titles = {ONE: "One network", **{key: p.title for key, p in presets.PRESETS.items()}}
    what = st.segmented_control(
        "What to train",
        list(titles),
        required=True,
        default=ONE,
        format_func=titles.__getitem__,
    )
    if what == ONE:
        wanted = [form.choose(root, len(cells))]
    else:
        st.caption(f"Queues {presets.PRESETS[what].about}.")
        random = st.toggle("Random weights where ImageNet's are not to be had", key="preset_random")
        wanted = presets.configs(what, root, cells)
        if random:
            wanted = [_random_where_missing(one) for one in wanted]
    protocol = _audit(found, wanted[0])
    st.caption(splits.verdict(protocol))
    used = sum(part.images for part in protocol.parts.values())
    show_cost(wanted, used)
    return wanted if form.weights_are_there(wanted) else []


def _random_where_missing(wanted: RunConfig) -> RunConfig:
    there = cache.weights_can_be_had(wanted.architecture)
    return wanted if there else config.change(wanted, {"weights": "random"})


def _audit(found: Index, wanted: RunConfig) -> splits.SplitAudit:
    sample, balance = wanted.sample, wanted.balance
    return cache.split(found, wanted.split, wanted.seed, sample=sample, balance=balance)[1]


def show_cost(wanted: list[RunConfig], cells: int) -> None:
    """Time, memory and weights, before anything starts."""
    prices = [cost.estimate(one, cells=cells) for one in wanted]
    unknown = [
        catalog.architecture(one.architecture).title
        for one, price in zip(wanted, prices, strict=True)
        if price.seconds is None
    ]
    words = f"{cells:,} cells, {prices[0].cache_mebibytes:,.0f} MiB of decoded pixels; "
    total = cost.total(prices)
    if total is not None:
        where = f" at the speed of {prices[0].measured_by}" if len(wanted) == 1 else ""
        words += f"about {duration(total)}{where}"
    if unknown:
        words += "; " if total is not None else ""
        words += f"how long {', '.join(unknown)} takes is unknown before the first run"
    st.caption(f"{words}.")


def show_runs() -> None:
    """One run as it trains or after, and what is queued."""
    runs = run_store.runs()
    if chosen := run_monitor.choose(runs):
        run_monitor.show(chosen)
    run_monitor.show_queue([run for run in runs if run.status.unfinished])


title("Train", "Train a network here and watch it learn; it goes on if you leave the page.")
with shown_errors():
    busy = any(run.status.unfinished for run in run_store.runs())
    if busy:
        show_runs()
    with st.expander("Queue another run") if busy else st.container(border=True):
        root = state.choose_dataset()
        if root is None:
            st.info("There is no data set yet.")
            st.page_link("pages/dataset.py", label="Draw the demo set or add a folder")
        else:
            wanted = choose(root)
            start = st.button(
                "Start training" if len(wanted) < 2 else f"Queue {len(wanted)} runs",
                type="primary",
                icon=":material/play_arrow:",
                disabled=not wanted,
            )
            if start:
                started = [run_store.create(one) for one in wanted]
                for run in started:
                    launcher.launch(run)
                run_monitor.look_at(started[0].run_id)
                st.rerun()
    if not busy:
        show_runs()
