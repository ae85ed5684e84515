"""Sections of a model card on the network and its training."""

from typing import Any

from core.data.geometry import Geometry
from core.data.pixel_cache import said_of
from core.report.card import adopted
from core.report.card.items import RETRAIN, CardContext, Item, fact, gap, recorded, table
from core.runs.config import RunConfig
from core.runs.metrics import RunMetrics

_ORIGINAL = "original study's scaling, which is not what this network was made for"

_NORMALISED = {
    "none": "None: every cell is read in its own colours.",
    "reinhard": "Each cell is brought to the training cells' means and deviations in lαβ (Reinhard "
    "et al. 2001).",
    "macenko": "Each cell is brought to the training cells' two stain vectors (Macenko et al. "
    "2009).",
}


def model(context: CardContext) -> list[Item]:
    """The network and its weights."""
    if adoption := context.run.adoption:
        return adopted.model(context, adoption)
    entry, config, training = context.entry, context.config, context.metrics.training
    geometry, stain = context.run.geometry, context.run.stain
    scaling = "as its network was made for"
    if config.pixels == "original-study" and entry.study_pixels:
        scaling = f"in the {_ORIGINAL}"
    origin = "Random; every weight was trained here."
    if entry.own and entry.pretrained is not None:
        head = "the head was trained here."
        if entry.head == "linear":  # the backbone came with it
            head = "its head learned on here, also from cells that it had learned from before."
        origin = (
            f"Of the user: {entry.pretrained.file}, {entry.source}. The backbone stayed as it was; "
            + head
        )
    elif entry.pretrained is not None and config.weights == "imagenet":
        file = entry.pretrained
        origin = f"ImageNet weights {file.publisher} ({file.file}, MD5 {file.md5})."
        if not config.fine_tune_blocks:
            origin += " The backbone stayed as it was; the head was trained here."
    elif entry.pretrained is not None:
        origin = "Random, by choice: this backbone was not pretrained."
    return [
        fact("Architecture", f"{entry.title} ({entry.key}): {entry.source}"),
        fact("Parameters", f"{training.parameters:,}"),
        fact("Origin of the weights", origin),
        fact(
            "Preprocessing",
            f"{_framed(config, geometry)}, area-averaged to "
            f"{geometry.size} x {geometry.size}, RGB, scaled {scaling}.",
        ),
        fact("Stain normalisation", said_of(_NORMALISED[config.stain_normalisation], config.item)),
        fact("Another stain", "Refused: the colours of whole images are never adapted.")
        if config.sees_whole_images
        else recorded(
            stain.adaptation if stain else None,
            "Cells of another stain",
            lambda cost: (
                f"Adapted to the reference cells if a person asks for it. On {cost.cells} "
                f"validation cells, re-coloured into {cost.stains} stains, that moved the logit by "
                f"{cost.change:.2g} (root mean square over {cost.groups} groups)."
            ),
        ),
        fact("Output", "One logit, the log-odds of ALL; the probability is that of Calibration."),
        recorded(
            training.engine_logit_difference,
            "Exported engine",
            lambda gap: f"Differs from the trained Keras model by at most {gap:.2g} in logit.",
        ),
    ]


def _framed(config: RunConfig, geometry: Geometry) -> str:
    """What of an image the network sees, before it is made smaller."""
    if config.sees_whole_images:
        return f"The whole image, its longer side made {geometry.window} pixels, the rest black"
    return f"The middle {geometry.window} x {geometry.window} pixels"


def training(context: CardContext) -> list[Item]:
    """The training, its settings and its versions."""
    if adoption := context.run.adoption:
        return [*adopted.training(context, adoption), *_environment(context.metrics)]
    training = context.metrics.training
    settings = context.config.to_json()
    settings["dataset"] = context.dataset.name  # not its path on this machine
    rows = [(name, _plain(value)) for name, value in settings.items()]
    length = f"{training.epochs} epochs; the weights of epoch {training.kept_epoch} were kept"
    length += (
        ", the one of lowest validation cross-entropy."
        if context.config.keep == "best"
        else ", the last."
    )
    speed = f"{training.seconds:,.0f} s, {training.images_per_second:,.0f} images a second"
    balance = {
        "none": "Left as they are.",
        "weights": "Weights in the loss make both classes count the same.",
        "sampling": "As many cells of each class an epoch.",
    }
    imbalance = balance.get(context.config.class_balance, context.config.class_balance)
    return [
        fact("Length and choice of weights", length),
        fact("Class imbalance", imbalance),
        fact("Learning rate", f"{training.learning_rate:g}, {context.config.schedule}."),
        fact("Cost", f"{speed}, in {training.precision}."),
        table("Every setting", ("Setting", "Value"), rows),
        *_environment(context.metrics),
    ]


def _plain(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _environment(metrics: RunMetrics) -> list[Item]:
    environment, training = metrics.environment, metrics.training
    if environment is None:
        trained_with = (("tensorflow", training.tensorflow), ("keras", training.keras))
        versions = ", ".join(f"{name} {version}" for name, version in trained_with if version)
        return [
            gap("Hardware", "This run did not record it.", RETRAIN),
            gap(
                "Versions",
                f"Only {versions or 'nothing'} was recorded; Python, OpenVINO and NumPy were not.",
                RETRAIN,
            ),
        ]
    values = {
        name: "unknown" if value is None else value for name, value in environment.to_json().items()
    }
    packages = {"Python": environment.python, **environment.packages}
    machine = (
        f"{values['processor']}; {values['cores']} cores; {values['memory_gib']} GiB of memory"
    )
    devices = "; ".join(f"{work}: {device}" for work, device in training.devices.items())
    return [
        fact("Hardware", f"{machine}; {values['system']}"),
        *([fact("Devices", devices)] if devices else []),
        fact(
            "Versions",
            ", ".join(f"{name} {version or 'unknown'}" for name, version in packages.items()),
        ),
    ]
