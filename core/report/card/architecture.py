"""Sections of a model card on the network and its training."""

from typing import Any

from core.report.card.items import RETRAIN, CardContext, Item, fact, gap, recorded, table
from core.runs.metrics import RunMetrics

_ORIGINAL = "original study's scaling, which is not what this network was made for"


def model(facts: CardContext) -> list[Item]:
    """The network and its weights."""
    entry, asked, training = facts.entry, facts.config, facts.measured.training
    geometry = facts.run.geometry
    scaling = "as its network was made for"
    if asked.pixels == "original-study" and entry.study_pixels:
        scaling = f"in the {_ORIGINAL}"
    origin = "Random; every weight was trained here."
    if entry.pretrained is not None and asked.weights == "imagenet":
        file = entry.pretrained
        origin = f"ImageNet weights as Keras publishes them ({file.file}, MD5 {file.md5})."
        if not asked.fine_tune_blocks:
            origin += " The backbone stayed as it was; the head was trained here."
    elif entry.pretrained is not None:
        origin = "Random, by choice: this backbone was not pretrained."
    return [
        fact("Architecture", f"{entry.title} ({entry.key}): {entry.source}"),
        fact("Parameters", f"{training.parameters:,}"),
        fact("Origin of the weights", origin),
        fact(
            "Preprocessing",
            f"The middle {geometry.window} x {geometry.window} pixels, area-averaged to "
            f"{geometry.size} x {geometry.size}, RGB, scaled {scaling}.",
        ),
        fact("Output", "One logit, the log-odds of ALL; the probability is that of Calibration."),
        recorded(
            training.engine_logit_difference,
            "Exported engine",
            lambda gap: f"Differs from the trained Keras model by at most {gap:.2g} in logit.",
        ),
    ]


def training(facts: CardContext) -> list[Item]:
    """How it was trained, on what, and with which versions."""
    training = facts.measured.training
    settings = facts.config.to_json()
    settings["dataset"] = facts.dataset.name  # its path is of one machine
    rows = [(name, _plain(value)) for name, value in settings.items()]
    kept = f"{training.epochs} epochs; the weights of epoch {training.kept_epoch} were kept"
    kept += (
        ", the one of lowest validation cross-entropy."
        if facts.config.keep == "best"
        else ", the last."
    )
    speed = f"{training.seconds:,.0f} s, {training.images_per_second:,.0f} images a second"
    balance = {
        "none": "Left as they are.",
        "weights": "Weights in the loss make both classes count the same.",
        "sampling": "As many cells of each class an epoch.",
    }
    imbalance = balance.get(facts.config.class_balance, facts.config.class_balance)
    return [
        fact("Length and choice of weights", kept),
        fact("Class imbalance", imbalance),
        fact("Learning rate", f"{training.learning_rate:g}, {facts.config.schedule}."),
        fact("Cost", f"{speed}, in {training.precision}."),
        table("Every setting", ("Setting", "Value"), rows),
        *_environment(facts.measured),
    ]


def _plain(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _environment(measured: RunMetrics) -> list[Item]:
    environment, training = measured.environment, measured.training
    if environment is None:
        recorded = (("tensorflow", training.tensorflow), ("keras", training.keras))
        versions = ", ".join(f"{name} {version}" for name, version in recorded if version)
        return [
            gap("Hardware", "This run did not record it.", RETRAIN),
            gap(
                "Versions",
                f"Only {versions or 'nothing'} was recorded; Python, OpenVINO and NumPy were not.",
                RETRAIN,
            ),
        ]
    known = {
        name: "unknown" if value is None else value for name, value in environment.to_json().items()
    }
    packages = {"Python": environment.python, **environment.packages}
    machine = f"{known['processor']}; {known['cores']} cores; {known['memory_gib']} GiB of memory"
    return [
        fact("Hardware", f"{machine}; {known['system']}"),
        fact(
            "Versions",
            ", ".join(f"{name} {version or 'unknown'}" for name, version in packages.items()),
        ),
    ]
