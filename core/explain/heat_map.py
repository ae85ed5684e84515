"""Heat maps: where in a cell the evidence for a call lies. `cam_methods.py` has the methods."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from core.errors import ModelError
from core.models.engine import EngineOutput
from core.models.head import HeadOutput

SIGNS = {"ALL": 1.0, "HEM": -1.0}


class ExplainableHead(Protocol):
    """Feature maps (N, h, w, c) to logit (N,) and gradient (N, h, w, c)."""

    def __call__(self, features: np.ndarray) -> HeadOutput:
        """Reads feature maps."""


class ExplainableEngine(Protocol):
    """The part of `core.models.engine.Engine` that heat maps need."""

    def __call__(self, pixels: np.ndarray) -> EngineOutput:
        """Reads uint8 (N, S, S, 3)."""

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Logits (N,) of uint8 (N, S, S, 3)."""

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """Features (N, h, w, c) of float32 (N, S, S, 3), 0..255."""

    @property
    def head(self) -> ExplainableHead:
        """The engine's own head."""

    @property
    def shuffled_heads(self) -> tuple[ExplainableHead, ...]:
        """Heads of the same size that have learned nothing."""


@dataclass(frozen=True)
class HeatMap:
    """Evidence for one call at feature-map resolution.

    values: float32 (h, w), 0..1; the maximum is 1. If no position speaks for the call, or there is
    only one, `has_evidence` is False and all values are 0.
    """

    values: np.ndarray
    has_evidence: bool

    @property
    def has_places(self) -> bool:
        """Whether there is more than one position, so that a map can be seen."""
        return self.values.size > 1


def scaled(evidence: np.ndarray) -> HeatMap:
    """Scales evidence (h, w), which is negative where it speaks against the call, to a heat map."""
    positive = np.maximum(evidence, 0).astype(np.float32)
    peak = float(positive.max())
    if positive.size == 1 or not np.isfinite(peak) or peak <= np.finfo(np.float32).tiny:
        return HeatMap(np.zeros_like(positive), has_evidence=False)
    return HeatMap(positive / peak, has_evidence=True)


@dataclass(frozen=True)
class View:
    """One image and the output of the engine for it.

    pixels: uint8 (S, S, 3), the input. features: float (h, w, c). gradient: float (h, w, c), the
    derivative of logit, the log-odds of ALL, by the features. `engine` computes features of other
    images. `other_head` is the head of logit and gradient, if that is not the engine's own.
    """

    pixels: np.ndarray
    features: np.ndarray
    gradient: np.ndarray
    logit: float
    engine: ExplainableEngine
    other_head: ExplainableHead | None = None

    @property
    def head(self) -> ExplainableHead:
        """The head of logit and gradient; the engine's own is compiled on first use."""
        return self.other_head or self.engine.head

    def under(self, head: ExplainableHead) -> "View":
        """The same image and features, judged by another head."""
        output = head(self.features[None])
        logit = float(output.logit[0])
        return replace(self, gradient=output.gradient[0], logit=logit, other_head=head)


def views(engine: ExplainableEngine, pixels: np.ndarray) -> list[View]:
    """The view of each image, uint8 (N, S, S, 3), by one call of the engine."""
    output = engine(pixels)
    return [
        View(image, features, gradient, float(logit), engine)
        for image, features, gradient, logit in zip(
            pixels, output.features, output.gradient, output.logit, strict=True
        )
    ]


class HeatMapMethod(ABC):
    """One way to draw a heat map. A method overrides `evidence` and nothing else."""

    key: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]

    def __call__(self, view: View, call: str) -> HeatMap:
        """The evidence for the call "ALL" or "HEM".

        Evidence for HEM is evidence for the negative of the logit. The logit is explained, not the
        probability, because the gradient of a saturated sigmoid vanishes. If a number is not
        finite, there is no evidence. Raises `KeyError` for another call and `ModelError` if
        features and gradient have different shapes.
        """
        sign = SIGNS[call]
        if view.features.ndim != 3 or view.features.shape != view.gradient.shape:
            raise ModelError(
                f"Features {view.features.shape} and gradient {view.gradient.shape} must both be "
                "(h, w, c), and of one image. Train the run again."
            )
        if not (np.isfinite(view.features).all() and np.isfinite(view.gradient).all()):
            return scaled(np.zeros(view.features.shape[:2]))
        return scaled(self.evidence(view, sign))

    @abstractmethod
    def evidence(self, view: View, sign: float) -> np.ndarray:
        """Evidence at each position, float (h, w), of any scale; negative is against the call.

        The score to explain is `sign` times the logit: 1 for ALL, -1 for HEM. Features and
        gradient are finite and of one shape.
        """
