"""The settings of a run in plain words: what each is called, and what its value means."""

from collections.abc import Sequence
from pathlib import Path

from core.data import datasets
from core.models import catalog
from core.runs import config
from core.runs.config import RunConfig, Setting

NAMES = {
    "architecture": "architecture",
    "dataset": "data set",
    "recipe": "recipe",
    "split": "split",
    "folds": "folds",
    "fold": "fold",
    "seed": "seed",
    "sample": "images drawn",
    "balance": "classes of the images drawn",
    "epochs": "epochs",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
    "schedule": "schedule",
    "augmentation": "augmentation",
    "augmentation_strength": "augmentation strength",
    "views": "views of each image",
    "class_balance": "class balance",
    "dropout": "dropout",
    "l2": "L2 penalty",
    "label_smoothing": "label smoothing",
    "patience": "epochs without a better one before stopping",
    "keep": "epoch kept",
    "precision": "arithmetic",
    "fine_tune_blocks": "fine-tuned blocks",
    "fine_tune_epochs": "fine-tuning epochs",
    "fine_tune_rate": "fine-tuning rate",
    "weights": "weights at the start",
    "pixels": "pixel scaling",
    "stain_normalisation": "stain normalisation",
    "inputs": "what the network sees",
}
_UNSET = {
    "sample": "all",
    "patience": "never stops early",
    "learning_rate": "the architecture's own",
    "dropout": "the architecture's own",
    "fine_tune_rate": "a tenth of the learning rate",
}


def value(name: str, setting: Setting) -> str:
    """The value of a setting in words."""
    if setting is None:
        return _UNSET[name]
    if isinstance(setting, tuple):
        return ", ".join(setting) or "none"
    if name == "architecture":
        return catalog.architecture(str(setting)).title
    if name == "dataset":
        return dataset(str(setting))
    if name == "fold":  # people count from 1
        return str(int(setting) + 1)
    return f"{setting:g}" if isinstance(setting, float) else str(setting)


def dataset(name: str) -> str:
    """A data set as short as it can be told: the name of its folder."""
    return "demo set" if name == datasets.DEMO else Path(name).name


def differing(configs: Sequence[RunConfig]) -> list[str]:
    """The settings that are not the same in all, in the order of the configuration."""
    return [name for name, first in configs[0] if any(getattr(c, name) != first for c in configs)]


def own(run_config: RunConfig) -> list[str]:
    """What a run has otherwise than its recipe, in words, such as "5 epochs"."""
    usual = RunConfig.parse(
        {"architecture": run_config.architecture, "dataset": run_config.dataset}
        | config.defaults(run_config.architecture, run_config.recipe)
    )
    names = [name for name in differing([usual, run_config]) if name not in ("fold", "folds")]
    names.sort(key=lambda name: name != "inputs")  # another kind of model, so it is told first
    words = [_short(name, run_config) for name in names]
    if run_config.recipe == "original":
        words.insert(0, "original recipe")
    if run_config.folds:
        words.insert(0, f"fold {run_config.fold + 1} of {run_config.folds}")
    return words


def _short(name: str, run_config: RunConfig) -> str:
    said = value(name, getattr(run_config, name))
    if name == "split":
        return f"by {said}"
    if name == "epochs":
        return f"{said} epochs"
    if name == "inputs" and run_config.sees_whole_images:
        return "whole images"
    return f"{NAMES[name]} {said}"
