"""The same maps as tf-keras-vis, on the same Keras model, at feature-map resolution."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from core.data.geometry import fit
from core.data.images import decode
from core.explain.cam_methods import GradCam, GradCamPlusPlus, LayerCam, ScoreCam
from core.explain.heat_map import SIGNS, View, views
from core.models import catalog

SCORE_CAM_CHANNELS = 5


@pytest.fixture(scope="module", params=["cnn-16", "compact"])
def pair(request, demo_root: Path, tmp_path_factory) -> tuple:
    """A Keras model of two outputs (log-odds of HEM 0, of ALL z), and views of two cells.

    tf-keras-vis puts Score-CAM's outputs through a softmax, which makes 1 of a single output; of
    these two it makes 1 - P(ALL) and P(ALL).
    """
    import keras

    from core.models import classifier
    from core.models.conversion import to_engine
    from core.models.engine import Engine

    keras.utils.set_random_seed(3)
    entry = catalog.architecture(request.param)
    built = classifier.build(entry, weights_choice="random")
    random = np.random.default_rng(3)
    for layer in built.backbone.layers + built.head.layers:
        for weight in layer.weights:  # neither biases of 0 nor normalisation without effect
            if len(weight.shape) == 1:
                weight.assign(weight + random.uniform(0, 0.1, weight.shape))
    files = sorted(demo_root.rglob("*.bmp"))[::61]
    pixels = np.stack([fit(decode(cell), entry.geometry) for cell in files])
    # Log-odds about 0: tf-keras-vis takes their exponential, and in single precision.
    before = built.model.predict_on_batch(pixels.astype(np.float32))
    last = built.head.layers[-1]
    last.kernel.assign(last.kernel / before.std())
    last.bias.assign((last.bias - before.mean()) / before.std())
    file = tmp_path_factory.mktemp("peer") / "engine.xml"
    to_engine(built, file)
    # tf-keras-vis looks for layers at the top level: one flat graph.
    features = built.backbone.output
    logit = built.head(features)
    both = keras.layers.Concatenate()([keras.ops.zeros_like(logit), logit])
    model = keras.Model(built.backbone.inputs, both)
    return model, built.backbone.layers[-1].name, views(Engine(file), pixels)


def peers_map(name: str, pair: tuple, view: View, call: str, **options) -> np.ndarray:
    from tf_keras_vis import gradcam, gradcam_plus_plus, layercam, scorecam

    kinds = {
        "Gradcam": gradcam,
        "GradcamPlusPlus": gradcam_plus_plus,
        "Layercam": layercam,
        "Scorecam": scorecam,
    }
    model, layer, _ = pair

    def score(output):
        if name == "Scorecam":  # a probability, one image at a time
            return output[..., 1 if call == "ALL" else 0]
        return SIGNS[call] * output[..., 1]

    draw = getattr(kinds[name], name)(model, clone=False)
    pixels = view.pixels[None].astype(np.float32)
    drawn = draw(
        score,
        pixels,
        penultimate_layer=layer,
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        **options,
    )
    return np.asarray(drawn)[0]


@pytest.mark.parametrize(
    ("peer", "method", "options"),
    [
        ("Gradcam", GradCam(), {}),
        ("GradcamPlusPlus", GradCamPlusPlus(), {}),
        ("Layercam", LayerCam(), {}),
        ("Scorecam", ScoreCam(channels=None), {}),
        ("Scorecam", ScoreCam(SCORE_CAM_CHANNELS), {"max_N": SCORE_CAM_CHANNELS}),
    ],
)
def test_a_map_correlates_with_the_peers_to_a_thousandth(
    pair: tuple, peer: str, method, options: dict
) -> None:
    compared = 0
    for view, call in itertools.product(pair[2], SIGNS):
        ours, theirs = method(view, call).values, peers_map(peer, pair, view, call, **options)
        assert ours.shape == theirs.shape
        if ours.max() == 0:
            assert np.ptp(theirs) == 0
            continue
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] >= 0.999
        compared += 1
    assert compared
