"""Which heat map suits a network. Its head decides, and each architecture names its head."""

from dataclasses import dataclass

from core.explain.cam_methods import METHODS
from core.explain.occlusion import Occlusion
from core.models import catalog


@dataclass(frozen=True)
class SuitedMethod:
    """The method that suits a head.

    method: a key of `METHODS`. why: the reason, as the end of a sentence. caution: why maps of such
    networks often fail, in a sentence; "" if nothing speaks against them beforehand.
    """

    method: str
    why: str
    caution: str = ""

    @property
    def title(self) -> str:
        """The method's name."""
        return METHODS[self.method].title

    def sentence(self, used: str) -> str:
        """Why a map is drawn by the method `used`, which is this one or one that a user chose."""
        if used == self.method:
            return f"Drawn by {self.title}: {self.why}."
        if used == Occlusion.key:  # whether the features of the network have places or not
            return (
                f"Drawn by {Occlusion.title}, as chosen: parts of the picture are covered one by "
                "one, and the evidence lies where the model then misses most. Its checks cover "
                "parts, too, so passing them says less of this map than of another."
            )
        return f"Drawn by {METHODS[used].title}, as chosen. {self.title} suits it: {self.why}."


# The head averages the features and is linear in them: the gradient is the weight of a channel, the
# same everywhere, and Grad-CAM is the class activation map of Zhou et al. 2016.
_LINEAR = SuitedMethod(
    "grad-cam", "this network adds up the evidence of all places, so the map is the decision itself"
)
# By the heads of `core.models.builders`.
_BY_HEAD = {
    "averaged": _LINEAR,
    "linear": _LINEAR,
    # The gradient is the same at all places, as above, so HiResCAM draws the same map.
    "pooled": SuitedMethod(
        "grad-cam",
        "this network averages its features; a hidden layer makes the map right to first order "
        "only",
    ),
    "flat": SuitedMethod(
        "hires-cam",
        "this network weighs each place on its own; a hidden layer makes the map right to first "
        "order only",
        "Maps of such networks often fail: weights by position cannot be averaged by channel, and "
        "on images that are mostly black the rim of the cell against the black is the strongest "
        "evidence.",
    ),
}

# HiResCAM is right to first order behind any feature map, and is the class activation map where the
# head averages.
_BY_HEAD["adopted"] = SuitedMethod(
    "hires-cam",
    "this network was trained elsewhere, and HiResCAM is right to first order for any head",
)


def suited(architecture: str) -> SuitedMethod:
    """The method that suits an architecture of the catalogue.

    A run, old or imported, has its architecture in config.json. One that the catalogue lacks is not
    opened, so no method is guessed. Raises `ConfigError` for it.
    """
    return _BY_HEAD[catalog.architecture(architecture).head]
