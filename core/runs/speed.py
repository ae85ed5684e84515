"""How fast this machine trains an architecture: a short probe, a job whose folder keeps the result.

The folder is named after the machine and all that the speed depends on.
"""

import platform
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated

from pydantic import Field

from core import storage
from core.data.indexing import digest
from core.documents import Document
from core.errors import RunError
from core.jobs.job import Job, Status
from core.models import catalog, device
from core.runs.config import RunConfig
from core.settings import settings
from core.untrusted.fields import Instant, Seconds

VERSION = "1"  # of what the probe does
Rate = Annotated[float, Field(gt=0, le=1e15)]  # a second


class TrainingSpeed(Document):
    """What a training of an architecture takes here.

    start_seconds: from the start of the worker to its first usual step, and the export at the end.
    images_per_second: of the steps of an epoch, validation included. features_per_second: of the
    frozen backbone, None without one. cells_per_second: of decoding, measuring and reading each
    cell once. at: Unix time of the probe.
    """

    start_seconds: Seconds
    images_per_second: Rate
    features_per_second: Rate | None = None
    cells_per_second: Rate
    at: Instant


@dataclass(frozen=True)
class SpeedProbe(Job):
    """The probe of one architecture."""

    KIND = "probe"
    REQUEST = "config.json"
    DOING = "measuring this architecture"

    @property
    def config(self) -> RunConfig:
        """What is trained for it."""
        return RunConfig.read(self.path / self.REQUEST)

    @property
    def speed(self) -> TrainingSpeed | None:
        """The result; None before, or if the file is damaged."""
        try:
            return TrainingSpeed.read(self.path / "speed.json")
        except RunError:
            return None

    def _first_status(self) -> Status:
        return Status(phase="starting")


def probe_of(config: RunConfig) -> SpeedProbe:
    """The probe whose result holds for a configuration on this machine; it may not have run."""
    depends = [config.architecture, str(config.batch_size), config.precision]
    machine = [platform.node(), str(settings().cores), device.chosen(), metadata.version("keras")]
    return SpeedProbe(storage.speed_dir(digest([*depends, *machine, VERSION])))


def prepare(config: RunConfig) -> SpeedProbe:
    """As `probe_of`, ready to be started: two epochs of the configuration on random weights."""
    probe, entry = probe_of(config), catalog.architecture(config.architecture)
    if probe.deleted:
        changes: dict[str, object] = {"epochs": 2, "views": 1, "folds": 0, "fold": 0}
        changes |= {"fine_tune_blocks": 0, "fine_tune_epochs": 0, "fine_tune_rate": None}
        changes |= {"patience": None, "seed": 0, "class_balance": "none"}
        if not entry.own:
            changes["weights"] = "random"
        config.replace(**changes).write(probe.path / probe.REQUEST)
    return probe
