"""Tune: how sure a number is (cross-validation), and which settings are better (search)."""

from pathlib import Path

import streamlit as st

from core.data import splits
from core.models import catalog
from core.people import TRAIN
from core.report.dataset import split_verdict
from core.report.glossary import explain
from core.report.tuning import SETTINGS
from core.runs import config
from core.runs.config import MIN_FOLDS, RunConfig, Setting
from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan
from core.workers import launcher
from pages.ui.common import cache, people, state
from pages.ui.common.choices import address
from pages.ui.common.choices.address import BOUND
from pages.ui.common.numbers import number
from pages.ui.common.text import SPLITS, section, shown_errors, title
from pages.ui.common.training import training_time
from pages.ui.train import form
from pages.ui.tune import sweep_monitor

KINDS = {
    "cross-validation": "Cross-validate",
    "search": "Search settings",
}
ANSWERS = {
    "cross-validation": "How sure is the number? The same settings are trained once a fold, until "
    "every image has been tested by a run that had not seen it.",
    "search": "Which settings are better? Each trial trains with other settings, chosen by how the "
    "trials before it did.",
}
FOLDS = {0: "one split", 3: "3 folds", 5: "5 folds"}


def choose(root: Path) -> Plan | None:
    """The form's settings as a plan, or None with the reason on the page."""
    index = cache.index(root)
    cells = len(splits.pool(index, "subject"))
    if not state.enough_cells(cells):
        return None
    kind = st.segmented_control(
        "Question",
        required=True,
        default="cross-validation",
        label_visibility="collapsed",
        **address.choice("question", "question", KINDS),
    )
    st.caption(ANSWERS[kind])
    left, right, c, d = st.columns([2, 2, 1, 1])
    architecture, recipe = form.architecture_and_recipe(left, right)
    base = config.create(architecture, root, recipe)
    searching = kind == "search"
    if searching:
        words, limits = explain("Trial"), (1, sweep_store.MAX_TRIALS)
        times = number(c, "Trials", limits, 20, key="trials", help=words, **BOUND)
    else:
        words, limits = explain("Fold"), (MIN_FOLDS, RunConfig.bounds("folds")[1])
        times = number(c, "Folds", limits, 5, key="folds", help=words, **BOUND)
    epochs = number(
        d,
        "Epochs",
        RunConfig.bounds("epochs"),
        base.epochs,
        key=f"tune_epochs_{architecture}_{recipe}",
        help=f"Of each run. {explain('Epochs')}",
        **BOUND,
    )
    changes: dict[str, Setting] = {"epochs": epochs, "folds": 0 if searching else times}
    with st.expander("Settings"):
        changes |= sampling(cells)
        if catalog.architecture(architecture).pretrained:
            label, words = "Random instead of ImageNet weights", explain("ImageNet")
            random = st.toggle(label, key="tune_random", help=words, **BOUND)
            changes["weights"] = "random" if random else "imagenet"
        plan = (
            what_to_search(base, changes, times)
            if searching
            else Plan(kind=kind, base=config.change(base, changes))
        )
    if plan is None:
        return None
    base = plan.base
    _, audit = cache.split(
        index, base.split, base.seed, sample=base.sample, balance=base.balance, folds=base.folds
    )
    st.caption(split_verdict(audit))
    return plan if show_cost(plan, base.sample or cells) else None


def sampling(cells: int) -> dict[str, Setting]:
    """Which cells, split how, and the seed of it all."""
    a, b, c, d = st.columns([1.6, 1, 1.6, 1], vertical_alignment="bottom")
    words = {method: SPLITS[method] for method in splits.FOLDED}
    return {
        "sample": form.sample(cells, a, b),
        "split": c.selectbox("Split", **address.choice("tune_split", "split", words)),
        "seed": number(d, "Seed", RunConfig.bounds("seed"), 0, key="seed", **BOUND),
    }


def what_to_search(base: RunConfig, changes: dict[str, Setting], trials: int) -> Plan | None:
    """The settings that trials may change, and how a trial is judged.

    `changes` are made last: the widgets stay as they are while one of them is out of range.
    """
    names = st.pills(
        "Settings to search",
        list(search.space(base)),
        default=list(search.choose(base)),
        selection_mode="multi",
        format_func=SETTINGS.__getitem__,
        key=f"space_{base.architecture}_{base.recipe}",
        **BOUND,
    )
    a, b = st.columns(2, vertical_alignment="bottom")
    folds = a.segmented_control(
        "Each trial on",
        required=True,
        default=0,
        **address.choice("each", "number of folds", FOLDS),
        help="Folds judge settings on more cells; each fold takes as long as one training.",
    )
    pruning = b.toggle(
        "Stop poor trials early",
        value=True,
        key="pruning",
        **BOUND,
        help="A trial stops if it is worse than the median of the earlier ones at the same epoch.",
    )
    if not names:
        st.info("Choose at least one setting to search.")
        return None
    base = config.change(base, changes | {"folds": folds})
    return Plan(
        kind="search", base=base, trials=trials, space=search.choose(base, names), pruning=pruning
    )


def show_cost(plan: Plan, cells: int) -> bool:
    """Time and weights, before anything starts; whether it can start."""
    base, runs = plan.base, plan.most_runs
    first = f"{runs} runs on {cells:,} images, {launcher.where()}."
    training_time.show(first, [base], cells, runs)
    return form.weights_are_there([base])


def start() -> None:
    """The form and its one primary action."""
    root = state.choose_dataset()
    if root is None:
        return
    plan = None
    with shown_errors():
        plan = choose(root)
    locked = people.lacks(TRAIN)
    pressed = st.button(
        "Start", type="primary", icon=":material/play_arrow:", disabled=locked or plan is None
    )
    if pressed and plan:
        people.require(TRAIN)
        config.require_inputs(plan.base)
        launcher.launch(sweep_store.create(plan))
        st.rerun()


title(
    "Tune",
    "How far a number can be trusted, or which settings are better, by many runs.",
)
with shown_errors():
    sweeps = sweep_store.sweeps()
    unfinished = [sweep for sweep in sweeps if sweep.status.unfinished]
    for sweep in reversed(unfinished):
        sweep_monitor.show(sweep.name)
    with st.container(border=True) if not unfinished else st.expander("Start another"):
        start()
    ended = [sweep.name for sweep in sweeps if not sweep.status.unfinished]
    if ended:
        section("Results")
        sweep_monitor.show(
            st.selectbox(
                "Of", label_visibility="collapsed", **address.choice("sweep", "sweep", ended)
            )
        )
