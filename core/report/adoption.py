"""A model that was trained elsewhere, in words: where it is from, how it is fed, what it knows."""

from core.adoption.trial import AS_GOOD
from core.models.inputs import SCALINGS
from core.report.phrases import names
from core.runs.adoption import FORMS, MAY_HAVE_SEEN, Adoption, ContractTrial

# A wrong range shows as well as this where a model has learned nothing.
_LITTLE = 0.6
_RANGES = {
    "0..255": "0 to 255",
    "0..1": "0 to 1",
    "-1..1": "-1 to 1",
    "imagenet": "less ImageNet's mean, over its deviation",
    "imagenet-mean": "less ImageNet's mean",
}
assert set(_RANGES) == set(SCALINGS)
COLUMNS = ("Pixels", "Channels", "Blast is", "ROC AUC", "Balanced accuracy")


def origin(adoption: Adoption) -> str:
    """Which file it came in."""
    return f"{adoption.file}, a {FORMS[adoption.form].title}; SHA-256 {adoption.sha256}"


def training(adoption: Adoption) -> str:
    """What is known of the patients that it was trained on."""
    if adoption.statement is None:
        return (
            f"Nobody has said what it was trained on: {MAY_HAVE_SEEN}, so that every number may be "
            "too good."
        )
    return f"By statement of its user, not on these patients: {adoption.statement}"


def feeding(adoption: Adoption) -> str:
    """How pixels enter it and what its outputs mean, as chosen or found."""
    chosen, wanted = adoption.chosen, adoption.wanted
    if chosen is None:
        return "It has not been tried yet."
    told = [wanted.pixels, wanted.channels, wanted.positive or wanted.negative]
    how = "as its user said" if all(told) else f"found on {adoption.cells:,} labelled cells"
    return (
        f"Pixels {_RANGES[chosen.pixels]}, {chosen.channels.upper()}; a blast is "
        f"{meaning(adoption, chosen)}: {how}. {certainty(adoption)}"
    ).strip()


def meaning(adoption: Adoption, trial: ContractTrial) -> str:
    """What of its outputs means a blast."""
    if adoption.outputs == 1:
        end = "upper" if 1 in trial.positive else "lower"
        return f"the {end} end of its output"
    return f"output {names([str(n) for n in trial.positive])} of {adoption.outputs}"


def certainty(adoption: Adoption) -> str:
    """How surely the way to feed it was found; "" if it was told or nothing speaks against it."""
    chosen = adoption.chosen
    if chosen is None or adoption.wanted.pixels:
        return ""
    if (chosen.roc_auc or 0) < _LITTLE:
        return (
            "Fed in none of these ways does it tell blasts from other cells: it may be fed "
            "wrongly, or may not know such cells."
        )
    rivals = {
        _RANGES[trial.pixels]: None
        for trial in adoption.trials
        if trial.pixels != chosen.pixels and _alike(trial, chosen)
    }
    if not rivals:
        return ""
    return (
        f"It does about as well with pixels {names(list(rivals))}: which of them it was trained "
        "with is not certain."
    )


def _alike(trial: ContractTrial, chosen: ContractTrial) -> bool:
    ranked = (trial.roc_auc or 0) >= (chosen.roc_auc or 0) - AS_GOOD
    called = (trial.balanced_accuracy or 0) >= (chosen.balanced_accuracy or 0) - AS_GOOD
    return ranked and called


def rows(adoption: Adoption) -> list[tuple[str, ...]]:
    """The trials as rows of `COLUMNS`, the best first, the chosen one marked."""
    return [
        (
            _RANGES[trial.pixels] + (" (chosen)" if trial == adoption.chosen else ""),
            trial.channels.upper(),
            meaning(adoption, trial),
            _number(trial.roc_auc),
            _number(trial.balanced_accuracy),
        )
        for trial in adoption.trials
    ]


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
