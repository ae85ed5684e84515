"""Tune: how sure a number is (cross-validation), and which settings are better (search)."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.data import splits
from core.models import catalog
from core.runs import config, cost
from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan
from core.workers import launcher
from pages.ui.common import cache, state
from pages.ui.common.text import SPLITS, duration, shown_errors, title
from pages.ui.train import form
from pages.ui.tune import sweep_monitor

KINDS = {
    "cross-validation": "Cross-validate",
    "search": "Search settings",
}
ANSWERS = {
    "cross-validation": "How sure is the number? The same settings are trained once a fold, until "
    "every cell has been tested by a run that had not seen it.",
    "search": "Which settings are better? Each trial trains with other ones, chosen by what the "
    "trials before it came to.",
}
METHODS = ("subject", "image")
FOLDS = {0: "one split", 3: "3 folds", 5: "5 folds"}


def choose(root: Path) -> Plan | None:
    """The form's settings as a plan, or None with the reason on the page."""
    found = cache.index(root)
    cells = len(splits.pool(found, "subject"))
    if cells < config.MIN_SAMPLE:
        st.info(f"It has {cells} labelled cells; training needs at least {config.MIN_SAMPLE}.")
        return None
    kind = st.segmented_control(
        "Question",
        list(KINDS),
        format_func=KINDS.__getitem__,
        required=True,
        default="cross-validation",
        label_visibility="collapsed",
    )
    st.caption(ANSWERS[kind])
    a, b, c, d = st.columns([2, 2, 1, 1])
    key = a.selectbox(
        "Architecture",
        list(catalog.ARCHITECTURES),
        index=list(catalog.ARCHITECTURES).index("cnn-16"),
        format_func=lambda name: catalog.architecture(name).title,
    )
    recipe = b.segmented_control(
        "Recipe",
        list(config.RECIPES),
        required=True,
        default="recommended",
        help="original: as the original study trained, its mistakes included",
    )
    base = config.create(key, root, recipe)
    searching = kind == "search"
    if searching:
        number = c.number_input("Trials", 1, sweep_store.MAX_TRIALS, 20)
    else:
        number = c.number_input("Folds", 3, 100, 5)
    epochs = d.number_input(
        "Epochs", 1, 1000, base.epochs, key=f"epochs_{key}_{recipe}", help="of each run"
    )
    changes: dict[str, Any] = {"epochs": int(epochs), "folds": 0 if searching else int(number)}
    with st.expander("Settings"):
        changes |= sampling(cells)
        if base.weights == "imagenet" and catalog.architecture(key).pretrained:
            random = st.toggle("Random instead of ImageNet weights")
            changes["weights"] = "random" if random else "imagenet"
        base = config.change(base, changes)
        plan = what_to_search(base, int(number)) if searching else Plan(kind=kind, base=base)
    if plan is None:
        return None
    base = plan.base
    protocol = cache.split(
        found,
        base.split,
        base.seed,
        sample=base.sample,
        balance=base.balance,
        folds=base.folds,
    )[1]
    st.caption(splits.verdict(protocol))
    return plan if show_cost(plan, base.sample or cells) else None


def sampling(cells: int) -> dict[str, Any]:
    """Which cells, split how, and the seed of it all."""
    a, b, c, d = st.columns([1.6, 1, 1.6, 1], vertical_alignment="bottom")
    limited = a.toggle("Train on a sample of the cells")
    sample = b.number_input(
        "Cells", config.MIN_SAMPLE, cells, min(1000, cells), disabled=not limited
    )
    method = c.selectbox("Split", METHODS, format_func=SPLITS.__getitem__)
    seed = d.number_input("Seed", 0, 2**31 - 1, 0)
    return {"sample": int(sample) if limited else None, "split": method, "seed": int(seed)}


def what_to_search(base: config.RunConfig, trials: int) -> Plan | None:
    """The settings that trials may change, and how a trial is judged."""
    names = st.pills(
        "Settings to search",
        list(search.space(base)),
        default=list(search.choose(base)),
        selection_mode="multi",
        format_func=search.WORDS.__getitem__,
        key=f"space_{base.architecture}_{base.recipe}",
    )
    a, b = st.columns(2, vertical_alignment="bottom")
    folds = a.segmented_control(
        "Each trial on",
        list(FOLDS),
        format_func=FOLDS.__getitem__,
        required=True,
        default=0,
        help="Folds judge settings on more cells, and take as many times as long.",
    )
    pruning = b.toggle(
        "Give up on poor trials early",
        value=True,
        help="A trial that is worse than the median of those before, at the same epoch, stops.",
    )
    if not names:
        st.info("Choose at least one setting to search.")
        return None
    base = config.change(base, {"folds": folds})
    return Plan(
        kind="search", base=base, trials=trials, space=search.choose(base, names), pruning=pruning
    )


def show_cost(plan: Plan, cells: int) -> bool:
    """Time and weights, before anything starts; whether it can start."""
    base, runs = plan.base, plan.most_runs
    price = cost.estimate(base, cells=cells, runs=runs)
    if price.seconds is None:
        time = "how long is unknown before the first run of this architecture"
    else:
        about = duration(price.seconds)
        time = f"about {about} in all, at the speed of {price.measured_by}"
    st.caption(f"{runs} runs on {cells:,} cells, one after another: {time}.")
    return form.weights_are_there([base])


def start() -> None:
    """The form and its one primary action."""
    root = state.choose_dataset()
    if root is None:
        st.info("There is no data set yet.")
        st.page_link("pages/dataset.py", label="Draw the demo set or add a folder")
        return
    plan = None
    with shown_errors():
        plan = choose(root)
    pressed = st.button(
        "Start", type="primary", icon=":material/play_arrow:", disabled=plan is None
    )
    if pressed and plan:
        config.require_inputs(plan.base)
        launcher.launch(sweep_store.create(plan))
        st.rerun()


title(
    "Tune",
    "Find out how far a number can be trusted, and which settings are better, by training many "
    "runs; they go on if you leave the page.",
)
with shown_errors():
    there = sweep_store.sweeps()
    unfinished = [sweep for sweep in there if sweep.status.unfinished]
    for sweep in reversed(unfinished):
        sweep_monitor.show(sweep.name)
    with st.container(border=True) if not unfinished else st.expander("Start another"):
        start()
    ended = [sweep.name for sweep in there if not sweep.status.unfinished]
    if ended:
        st.subheader("Results", anchor=False)
        sweep_monitor.show(st.selectbox("Of", ended, label_visibility="collapsed"))
