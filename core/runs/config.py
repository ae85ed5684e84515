"""The configuration of a run, config.json: frozen, validated, and written first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from core.cells import staining
from core.data import datasets, splits
from core.data.pixel_cache import CELL, CONTROLS, IMAGE, INPUTS
from core.documents import Choices, Document
from core.errors import BlastLensError, ConfigError, DataError, ModelError
from core.models import catalog, device, weights
from core.untrusted.fields import Line, Place

# Cells of both classes in each of the three parts.
MIN_SAMPLE = 6
EPOCHS, MAX_EPOCHS = 20, 1000
MIN_FOLDS = 3  # test, validation and at least one to train on

SCHEDULES = ("constant", "cosine", "plateau")
# The last three vary the background: see `core.training.augment`.
AUGMENTATIONS = (
    *("dihedral", "rotation", "stain", "brightness", "detail"),
    *("position", "scale", "fill"),
)
CLASS_BALANCES = ("none", "weights", "sampling")
PRECISIONS = ("auto", "float32", "bfloat16")

# A value of a `RunConfig`; text is converted to the setting's type.
Setting = str | int | float | tuple[str, ...] | None

RECIPES: dict[str, dict[str, Setting]] = {
    "recommended": {
        "pixels": "own",
        "augmentation": ("dihedral", "stain", "brightness"),
        "views": 2,
        "class_balance": "weights",
        "schedule": "cosine",
        "keep": "best",
        "precision": "auto",
    },
    # As the original study trained, with its mistakes: its pixel scaling (`pixels`), no
    # augmentation, no weighting, the last epoch, float32. Settings that differ between its networks
    # (epochs, the L2 penalty) are in `study` of the catalogue.
    "original": {
        "pixels": "original-study",
        "augmentation": (),
        "class_balance": "none",
        "schedule": "constant",
        "keep": "last",
        "precision": "float32",
    },
}


_Rate = Annotated[float | None, Field(ge=1e-8, le=1e3)]
_WEIGHTS = weights.CHOICES  # in the class `weights` is the field


class RunConfig(Document):
    """All settings that determine the result of a run on one machine.

    dataset: a root folder, or "demo" for the synthetic demo set.
    sample: cells to draw (None: all), with `balance` of the classes. folds, fold: 0 and 0 for one
    split; else the run is number `fold` (from 0) of a grouped cross-validation of `folds` folds.
    learning_rate: None for the architecture's; schedule: how it changes over the epochs.
    augmentation: any of `AUGMENTATIONS`, drawn with augmentation_strength (default 1). Features of
    a frozen backbone are computed once, so its images vary by symmetries only: views is the number
    of the eight symmetries that are computed.
    class_balance: none, weights in the loss, or sampling equally many cells of each class an epoch.
    dropout: the rate of the architecture's dropout layers (None: its own). l2: penalty on the
    squared weights of the dense layers of the head. label_smoothing: 0..0.5.
    patience: epochs without a lower validation cross-entropy before stopping (None: never).
    keep: the weights of the epoch of lowest validation cross-entropy, or of the last.
    precision: of the training arithmetic; "auto" takes the faster one on this machine.
    fine_tune_blocks, fine_tune_epochs: how many top blocks of a frozen backbone are trained after
    the head, and how many epochs, at fine_tune_rate (None: a tenth of the learning rate).
    weights and pixels: see `core.models.classifier.build`.
    stain_normalisation: how the colours of each cell are brought to those of the training cells
    before the network sees it; see `core.cells.staining`.
    inputs: what the network sees: a cell at its scale, or the whole image; see
    `core.data.pixel_cache.prepare`. "silhouette" and "size" make the run a control, which is
    measured and never used for readings.
    """

    model_config = ConfigDict(extra="forbid")

    architecture: Line
    dataset: Place
    recipe: Annotated[str, Choices(tuple(RECIPES))] = "recommended"
    split: Annotated[str, Choices(tuple(splits.METHODS))] = "subject"
    folds: Annotated[int, Field(ge=0, le=100)] = 0
    fold: Annotated[int, Field(ge=0, le=99)] = 0
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    sample: Annotated[int | None, Field(ge=MIN_SAMPLE, le=10**7)] = None
    balance: Annotated[str, Choices(splits.BALANCES)] = "natural"
    epochs: Annotated[int, Field(ge=1, le=MAX_EPOCHS)] = EPOCHS
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 32
    learning_rate: _Rate = None
    schedule: Annotated[str, Choices(SCHEDULES)] = "constant"
    augmentation: tuple[str, ...] = ()
    augmentation_strength: Annotated[float, Field(ge=0.0, le=3.0)] = 1.0
    views: Annotated[int, Field(ge=1, le=8)] = 1
    class_balance: Annotated[str, Choices(CLASS_BALANCES)] = "none"
    dropout: Annotated[float | None, Field(ge=0.0, le=0.95)] = None
    l2: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    patience: Annotated[int | None, Field(ge=1, le=1000)] = None
    keep: Annotated[str, Choices(("best", "last"))] = "best"
    precision: Annotated[str, Choices(PRECISIONS)] = "auto"
    fine_tune_blocks: int = 0
    fine_tune_epochs: Annotated[int, Field(ge=0, le=MAX_EPOCHS)] = 0
    fine_tune_rate: _Rate = None
    weights: Annotated[str, Choices(_WEIGHTS)] = "imagenet"
    pixels: Annotated[str, Choices(catalog.PIXELS)] = "own"
    stain_normalisation: Annotated[str, Choices(staining.METHODS)] = "none"
    inputs: Annotated[str, Choices(INPUTS)] = CELL

    @classmethod
    def parse(cls, values: Any, error: type[BlastLensError] = ConfigError) -> Self:
        """Raises `ConfigError` for the first setting that is out of range; see `Document.parse`."""
        return super().parse(values, error)

    @field_validator(
        "sample", "learning_rate", "dropout", "patience", "fine_tune_rate", mode="before"
    )
    @classmethod
    def _none(cls, value: Any) -> Any:
        return None if isinstance(value, str) and value.lower() == "none" else value

    @field_validator("augmentation", mode="before")
    @classmethod
    def _kinds(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple):
            return names
        kinds = tuple(kind for kind in names if kind not in ("", "none"))
        for kind in kinds:
            if kind not in AUGMENTATIONS:
                raise ConfigError(
                    f"augmentation has {kind!r:.60}; it can have {', '.join(AUGMENTATIONS)}, or "
                    "none."
                )
        return kinds

    @model_validator(mode="after")
    def _require_consistent(self) -> Self:
        entry = catalog.architecture(self.architecture)
        if entry.own and self.weights == "random":
            raise ConfigError(f"weights is 'random'; {entry.title} has those of its file alone.")
        if 0 < self.folds < MIN_FOLDS:
            raise ConfigError(
                f"folds is {self.folds}; it must be 0 (one split) or at least {MIN_FOLDS}."
            )
        if self.fold >= max(self.folds, 1):
            raise ConfigError(
                f"fold is {self.fold}; of {self.folds} folds it must be 0 to "
                f"{max(0, self.folds - 1)}."
            )
        if self.folds and self.split not in splits.FOLDED:
            raise ConfigError(
                f"split is {self.split!r} with {self.folds} folds; cross-validation takes "
                f"{' or '.join(splits.FOLDED)}."
            )
        if "fill" in self.augmentation and entry.black_background:
            raise ConfigError(
                f"augmentation has 'fill', and {entry.title} finds the cell by its black "
                "background. Leave it out."
            )
        blocks = len(entry.blocks)
        if not 0 <= self.fine_tune_blocks <= blocks:
            allowed = f"up to {blocks}" if blocks else "none: it has no frozen backbone"
            raise ConfigError(
                f"fine_tune_blocks is {self.fine_tune_blocks}; {entry.title} can have {allowed}."
            )
        if bool(self.fine_tune_blocks) != bool(self.fine_tune_epochs):
            raise ConfigError(
                f"fine_tune_blocks is {self.fine_tune_blocks} and fine_tune_epochs "
                f"{self.fine_tune_epochs}; set both, or neither."
            )
        return self

    @property
    def total_epochs(self) -> int:
        """Epochs of training the head (or the whole network) and of fine-tuning."""
        return self.epochs + self.fine_tune_epochs

    @property
    def sees_whole_images(self) -> bool:
        """Whether the network sees images as they are, not single cells on black at one scale."""
        return self.inputs == IMAGE

    @property
    def item(self) -> str:
        """What the network reads: "cell" or "image"."""
        return IMAGE if self.sees_whole_images else CELL

    @property
    def items(self) -> str:
        """The plural of `item`."""
        return f"{self.item}s"

    @property
    def is_control(self) -> bool:
        """Whether the network sees less than the cell; see `core.audit.controls`."""
        return self.inputs in CONTROLS


def create(architecture: str, dataset: Path, recipe: str, **settings: Any) -> RunConfig:
    """Returns the configuration of a recipe with some settings changed; see `change`.

    Raises `ConfigError` for an unknown recipe or setting, or a value out of range.
    """
    names = {"architecture": architecture, "dataset": datasets.name(dataset)}
    return RunConfig.parse(names | defaults(architecture, recipe) | settings)


def defaults(architecture: str, recipe: str) -> dict[str, Setting]:
    """Returns the settings of a recipe for an architecture, including `recipe` itself."""
    if recipe not in RECIPES:
        raise ConfigError(f"recipe is {recipe!r}; it can be {', '.join(RECIPES)}.")
    study = catalog.architecture(architecture).study if recipe == "original" else {}
    return {"recipe": recipe, **RECIPES[recipe], **study}


def change(config: RunConfig, settings: Mapping[str, Setting]) -> RunConfig:
    """Returns a copy with `settings` changed; text is converted to the type of the setting.

    Raises `ConfigError` for an unknown setting or a value out of range.
    """
    return config.replace(**settings)


def require_inputs(config: RunConfig) -> None:
    """Raises `DataError` or `ModelError` if the data set or the weights are missing, `ConfigError`
    if `BLASTLENS_DEVICE` is not a device.
    """
    device.chosen()
    root = datasets.resolve(config.dataset)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. Give the folder that holds the data set.")
    entry = catalog.architecture(config.architecture)
    if config.weights == "imagenet" and not weights.available(entry):
        raise ModelError(weights.missing(entry))
