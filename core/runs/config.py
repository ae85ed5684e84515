"""What a run was asked to do: frozen, validated once, saved first."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from core.data import sources, splits
from core.errors import ConfigError, DataError
from core.models import catalog, weights

# Three parts with both classes each.
MIN_SAMPLE = 6

RECIPES: dict[str, dict[str, Any]] = {
    "recommended": {
        "pixels": "own",
        "augmentation": True,
        "class_weights": True,
        "keep": "best",
        "epochs": 20,
    },
    # As the study trained: no augmentation, no weighting, the last epoch, its pixel scaling.
    "original": {
        "pixels": "original-study",
        "augmentation": False,
        "class_weights": False,
        "keep": "last",
        "epochs": 10,
    },
}


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's outcome, the machine apart.

    `dataset` is a root folder, or "demo" for the synthetic demo set, wherever that is drawn.
    `sample` is a number of cells, or None for all. `learning_rate` None means the architecture's.
    `keep` says which epoch's weights are kept: the one of lowest validation loss, or the last.
    `pixels` and `weights` are those of `core.models.classifier.build`.
    """

    architecture: str
    dataset: str
    recipe: str = "recommended"
    split: str = "subject"
    seed: int = 0
    sample: int | None = None
    balance: str = "natural"
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float | None = None
    augmentation: bool = True
    class_weights: bool = True
    keep: str = "best"
    weights: str = "imagenet"
    pixels: str = "own"

    def __post_init__(self) -> None:
        """Raises `ConfigError` for the first setting that is out of range."""
        catalog.architecture(self.architecture)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                value = getattr(self, name)
                raise ConfigError(f"{name} is {value!r}; it can be {', '.join(choices)}.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is {value}; it must lie between {low} and {high}.")


_CHOICES = {
    "recipe": tuple(RECIPES),
    "split": tuple(splits.METHODS),
    "balance": splits.BALANCES,
    "keep": ("best", "last"),
    "weights": weights.CHOICES,
    "pixels": catalog.PIXELS,
}
_RANGES = {
    "seed": (0, 2**31 - 1),
    "sample": (MIN_SAMPLE, 10**7),
    "epochs": (1, 1000),
    "batch_size": (1, 1024),
    "learning_rate": (1e-8, 1.0),
}


def create(architecture: str, dataset: Path, recipe: str, **settings: Any) -> RunConfig:
    """The configuration of a recipe with single settings changed.

    Raises `ConfigError` for an unknown recipe or setting, or a value out of range.
    """
    if recipe not in RECIPES:
        raise ConfigError(f"recipe is {recipe!r}; it can be {', '.join(RECIPES)}.")
    base = RunConfig(architecture, sources.name(dataset), recipe, **RECIPES[recipe])
    return change(base, settings)


def change(config: RunConfig, settings: dict[str, Any]) -> RunConfig:
    """A copy with `settings` changed; text is converted to each setting's type."""
    return replace(config, **{name: _convert(name, value) for name, value in settings.items()})


def _convert(name: str, value: Any) -> Any:
    kinds = get_type_hints(RunConfig)
    if name not in kinds:
        raise ConfigError(f"There is no setting {name!r}; there are {', '.join(kinds)}.")
    if not isinstance(value, str):
        return value
    kind, *none = get_args(kinds[name]) or (kinds[name],)
    if none and value.lower() == "none":
        return None
    try:
        return {"true": True, "false": False}[value.lower()] if kind is bool else kind(value)
    except (ValueError, KeyError):
        raise ConfigError(f"{name} is {value!r}; it must be of the kind {kind.__name__}.") from None


def require_inputs(config: RunConfig) -> None:
    """Raises `DataError` or `ModelError` if the data set or the weights are not on this machine."""
    root = sources.resolve(config.dataset)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. Give the folder that holds the data set.")
    entry = catalog.architecture(config.architecture)
    if entry.pretrained is not None and config.weights == "imagenet":
        weights.require(entry)


def to_json(config: RunConfig) -> dict[str, Any]:
    """As `config.json` holds it."""
    return asdict(config)


def from_json(document: dict[str, Any]) -> RunConfig:
    """The inverse of `to_json`. Raises `ConfigError` for unknown settings."""
    known = {field.name for field in fields(RunConfig)}
    unknown = sorted(set(document) - known)
    if unknown:
        raise ConfigError(f"config.json has unknown settings: {', '.join(unknown)}.")
    return RunConfig(**document)
