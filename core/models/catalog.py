"""The architectures, as data. To add one: an entry here and its builder in `builders.py`.

No TensorFlow here: pages and the command line read this catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.data.images import Geometry
from core.errors import ConfigError

# Whose pixel scaling a classifier gets: what its backbone was made for, or what the study used.
PIXELS = ("own", "original-study")


@dataclass(frozen=True)
class Pretrained:
    """ImageNet weights without the top: the file Keras publishes and where its name is known."""

    file: str
    mebibytes: int


@dataclass(frozen=True)
class Architecture:
    """A design: a backbone (image to feature map) and a head (feature map to one logit).

    `backbone` and `head` name functions of `core.models.builders`; the options are their keyword
    arguments. `learning_rate` is Adam's. `study_pixels` names the pixel scaling that the original
    study fed it with, where that differs from the architecture's own.
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
    geometry: Geometry = field(default_factory=Geometry)


_STUDY = "the original study of five networks on 1,000 C-NMC images"

ARCHITECTURES = {
    entry.key: entry
    for entry in (
        Architecture(
            key="cnn-32",
            title="CNN-32",
            backbone="cnn",
            backbone_options={"filters": 32},
            head="flat",
            head_options={"units": 128},
            learning_rate=1e-3,
            source=_STUDY,
        ),
        Architecture(
            key="cnn-16",
            title="CNN-16",
            backbone="cnn",
            backbone_options={"filters": 16},
            head="flat",
            head_options={"units": 128},
            learning_rate=1e-3,
            source=_STUDY,
        ),
        Architecture(
            key="cnn-dropout",
            title="CNN with dropout",
            backbone="cnn_with_dropout",
            head="flat",
            head_options={"units": 64},
            learning_rate=1e-4,
            source=_STUDY,
        ),
        Architecture(
            key="vgg16",
            title="VGG16, frozen",
            backbone="imagenet",
            backbone_options={"application": "VGG16", "pixels": "caffe"},
            head="pooled",
            learning_rate=1e-3,
            source=f"Simonyan and Zisserman 2015; {_STUDY}",
            pretrained=Pretrained("vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", 56),
            study_pixels="unit",
        ),
        Architecture(
            key="efficientnet-b3",
            title="EfficientNetB3, frozen",
            backbone="imagenet",
            backbone_options={"application": "EfficientNetB3", "pixels": "raw"},
            head="pooled",
            head_options={"batch_normalisation": True},
            learning_rate=1e-3,
            source=f"Tan and Le 2019; {_STUDY}",
            pretrained=Pretrained("efficientnetb3_notop.h5", 41),
            study_pixels="unit",
        ),
        Architecture(
            key="densenet-121",
            title="DenseNet121, frozen",
            backbone="imagenet",
            backbone_options={"application": "DenseNet121", "pixels": "torch"},
            head="pooled",
            learning_rate=1e-3,
            source="Huang et al. 2017",
            pretrained=Pretrained("densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5", 28),
        ),
    )
}


def architecture(key: str) -> Architecture:
    """The entry of that key. Raises `ConfigError` naming those there are."""
    try:
        return ARCHITECTURES[key]
    except KeyError:
        raise ConfigError(
            f"architecture is {key!r}; it can be {', '.join(ARCHITECTURES)}."
        ) from None
