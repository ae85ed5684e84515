"""What a run was asked to do: frozen, validated once, saved first."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from core.data import datasets, splits
from core.data.pixel_cache import INPUTS
from core.errors import ConfigError, DataError, ModelError
from core.models import catalog, weights

# Three parts with both classes each.
MIN_SAMPLE = 6
MAX_EPOCHS = 1000

SCHEDULES = ("constant", "cosine", "plateau")
AUGMENTATIONS = ("dihedral", "rotation", "stain", "brightness")
CLASS_BALANCES = ("none", "weights", "sampling")
PRECISIONS = ("auto", "float32", "bfloat16")

RECIPES: dict[str, dict[str, Any]] = {
    "recommended": {
        "pixels": "own",
        "augmentation": ("dihedral", "stain", "brightness"),
        "views": 2,
        "class_balance": "weights",
        "schedule": "cosine",
        "keep": "best",
        "precision": "auto",
    },
    # As the study trained, its mistakes included: its pixel scaling (named by `pixels`), no
    # augmentation, no weighting, the last epoch, float32. What differs between its networks
    # (epochs, the L2 penalty) is the catalogue's `study`.
    "original": {
        "pixels": "original-study",
        "augmentation": (),
        "class_balance": "none",
        "schedule": "constant",
        "keep": "last",
        "precision": "float32",
    },
}


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's outcome, the machine apart.

    dataset: a root folder, or "demo" for the synthetic demo set, wherever that is drawn.
    sample: cells to draw (None: all), with `balance` of the classes. folds, fold: 0 and 0 for one
    split; else the run is number `fold` (from 0) of a grouped cross-validation of `folds` folds.
    learning_rate: None means the architecture's; schedule: over the epochs, from there.
    augmentation: any of `AUGMENTATIONS`, drawn with augmentation_strength (1 is the usual). A
    frozen backbone's features are computed once, so of its images only the symmetries vary: views
    says how many of the eight are computed.
    class_balance: nothing, weights in the loss, or as many cells of each class an epoch.
    dropout: the rate of the architecture's dropout layers (None: its own). l2: penalty on the
    squared weights of the dense layers of the head. label_smoothing: 0..0.5.
    patience: epochs without a lower validation cross-entropy before stopping (None: never).
    keep: the weights of the epoch of lowest validation cross-entropy, or of the last.
    precision: of the training arithmetic; "auto" is what a probe finds faster on this machine.
    fine_tune_blocks, fine_tune_epochs: after the head, so many of a frozen backbone's top blocks
    train on for so many epochs, at fine_tune_rate (None: a tenth of the learning rate).
    weights and pixels are those of `core.models.classifier.build`.
    inputs: what the network is shown of a cell; see `core.data.pixel_cache.shown`. Other
    than "cell" makes the run a control, which is measured and never reads.
    """

    architecture: str
    dataset: str
    recipe: str = "recommended"
    split: str = "subject"
    folds: int = 0
    fold: int = 0
    seed: int = 0
    sample: int | None = None
    balance: str = "natural"
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float | None = None
    schedule: str = "constant"
    augmentation: tuple[str, ...] = ()
    augmentation_strength: float = 1.0
    views: int = 1
    class_balance: str = "none"
    dropout: float | None = None
    l2: float = 0.0
    label_smoothing: float = 0.0
    patience: int | None = None
    keep: str = "best"
    precision: str = "auto"
    fine_tune_blocks: int = 0
    fine_tune_epochs: int = 0
    fine_tune_rate: float | None = None
    weights: str = "imagenet"
    pixels: str = "own"
    inputs: str = "cell"

    def __post_init__(self) -> None:
        """Raises `ConfigError` for the first setting that is out of range."""
        entry = catalog.architecture(self.architecture)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                value = getattr(self, name)
                raise ConfigError(f"{name} is {value!r}; it can be {', '.join(choices)}.")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is {value}; it must lie between {low} and {high}.")
        for kind in self.augmentation:
            if kind not in AUGMENTATIONS:
                raise ConfigError(
                    f"augmentation has {kind!r}; it can have {', '.join(AUGMENTATIONS)}, or none."
                )
        if self.folds in (1, 2) or self.fold >= max(self.folds, 1):
            raise ConfigError(
                f"fold is {self.fold} of {self.folds}; folds are counted from 0, and there are 0 "
                "(one split) or at least 3 of them."
            )
        if self.folds and self.split not in splits.FOLDED:
            raise ConfigError(
                f"split is {self.split!r} with {self.folds} folds; cross-validation takes "
                f"{' or '.join(splits.FOLDED)}."
            )
        blocks = len(entry.blocks)
        if not 0 <= self.fine_tune_blocks <= blocks:
            can = f"up to {blocks}" if blocks else "none: it has no frozen backbone"
            raise ConfigError(
                f"fine_tune_blocks is {self.fine_tune_blocks}; {entry.title} can have {can}."
            )
        if bool(self.fine_tune_blocks) != bool(self.fine_tune_epochs):
            raise ConfigError(
                f"fine_tune_blocks is {self.fine_tune_blocks} and fine_tune_epochs "
                f"{self.fine_tune_epochs}; set both, or neither."
            )

    @property
    def total_epochs(self) -> int:
        """Epochs of both stages: of the head (or the whole network), and of fine-tuning."""
        return self.epochs + self.fine_tune_epochs

    @property
    def is_control(self) -> bool:
        """Whether the network is shown less than the cell, to see what that alone is worth."""
        return self.inputs != "cell"


_CHOICES = {
    "recipe": tuple(RECIPES),
    "split": tuple(splits.METHODS),
    "balance": splits.BALANCES,
    "schedule": SCHEDULES,
    "class_balance": CLASS_BALANCES,
    "keep": ("best", "last"),
    "precision": PRECISIONS,
    "weights": weights.CHOICES,
    "pixels": catalog.PIXELS,
    "inputs": INPUTS,
}
RANGES: dict[str, tuple[float, float]] = {
    "folds": (0, 100),
    "fold": (0, 99),
    "seed": (0, 2**31 - 1),
    "sample": (MIN_SAMPLE, 10**7),
    "epochs": (1, MAX_EPOCHS),
    "batch_size": (1, 1024),
    "learning_rate": (1e-8, 1e3),
    "augmentation_strength": (0.0, 3.0),
    "views": (1, 8),
    "dropout": (0.0, 0.95),
    "l2": (0.0, 10.0),
    "label_smoothing": (0.0, 0.5),
    "patience": (1, 1000),
    "fine_tune_epochs": (0, MAX_EPOCHS),
    "fine_tune_rate": (1e-8, 1e3),
}


def create(architecture: str, dataset: Path, recipe: str, **settings: Any) -> RunConfig:
    """The configuration of a recipe with single settings changed.

    Raises `ConfigError` for an unknown recipe or setting, or a value out of range.
    """
    base = RunConfig(architecture, datasets.name(dataset), **defaults(architecture, recipe))
    return change(base, settings)


def defaults(architecture: str, recipe: str) -> dict[str, Any]:
    """The settings that a recipe gives an architecture, `recipe` itself among them."""
    if recipe not in RECIPES:
        raise ConfigError(f"recipe is {recipe!r}; it can be {', '.join(RECIPES)}.")
    study = catalog.architecture(architecture).study if recipe == "original" else {}
    return {"recipe": recipe, **RECIPES[recipe], **study}


def change(config: RunConfig, settings: dict[str, Any]) -> RunConfig:
    """A copy with `settings` changed; text is converted to each setting's type."""
    return replace(config, **{name: _convert(name, value) for name, value in settings.items()})


def _convert(name: str, value: Any) -> Any:
    kinds = get_type_hints(RunConfig)
    if name not in kinds:
        raise ConfigError(f"There is no setting {name!r}; there are {', '.join(kinds)}.")
    if name == "augmentation":
        names = value.split(",") if isinstance(value, str) else value
        return tuple(kind for kind in names if kind not in ("", "none"))
    if not isinstance(value, str):
        return value
    kind, *none = get_args(kinds[name]) or (kinds[name],)
    if none and value.lower() == "none":
        return None
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"{name} is {value!r}; it must be of the kind {kind.__name__}.") from None


def require_inputs(config: RunConfig) -> None:
    """Raises `DataError` or `ModelError` if the data set or the weights are not to be had."""
    root = datasets.resolve(config.dataset)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. Give the folder that holds the data set.")
    entry = catalog.architecture(config.architecture)
    if config.weights == "imagenet" and not weights.can_be_had(entry):
        raise ModelError(weights.missing(entry))


def to_json(config: RunConfig) -> dict[str, Any]:
    """As `config.json` holds it."""
    return asdict(config) | {"augmentation": list(config.augmentation)}


def from_json(document: dict[str, Any]) -> RunConfig:
    """The inverse of `to_json`. Raises `ConfigError` for unknown settings."""
    known = {field.name for field in fields(RunConfig)}
    unknown = sorted(set(document) - known)
    if unknown:
        raise ConfigError(f"config.json has unknown settings: {', '.join(unknown)}.")
    return change(RunConfig(document["architecture"], document["dataset"]), document)
