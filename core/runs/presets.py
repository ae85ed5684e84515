"""Presets queue several runs at once: the five networks of the original study."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import ConfigError, DataError
from core.runs import config
from core.runs.config import RunConfig

STUDY_ARCHITECTURES = ("vgg16", "cnn-32", "cnn-16", "cnn-dropout", "efficientnet-b3")
STUDY_CELLS = 1000


@dataclass(frozen=True)
class Preset:
    """A recipe and split for the five networks of the original study."""

    title: str
    about: str
    recipe: str
    split: str


PRESETS: Mapping[str, Preset] = {
    "original-study": Preset(
        title="The original study",
        about="its five networks as it ran them: split by image, no augmentation, "
        "pixels of 0..1 into networks that expect otherwise, the last epoch kept",
        recipe="original",
        split="image",
    ),
    "repaired": Preset(
        title="The same, repaired",
        about="the same five on the same images with the recommended recipe: held-out subjects, "
        "each network's own pixel scaling, augmentation, class weights, the best epoch kept",
        recipe="recommended",
        split="subject",
    ),
}


def configs(
    name: str, dataset: Path, cells: pd.DataFrame, settings: Mapping[str, Any] | None = None
) -> list[RunConfig]:
    """Returns the configurations of a preset, on `study_cells` cells, half of each class.

    `cells` are the labelled cells to draw from (label); `settings` apply to all configurations.
    Raises `ConfigError` for an unknown preset or setting, `DataError` if there are too few cells.
    """
    if name not in PRESETS:
        raise ConfigError(f"preset is {name!r}; it can be {', '.join(PRESETS)}.")
    preset = PRESETS[name]
    sample = study_cells(cells)
    if sample < config.MIN_SAMPLE:
        raise DataError(
            f"The rarer class has {sample // 2} images; the study needs at least 3. Add images of "
            "that class."
        )
    common = {"split": preset.split, "sample": sample, "balance": "balanced", **(settings or {})}
    return [
        config.create(architecture, dataset, preset.recipe, **common)
        for architecture in STUDY_ARCHITECTURES
    ]


def study_cells(cells: pd.DataFrame) -> int:
    """Returns how many cells to draw: 1,000, or twice the rarer class if that is less."""
    counts = cells["label"].value_counts().reindex([0, 1], fill_value=0)
    return min(STUDY_CELLS, 2 * int(counts.min()))
