"""The description of an architecture; `core.models.catalog` has all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.data.geometry import Geometry


@dataclass(frozen=True)
class Pretrained:
    """ImageNet weights: without the top, as Keras publishes them, or as a package brings them.

    folder is the path below Keras's public weights, md5 the digest that Keras checks. Where
    `module` names the module of a package, folder is the path within it.
    """

    file: str
    folder: str
    md5: str
    mebibytes: int
    module: str = ""

    @property
    def publisher(self) -> str:
        """Whose file it is, after "ImageNet weights"."""
        if self.module:
            return f"of the package {self.module.replace('_', '-')}"
        return "as Keras publishes them"

    @property
    def url(self) -> str:
        """Where Keras downloads its file from."""
        return f"https://storage.googleapis.com/{self.folder}/{self.file}"


@dataclass(frozen=True)
class Architecture:
    """A design: a backbone (image to feature map) and a head (feature map to one logit).

    `backbone` and `head` name functions of `core.models.builders`; the options are their keyword
    arguments. `learning_rate` is Adam's. `study_pixels` names the pixel scaling of the original
    study, if it differs from the architecture's own; `study` has the settings of its recipe for
    this architecture. `blocks` are the name prefixes of a pretrained
    backbone's blocks that fine-tuning can open, the top one first. `additivity` is the weight of
    the loss by which the evidence of its places learns to add up (`core.training.covering`); it
    needs the head "linear" and a backbone with the layer of `core.training.whitening`.
    `black_background`: whether it finds the cell by what is not black. `own`: whether its backbone
    is a graph that the user brings (`core.models.own_backbone`).
    """

    key: str
    title: str
    backbone: str
    head: str
    learning_rate: float
    source: str
    backbone_options: Mapping[str, Any] = field(default_factory=dict)
    head_options: Mapping[str, Any] = field(default_factory=dict)
    pretrained: Pretrained | None = None
    study_pixels: str = ""
    study: Mapping[str, Any] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()
    geometry: Geometry = field(default_factory=Geometry)
    additivity: float = 0.0
    black_background: bool = False
    own: bool = False
