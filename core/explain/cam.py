"""Class activation maps: where in a cell the evidence for a call lies.

Grad-CAM after Selvaraju et al. 2017, equations 1 and 2, taken on the logit and not on the
probability: a saturated sigmoid has no gradient left to explain.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HeatMap:
    """Evidence for one call at feature-map resolution.

    values: float32 (h, w), 0..1; its maximum is 1, or everything is 0 where `has_evidence` is
    False: then no position speaks for the call, and there is nothing to scale.
    """

    values: np.ndarray
    has_evidence: bool


def grad_cam(features: np.ndarray, gradient: np.ndarray, call: str) -> HeatMap:
    """Grad-CAM of one image for "ALL" or "HEM".

    `features` and `gradient` are float (h, w, c), the gradient being that of the logit for ALL;
    evidence for HEM is evidence for the negative of that logit. Raises `KeyError` for another call.
    """
    channel_weights = {"ALL": 1.0, "HEM": -1.0}[call] * gradient.mean(axis=(0, 1))
    evidence = np.maximum(features @ channel_weights, 0).astype(np.float32)
    peak = float(evidence.max())
    if not np.isfinite(peak) or peak <= np.finfo(np.float32).tiny:
        return HeatMap(np.zeros_like(evidence), has_evidence=False)
    return HeatMap(evidence / peak, has_evidence=True)
