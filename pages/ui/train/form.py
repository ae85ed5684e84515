"""The choices of a training run as widgets: every setting of `RunConfig`, grouped."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.data import splits
from core.models import catalog, weights
from core.runs import config
from core.runs.config import RunConfig
from pages.ui.common import cache
from pages.ui.common.text import SPLITS, plain

RECIPES = {
    "recommended": "augmentation, class weights, a falling learning rate, the best epoch kept",
    "original": "as the original study trained, to the letter, its wrong pixel scaling included",
}
_AUGMENTATIONS = {
    "dihedral": "turns and mirrors",
    "rotation": "rotation",
    "stain": "stain",
    "brightness": "brightness",
}
_BALANCES = {
    "none": "as they are",
    "weights": "weighted in the loss",
    "sampling": "as many of each an epoch",
}
_SCHEDULES = {
    "constant": "constant",
    "cosine": "falling (cosine)",
    "plateau": "halved when validation stalls",
}
_PRECISIONS = {
    "auto": "what is faster here",
    "float32": "float32",
    "bfloat16": "bfloat16 (mixed)",
}


def choose(root: Path, cells: int) -> RunConfig:
    """The widgets' settings as a configuration; `cells` is how many labelled ones there are."""
    left, right = st.columns(2)
    architectures = list(catalog.ARCHITECTURES)
    key = left.selectbox(
        "Architecture",
        architectures,
        index=architectures.index("cnn-16"),
        format_func=lambda name: catalog.architecture(name).title,
    )
    recipe = right.segmented_control("Recipe", list(RECIPES), required=True, default="recommended")
    right.caption(RECIPES[recipe])
    form = _Form(config.create(key, root, recipe))
    with st.expander("Settings"):
        data, training, cells_tab, head = st.tabs(["Data", "Training", "Images", "Network"])
        with data:
            settings = form.data(cells)
        with training:
            settings |= form.training()
        with cells_tab:
            settings |= form.images()
        with head:
            settings |= form.network()
    return config.change(form.default, settings)


def weights_are_there(wanted: list[RunConfig]) -> bool:
    """Whether all ImageNet weights can be had; if not, which file is wanted and where it goes."""
    lacking = [
        catalog.architecture(one.architecture)
        for one in wanted
        if one.weights == "imagenet" and not cache.weights_can_be_had(one.architecture)
    ]
    if lacking:
        st.warning(plain(weights.missing(*lacking)))
    return not lacking


class _Form:
    """Widgets that begin with the defaults of one recipe for one architecture."""

    def __init__(self, default: RunConfig) -> None:
        self.default = default
        self.entry = catalog.architecture(default.architecture)
        self._key = f"{default.architecture}_{default.recipe}"

    def _number(self, place: Any, label: str, name: str, **options: Any) -> Any:
        low, high = RunConfig.bounds(name)
        default = getattr(self.default, name)
        return place.number_input(label, low, high, default, key=f"{name}_{self._key}", **options)

    def _choice(self, place: Any, label: str, name: str, words: dict[str, str]) -> str:
        chosen = place.selectbox(
            label,
            list(words),
            index=list(words).index(getattr(self.default, name)),
            format_func=words.__getitem__,
            key=f"{name}_{self._key}",
        )
        return str(chosen)

    def data(self, cells: int) -> dict[str, Any]:
        """Split, sample and seed."""
        a, b, c = st.columns(3, vertical_alignment="bottom")
        split = self._choice(a, "Split", "split", SPLITS)
        limited = b.toggle("Train on a sample of the cells", key="limited")
        seed = self._number(c, "Seed", "seed", step=1)
        a, b, _ = st.columns(3, vertical_alignment="bottom")
        sample = a.number_input(
            "Cells", config.MIN_SAMPLE, cells, min(1000, cells), disabled=not limited
        )
        balance = b.selectbox("Classes", splits.BALANCES, disabled=not limited)
        drawn = int(sample) if limited else None
        return {"split": split, "seed": int(seed), "sample": drawn, "balance": balance}

    def training(self) -> dict[str, Any]:
        """Epochs, batch, learning rate, stopping, precision."""
        a, b, c = st.columns(3)
        epochs = self._number(a, "Epochs", "epochs", step=1)
        batch = self._number(b, "Batch size", "batch_size", step=1)
        rate = c.number_input(
            "Learning rate",
            *RunConfig.bounds("learning_rate"),
            self.entry.learning_rate,
            format="%g",
            key=f"rate_{self._key}",
        )
        a, b, c = st.columns(3)
        schedule = self._choice(a, "Over the epochs", "schedule", _SCHEDULES)
        keep = self._choice(
            b, "Keep", "keep", {"best": "the best validation epoch", "last": "the last epoch"}
        )
        precision = self._choice(c, "Arithmetic", "precision", _PRECISIONS)
        a, b, c = st.columns(3, vertical_alignment="bottom")
        patience = a.number_input(
            "Stop after epochs without a better one",
            *RunConfig.bounds("patience"),
            None,
            step=1,
            placeholder="never",
            key=f"patience_{self._key}",
        )
        smoothing = self._number(b, "Label smoothing", "label_smoothing", step=0.05)
        classes = self._choice(c, "Unequal classes", "class_balance", _BALANCES)
        return {
            "epochs": int(epochs),
            "batch_size": int(batch),
            "learning_rate": float(rate),
            "schedule": schedule,
            "keep": keep,
            "precision": precision,
            "patience": patience,
            "label_smoothing": smoothing,
            "class_balance": classes,
        }

    def images(self) -> dict[str, Any]:
        """Augmentation."""
        kinds = st.pills(
            "Vary the images",
            list(_AUGMENTATIONS),
            selection_mode="multi",
            default=list(self.default.augmentation),
            format_func=_AUGMENTATIONS.__getitem__,
            key=f"augmentation_{self._key}",
        )
        a, b, _ = st.columns(3)
        strength = self._number(a, "Strength (1 is usual)", "augmentation_strength", step=0.25)
        settings = {"augmentation": tuple(kinds or ()), "augmentation_strength": strength}
        if self.entry.pretrained is None:
            return settings
        views = self._number(b, "Views computed of each cell", "views", step=1)
        st.caption(
            "A frozen backbone's features are computed once, so of these only turns and mirrors "
            "vary, in as many views; stain, brightness and rotation act in fine-tuning."
        )
        return settings | {"views": int(views)}

    def network(self) -> dict[str, Any]:
        """Dropout, penalty, weights, pixel scaling, fine-tuning."""
        a, b, _ = st.columns(3)
        dropout = a.number_input(
            "Dropout",
            *RunConfig.bounds("dropout"),
            None,
            step=0.05,
            placeholder="the architecture's own",
            key=f"dropout_{self._key}",
        )
        l2 = b.number_input(
            "L2 penalty",
            *RunConfig.bounds("l2"),
            self.default.l2,
            format="%g",
            key=f"l2_{self._key}",
        )
        settings: dict[str, Any] = {"dropout": dropout, "l2": float(l2)}
        if self.entry.pretrained is None:
            return settings
        random = st.toggle("Random instead of ImageNet weights", key=f"random_{self._key}")
        a, b, c = st.columns(3)
        blocks = a.number_input(
            "Fine-tune top blocks",
            0,
            len(self.entry.blocks),
            0,
            key=f"blocks_{self._key}",
            help="After the head has been trained; batch normalisation stays frozen.",
        )
        epochs = b.number_input(
            "Fine-tuning epochs",
            1,
            1000,
            5,
            disabled=not blocks,
            key=f"tune_epochs_{self._key}",
        )
        rate = c.number_input(
            "Fine-tuning rate",
            *RunConfig.bounds("fine_tune_rate"),
            None,
            format="%g",
            disabled=not blocks,
            placeholder="a tenth of the learning rate",
            key=f"tune_rate_{self._key}",
        )
        return settings | {
            "weights": "random" if random else "imagenet",
            "fine_tune_blocks": int(blocks),
            "fine_tune_epochs": int(epochs) if blocks else 0,
            "fine_tune_rate": rate if blocks else None,
        }
