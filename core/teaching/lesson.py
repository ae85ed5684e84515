"""A lesson: whether decided cells are enough to teach a model with, and the run that does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data import datasets, splits
from core.data.layouts.layout import LABELS
from core.metrics import bootstrap
from core.models import catalog, weights
from core.people import TRAIN, Person
from core.report.card import texts
from core.runs import about, config, run_store
from core.runs.config import MIN_SAMPLE, RunConfig
from core.runs.run_store import Run
from core.teaching import backbone, dataset
from core.teaching.decided import Decided
from core.workers import launcher

# Frozen backbones with ImageNet weights in order of preference, see docs/honest-numbers.md, and the
# network that is trained where there is neither one nor a model whose features can be used.
FROZEN = ("efficientnet-lite0-size", "densenet-121", "efficientnet-v2-b0")
DEFAULT = "colour-bands"
# About the weight updates of the shipped model. Small batches give them in fewer epochs.
STEPS, BATCH = 800, 16
MOST_EPOCHS = 100
FOR_INTERVAL = int(np.ceil(bootstrap.MIN_GROUPS / splits.FRACTIONS[-1]))


@dataclass(frozen=True)
class Need:
    """How many there are of something and how many are needed, and what for.

    required: nothing can be trained without; else the result says less.
    """

    what: str
    have: int
    need: int
    why: str
    required: bool = True

    @property
    def met(self) -> bool:
        """Whether there are enough."""
        return self.have >= self.need

    @property
    def sentence(self) -> str:
        """The need in words."""
        return f"{self.have} of {self.need} {self.what}: {self.why}."


def needs(decided: Decided) -> list[Need]:
    """What a training on these cells needs, the required first."""
    labels, groups = decided.labels, decided.groups
    found = [
        Need("decided cells", len(labels), MIN_SAMPLE, "the fewest that a training takes"),
    ]
    patients = {name: len(np.unique(groups[labels == y])) for name, y in LABELS.items()}
    for name, number in patients.items():
        why = "one in each of training, validation and test, which no patient is to cross"
        found.append(Need(f"patients with {name} cells", number, len(splits.PARTS), why))
    for name, number in patients.items():
        why = (
            f"{splits.FRACTIONS[-1]:.0%} of them test the model, and an interval takes "
            f"{bootstrap.MIN_GROUPS} patients of each class"
        )
        found.append(Need(f"patients with {name} cells", number, FOR_INTERVAL, why, required=False))
    return found


def hindrances(found: Sequence[Need]) -> list[str]:
    """Why nothing can be trained yet, each in a sentence; [] if it can."""
    return [need.sentence for need in found if need.required and not need.met]


def architecture(active: Run | None) -> str:
    """What is trained on this machine, where the `active` run reads.

    A frozen backbone whose ImageNet weights are here, else one that gives the features of the
    active run, which is made if need be, else the default network.
    """
    key = _with_weights()
    if key is None and active is not None and backbone.usable(active):
        return backbone.of_run(active)
    return key or DEFAULT


def method(active: Run | None) -> str:
    """What a lesson trains on this machine, and why that, in a sentence."""
    key = _with_weights()
    if key is not None:
        title = catalog.architecture(key).title
        return f"Trains {title}: its ImageNet weights are on this machine."
    if active is not None and backbone.usable(active):
        return f"Trains a head on the features of {about.called(active)}, which reads now."
    title = catalog.architecture(DEFAULT).title
    return f"Trains {title} anew: there are no features on this machine that it could learn on."


def _with_weights() -> str | None:
    for key in FROZEN:
        if weights.find(catalog.architecture(key)) is not None:
            return key
    return None


def configure(root: Path, cells: int, active: Run | None, **settings: config.Setting) -> RunConfig:
    """The configuration of a run on a data set of so many decided cells; see `architecture`.

    The recipe is the recommended one; few cells make short epochs, so there are more of them.
    Raises `ConfigError` for a wrong setting.
    """
    key = str(settings.pop("architecture", None) or architecture(active))
    steps = max(1, round(cells * splits.FRACTIONS[0] / BATCH))
    epochs = int(np.clip(round(STEPS / steps), config.EPOCHS, MOST_EPOCHS))
    usual = {"epochs": epochs, "batch_size": BATCH}
    return config.create(key, root, "recommended", **usual | settings)


def start(person: Person, wanted: RunConfig) -> Run:
    """Makes a run of it and starts its worker, as that of any training.

    Its card tells where the cells come from; whoever knows more can write that instead.
    """
    person.require(TRAIN)
    config.require_inputs(wanted)
    run = run_store.create(wanted)
    if (taught := dataset.about(datasets.resolve(wanted.dataset))) is not None:
        for field, text in taught.card_texts().items():
            texts.write(run, field, text)
    launcher.launch(run)
    return run
