"""The methods that draw heat maps. To add one, write a class and add it to `METHODS`.

In the formulas A is the feature map (h, w, c), g the derivative of the score by it, and the score
is the logit for ALL, its negative for HEM.
"""

from typing import ClassVar

import numpy as np

from core.errors import ConfigError
from core.explain.heat_map import HeatMapMethod, View
from core.explain.occlusion import Occlusion

BATCH = 32  # feature maps or images that head or engine get at once


class GradCam(HeatMapMethod):
    """The weight of a channel is its mean gradient (equations 1 and 2)."""

    key, title = "grad-cam", "Grad-CAM"
    paper = "Selvaraju et al. 2017, arXiv:1610.02391"

    def evidence(self, view: View, sign: float) -> np.ndarray:
        """The sum over channels of mean(g) A."""
        return np.asarray(view.features @ (sign * view.gradient.mean(axis=(0, 1))))


class GradCamPlusPlus(HeatMapMethod):
    """Channels are weighted by their positive gradients, positions by alpha.

    Equation 19 of the paper for a score that passes through an exponential. Its value is a factor
    of all derivatives and cancels in the position weights, so it is left out.
    """

    key, title = "grad-cam++", "Grad-CAM++"
    paper = "Chattopadhay et al. 2018, arXiv:1710.11063"

    def evidence(self, view: View, sign: float) -> np.ndarray:
        """The sum over channels of A times the sum over positions of alpha relu(g)."""
        features, gradient = view.features.astype(float), sign * view.gradient.astype(float)
        below = 2 + gradient * features.sum(axis=(0, 1))
        alpha = np.divide(
            1.0, below, out=np.zeros_like(below), where=(gradient != 0) & (below != 0)
        )
        total = alpha.sum(axis=(0, 1))
        alpha /= np.where(total == 0, 1, total)
        return np.asarray(features @ (alpha * np.maximum(gradient, 0)).sum(axis=(0, 1)))


class HiResCam(HeatMapMethod):
    """Gradient times feature, position by position: exact for one linear layer on the features."""

    key, title = "hires-cam", "HiResCAM"
    paper = "Draelos and Carin 2020, arXiv:2011.08891"

    def evidence(self, view: View, sign: float) -> np.ndarray:
        """The sum over channels of g A."""
        return np.asarray(sign * (view.gradient * view.features).sum(axis=2))


class LayerCam(HeatMapMethod):
    """As HiResCAM, of positive gradients only (equation 5)."""

    key, title = "layer-cam", "LayerCAM"
    paper = "Jiang et al. 2021, doi:10.1109/TIP.2021.3089943"

    def evidence(self, view: View, sign: float) -> np.ndarray:
        """The sum over channels of relu(g) A."""
        return np.asarray((np.maximum(sign * view.gradient, 0) * view.features).sum(axis=2))


class EigenCam(HeatMapMethod):
    """The first principal component of the features, not centred.

    It is the same for either call: it shows what the backbone responds to, whatever the head does.
    """

    key, title = "eigen-cam", "Eigen-CAM"
    paper = "Muhammad and Yeasin 2020, arXiv:2008.00299"

    def evidence(self, view: View, sign: float) -> np.ndarray:
        """A times its first right singular vector, whose sign makes the map's sum positive."""
        h, w, c = view.features.shape
        flat = view.features.reshape(h * w, c).astype(float)
        # The smaller of the two Gram matrices: as many rows as positions, or as channels.
        if h * w <= c:
            values, vectors = np.linalg.eigh(flat @ flat.T)
            projection = vectors[:, -1] * np.sqrt(max(values[-1], 0.0))
        else:
            projection = flat @ np.linalg.eigh(flat.T @ flat)[1][:, -1]
        sign_of_sum = 1 if projection.sum() >= 0 else -1
        return np.asarray(projection * sign_of_sum).reshape(h, w)


class ScoreCam(HeatMapMethod):
    """The weight of a channel is the probability of the call for the image masked by that channel.

    `channels`: how many are tried, those of the largest deviation first (as in Faster Score-CAM;
    one forward pass each); None tries all, as the paper does.
    """

    key, title = "score-cam", "Score-CAM"
    paper = "Wang et al. 2020, arXiv:1910.01279"
    CHANNELS: ClassVar[int] = 32

    def __init__(self, channels: int | None = CHANNELS) -> None:
        """Raises `ConfigError` if `channels` is below 1."""
        if channels is not None and channels < 1:
            raise ConfigError(f"Score-CAM needs at least 1 channel to try, not {channels}.")
        self.channels = channels

    def evidence(self, view: View, sign: float) -> np.ndarray:
        """The sum over channels of P(call | image times upsampled, min-max scaled channel) A."""
        channels = np.argsort(-view.features.std(axis=(0, 1)), kind="stable")[: self.channels]
        features = view.features[:, :, channels]
        weights = np.concatenate(
            [
                self._probabilities(view, features[:, :, start : start + BATCH], sign)
                for start in range(0, features.shape[2], BATCH)
            ]
        )
        return np.asarray(features @ weights)

    def _probabilities(self, view: View, features: np.ndarray, sign: float) -> np.ndarray:
        side = view.pixels.shape[0]
        rows, columns = (_linear(length, side) for length in features.shape[:2])
        masks = np.einsum("Yy,yxc,Xx->cYX", rows, features, columns, optimize=True)
        masks -= masks.min(axis=(1, 2), keepdims=True)
        masks /= masks.max(axis=(1, 2), keepdims=True) + 1e-7
        masked = (view.pixels * masks[:, :, :, None]).astype(np.float32)
        logit = view.head(view.engine.features(masked)).logit.astype(float)
        return np.asarray(np.exp(-np.logaddexp(0, -sign * logit)))


class AblationCam(HeatMapMethod):
    """The weight of a channel is the fall of the score without it; needs the head only.

    The paper's division by the score is left out: it scales all channels alike, and would invert
    the map if the score is negative.
    """

    key, title = "ablation-cam", "Ablation-CAM"
    paper = "Desai and Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360"

    def evidence(self, view: View, sign: float) -> np.ndarray:
        """The sum over channels of (score - score without the channel) A."""
        channels = view.features.shape[2]
        falls = np.empty(channels)
        for start in range(0, channels, BATCH):
            removed = np.arange(start, min(start + BATCH, channels))
            ablated = np.repeat(view.features[None], len(removed), axis=0)
            ablated[np.arange(len(removed)), :, :, removed] = 0
            falls[removed] = view.logit - view.head(ablated).logit.astype(float)
        return np.asarray(view.features @ (sign * falls))


def _linear(size: int, target: int) -> np.ndarray:
    """The matrix (target, size) of a linear interpolation that keeps the end points."""
    places = np.linspace(0, size - 1, target)
    weights: np.ndarray = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size)))
    return weights


_ALL = (GradCam, GradCamPlusPlus, HiResCam, LayerCam, EigenCam, ScoreCam, AblationCam, Occlusion)
METHODS: dict[str, type[HeatMapMethod]] = {method.key: method for method in _ALL}


def method(key: str) -> HeatMapMethod:
    """The method of a key of `METHODS`. Raises `ConfigError` if it is unknown."""
    try:
        return METHODS[key]()
    except KeyError:
        raise ConfigError(f"The heat map is {key!r}; it can be {', '.join(METHODS)}.") from None
