"""The choices of a training run as widgets: every setting of `RunConfig`, grouped."""

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.models import catalog, weights
from core.report.glossary import explain, hint
from core.runs import config
from core.runs.config import AUGMENTATIONS, RECIPES, RunConfig, Setting
from pages.ui.common import cache
from pages.ui.common.choices import address
from pages.ui.common.choices.address import BOUND
from pages.ui.common.numbers import number
from pages.ui.common.text import SPLITS, plain

ABOUT = {
    "recommended": "varied images, both classes weighing the same, a falling learning rate, "
    "the best epoch kept",
    "original": "as the original study trained, its wrong pixel scaling included",
}
# How the choices of a setting read; the choices themselves are those of `RunConfig`.
_WORDS = {
    "split": SPLITS,
    "schedule": {
        "constant": "the same",
        "cosine": "falling (cosine)",
        "plateau": "halved when validation stalls",
    },
    "inputs": {
        "cell": "a cell on black, at its scale",
        "image": "the whole image",
    },
    "keep": {"best": "the best validation epoch", "last": "the last epoch"},
    "precision": {
        "auto": "whichever is faster here",
        "float32": "float32",
        "bfloat16": "bfloat16 (mixed)",
    },
    "class_balance": {
        "none": "as they are",
        "weights": "weigh both classes the same",
        "sampling": "show as many of each",
    },
    "stain_normalisation": {
        "none": "as it is",
        "reinhard": "each cell's colours to the training cells' (Reinhard)",
        "macenko": "each cell's two dyes to the training cells' (Macenko)",
    },
    "balance": {"natural": "as they occur", "balanced": "as many of each"},
}
_AUGMENTATIONS = {
    "dihedral": "turns and mirrors",
    "detail": "detail, as cameras and JPEG lose it",
    "position": "place in the frame",
    "scale": "size in the frame",
    "fill": "colour around the cell",
}


def architecture_and_recipe(left: DeltaGenerator, right: DeltaGenerator) -> tuple[str, str]:
    """The select boxes of the architecture and the recipe."""
    architectures = list(catalog.trainable())
    titles = {name: catalog.architecture(name).title for name in architectures}
    names = {name: name for name in architectures}
    key = left.selectbox(
        "Architecture",
        help=hint("Architecture"),
        index=architectures.index("cnn-16"),
        **address.choice("architecture", "architecture", titles, names),
    )
    recipe = right.segmented_control(
        "Recipe",
        help=f"{hint('Recipe')} Recommended: {ABOUT['recommended']}.",
        required=True,
        default="recommended",
        **address.choice("recipe", "recipe", list(RECIPES)),
    )
    if recipe != "recommended":
        right.caption(ABOUT[recipe])
    return key, recipe


def choose(root: Path, cells: int) -> RunConfig:
    """The widgets' settings as a configuration; `cells` is how many labelled ones there are."""
    key, recipe = architecture_and_recipe(*st.columns(2))
    form = _Form(config.create(key, root, recipe))
    with st.expander("Settings"):
        data, training, images, network = st.tabs(["Data", "Training", "Images", "Network"])
        with data:
            settings = form.data(cells)
        with training:
            settings |= form.training()
        with images:
            settings |= form.images()
        with network:
            settings |= form.network()
    return config.change(form.default, settings)


def sample(cells: int, toggle: DeltaGenerator, place: DeltaGenerator) -> int | None:
    """How many of the cells to draw for training; None: all."""
    limited = toggle.toggle("Train on a sample", key="limited", **BOUND)
    least, _ = RunConfig.bounds("sample")
    size: int = number(
        place,
        "Images",
        (least, cells),
        min(1000, cells),
        key="sample",
        disabled=not limited,
        **BOUND,
    )
    return size if limited else None


def weights_are_there(configs: list[RunConfig]) -> bool:
    """Whether all ImageNet weights are available; if not, says which file goes where."""
    lacking = [
        catalog.architecture(run_config.architecture)
        for run_config in configs
        if run_config.weights == "imagenet" and not cache.weights_available(run_config.architecture)
    ]
    if lacking:
        st.warning(plain(weights.missing(*lacking)))
        if not all(entry.own for entry in lacking):
            st.caption(
                "To train without them, turn on random weights, by the switch above or under "
                "Settings. The networks then learn from these images alone, and each run records "
                "it."
            )
    return not lacking


class _Form:
    """Widgets that begin with the defaults of one recipe for one architecture."""

    def __init__(self, default: RunConfig) -> None:
        self.default = default
        self.entry = catalog.architecture(default.architecture)
        self._key = f"{default.architecture}_{default.recipe}"

    def _number(self, place: DeltaGenerator, label: str, name: str, **options: Any) -> Any:
        options = {
            "limits": RunConfig.bounds(name),
            "value": getattr(self.default, name),
            "key": f"{name}_{self._key}",
            "help": hint(label),
            **BOUND,
            **options,
        }
        return number(place, label, **options)

    def _choice(self, place: DeltaGenerator, label: str, name: str, **options: Any) -> str:
        of = options.pop("of", self._key)
        possible = RunConfig.choices_of(name)
        words = {choice: _WORDS[name][choice] for choice in possible if choice in _WORDS[name]}
        chosen: str = place.selectbox(
            label,
            index=list(words).index(getattr(self.default, name)),
            **address.choice(f"{name}_{of}", label.lower(), words),
            **{"help": hint(label), **options},
        )
        return chosen

    def data(self, cells: int) -> dict[str, Setting]:
        """Split, sample and seed."""
        a, b, c = st.columns(3, vertical_alignment="bottom")
        d, e, f = st.columns(3, vertical_alignment="bottom")
        drawn = sample(cells, b, d)
        recipe = self.default.recipe  # another architecture leaves them as they are
        return {
            "split": self._choice(a, "Split", "split", of=recipe),
            "seed": self._number(c, "Seed", "seed", key=f"seed_{recipe}"),
            "sample": drawn,
            "balance": self._choice(e, "Classes", "balance", of=recipe, disabled=drawn is None),
            "inputs": self._choice(f, "What the network sees", "inputs", of=recipe),
        }

    def training(self) -> dict[str, Setting]:
        """Epochs, batch, learning rate, stopping, precision."""
        a, b, c = st.columns(3)
        usual = self.entry.learning_rate
        settings: dict[str, Setting] = {
            "epochs": self._number(a, "Epochs", "epochs"),
            "batch_size": self._number(b, "Batch size", "batch_size"),
        }
        rate = self._number(c, "Learning rate", "learning_rate", value=usual, format="%g")
        settings["learning_rate"] = None if rate == usual else rate  # the architecture's own
        a, b, c = st.columns(3)
        settings |= {
            "schedule": self._choice(a, "Over the epochs", "schedule"),
            "keep": self._choice(b, "Keep", "keep"),
            "precision": self._choice(c, "Arithmetic", "precision"),
        }
        a, b, c = st.columns(3, vertical_alignment="bottom")
        never = {"placeholder": "never", "step": 1}
        return settings | {
            "patience": self._number(
                a, "Stop after epochs without a better one", "patience", **never
            ),
            "label_smoothing": self._number(b, "Label smoothing", "label_smoothing", step=0.05),
            "class_balance": self._choice(c, "Unequal classes", "class_balance"),
        }

    def images(self) -> dict[str, Setting]:
        """Augmentation and stain."""
        kinds = st.pills(
            "Vary the images",
            AUGMENTATIONS,
            selection_mode="multi",
            default=list(self.default.augmentation),
            format_func=lambda kind: _AUGMENTATIONS.get(kind, kind),
            key=f"augmentation_{self._key}",
            **BOUND,
        )
        a, b, c = st.columns(3)
        strength = self._number(a, "Strength (1 is usual)", "augmentation_strength", step=0.25)
        settings: dict[str, Setting] = {
            "augmentation": tuple(kinds or ()),
            "augmentation_strength": strength,
            "stain_normalisation": self._choice(
                b,
                "Stain",
                "stain_normalisation",
                help="What is done to the colours of every image before the network sees it, in "
                "training and in every reading.",
            ),
        }
        if self.entry.pretrained is None:
            return settings
        views = self._number(c, "Views computed of each image", "views")
        st.caption(
            "The frozen layers see each image once, in as many turned and mirrored views. Stain, "
            "brightness, rotation and detail vary during fine-tuning only."
        )
        return settings | {"views": views}

    def network(self) -> dict[str, Setting]:
        """Dropout, penalty, weights, pixel scaling, fine-tuning."""
        a, b, _ = st.columns(3)
        usual = {"step": 0.05, "placeholder": "as the architecture has it"}
        settings: dict[str, Setting] = {
            "dropout": self._number(a, "Dropout", "dropout", **usual),
            "l2": self._number(b, "L2 penalty", "l2", format="%g"),
        }
        if self.entry.pretrained is None or self.entry.own:
            return settings
        random = st.toggle(
            "Random instead of ImageNet weights",
            key=f"random_{self._key}",
            help=explain("ImageNet"),
            **BOUND,
        )
        a, b, c = st.columns(3)
        blocks = self._number(
            a,
            "Fine-tune top blocks",
            "fine_tune_blocks",
            limits=(0, len(self.entry.blocks)),
            help=f"{explain('Fine-tuning')} Batch normalisation stays frozen.",
        )
        frozen = {"disabled": not blocks}
        _, most = RunConfig.bounds("fine_tune_epochs")
        epochs = self._number(
            b, "Fine-tuning epochs", "fine_tune_epochs", limits=(1, most), value=5, **frozen
        )
        tenth = {"placeholder": "a tenth of the learning rate", "format": "%g"}
        rate = self._number(c, "Fine-tuning rate", "fine_tune_rate", **tenth, **frozen)
        return settings | {
            "weights": "random" if random else "imagenet",
            "fine_tune_blocks": blocks,
            "fine_tune_epochs": epochs if blocks else 0,
            "fine_tune_rate": rate if blocks else None,
        }
