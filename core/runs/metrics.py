"""Measurements of a run: metrics.json."""

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from core.data.splits import SplitAudit
from core.documents import Document, Section
from core.errors import RunError
from core.metrics.estimate import Estimate
from core.untrusted.fields import Amount, Count, Line, Message, Seconds, Share

Rate = Share


def _rising(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] > interval[1]:
        raise ValueError(f"its lower end {interval[0]:g} lies above its upper end {interval[1]:g}")
    return interval


Interval = Annotated[tuple[Rate, Rate], AfterValidator(_rising)]


class DatasetFacts(Section):
    """The data set that a run was trained on; None where an older version did not record it.

    classes: the label of each of the publisher's classes, None for one that is left out; None also
    where the file names give the label. rejected: files that could not be used. linked_subjects:
    groups of subjects that share images.
    """

    SPARSE: ClassVar[bool] = True

    name: Line
    synthetic: bool
    fingerprint: Line | None = None
    layout: Line | None = None
    classes: dict[Message, int | None] | None = None
    images: Count | None = None
    unlabelled: Count | None = None
    phases: dict[Message, Count] | None = None
    rejected: Count | None = None
    duplicate_pairs: Count | None = None
    linked_subjects: tuple[tuple[Message, ...], ...] | None = None


class Protocol(SplitAudit):
    """How the cells were split, and what the parts share.

    test_cells: a digest of the contents of the test cells. training_unknown: whether nobody has
    said on which patients the model was trained elsewhere, so that it counts as leaking.
    """

    split: Line | None = None
    test_cells: Line | None = None
    training_unknown: bool = False

    def with_training_unknown(self) -> "Protocol":
        """The protocol of a model that may have trained on any of the patients."""
        return self.replace(training_unknown=True, leaking=True)

    def with_training_elsewhere(self) -> "Protocol":
        """The protocol of a model not trained on these patients: the split alone counts."""
        crossing = (self.groups_crossing, self.pairs_crossing, self.unknown_subjects)
        return self.replace(training_unknown=False, leaking=any(crossing))


class Confusion(Section):
    """Counts of calls; ALL is the positive class."""

    tp: Count
    fp: Count
    fn: Count
    tn: Count


class MetricValues(Section):
    """The metrics of `classification.NAMES`.

    A metric is None where it is undefined, or where an older version did not measure it.
    """

    SPARSE: ClassVar[bool] = True

    accuracy: Rate | None = None
    balanced_accuracy: Rate | None = None
    weighted_f1: Rate | None = None
    sensitivity: Rate | None = None
    specificity: Rate | None = None
    roc_auc: Rate | None = None
    pr_auc: Rate | None = None
    brier: Rate | None = None
    ece: Rate | None = None

    def metric(self, name: str) -> float | None:
        """A metric by its name in `core.metrics.classification.NAMES`."""
        value: float | None = getattr(self, name)
        return value


class PartMetrics(MetricValues):
    """Metrics of one part of the cells, as `core.evaluation.evaluate.measure` gives them.

    always_all: the metrics of calling every cell ALL. intervals: 95 %, by metric. calls: of each
    class, how many cells are called ALL, HEM or review.
    """

    images: Count
    all: Count
    hem: Count
    groups: Count
    confusion: Confusion
    always_all: dict[Line, Rate | None]
    intervals: dict[Line, Interval | None]
    calls: dict[Line, dict[Line, Count]] | None = None

    def estimate(self, name: str) -> Estimate:
        """A metric with its interval; the file has no reason for a missing one."""
        low, high = self.intervals.get(name) or (None, None)
        return Estimate(self.metric(name), low, high)


class Training(Section):
    """Length, speed and choices of the training; None if an older version did not record it.

    kept_epoch: the epoch whose weights were kept. features_per_second: None unless features of a
    frozen backbone were computed. probed_images_per_second: by precision. engine_logit_difference:
    the largest difference between the Keras model and the exported engine. devices: what training,
    features and engine ran on, in words, each where there was some.
    """

    SPARSE: ClassVar[bool] = True

    epochs: Count = 0
    kept_epoch: Count | None = None
    seconds: Seconds | None = None
    images_per_second: Amount | None = None
    features_per_second: Amount | None = None
    parameters: Count | None = None
    learning_rate: Amount | None = None
    precision: Line | None = None
    probed_images_per_second: dict[Line, Amount] | None = None
    engine_logit_difference: Amount | None = None
    tensorflow: Line | None = None
    keras: Line | None = None
    devices: dict[Line, Message] = Field(default_factory=dict)


class Environment(Section):
    """Versions and machine of a training; None if the system does not provide it."""

    SPARSE: ClassVar[bool] = True

    python: Line | None = None
    packages: dict[Line, Line | None] = Field(default_factory=dict)
    system: Message | None = None
    processor: Message | None = None
    cores: Count | None = None
    memory_gib: Amount | None = None


class RunMetrics(Document):
    """metrics.json: data set, protocol, preprocessing, metrics by part, and training.

    preprocessing: window, size and pixels of the input. `Run.geometry` validates it, so that the
    other fields of a run with an unknown preprocessing can still be read.
    """

    SPARSE: ClassVar[bool] = True

    dataset: DatasetFacts
    protocol: Protocol
    preprocessing: Any = None
    parts: dict[Line, PartMetrics]
    training: Training
    environment: Environment | None = None

    @property
    def test(self) -> PartMetrics:
        """Metrics of the test part. Raises `RunError` if it was not measured."""
        if "test" not in self.parts:
            raise RunError(
                f"metrics.json has metrics of {', '.join(self.parts)[:100] or 'no part'}, not of "
                "test. Train or import the run again."
            )
        return self.parts["test"]

    @property
    def skill(self) -> Estimate | None:
        """ROC AUC on subjects that the model has not seen; None if that was not measured."""
        if self.protocol.leaking or "test" not in self.parts:
            return None
        return self.test.estimate("roc_auc")
