"""Random parts of cells are covered with the cell's mean colour."""

import numpy as np
import pytest

from core.training import covering

SIDE = 32


def cell(seed: int) -> np.ndarray:
    """A cell of 20 x 16 pixels of many colours, on black."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[4:24, 8:24] = np.random.default_rng(seed).integers(1, 256, (20, 16, 3))
    return image


def covered(images: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return covering.cover(images, (SIDE, SIDE), np.random.default_rng(seed))


def test_what_is_covered_has_the_mean_colour_and_the_rest_stays() -> None:
    images = np.stack([cell(seed) for seed in range(20)])
    before = images.copy()
    hidden, visible = covered(images)
    np.testing.assert_array_equal(images, before)
    for image, changed, shown in zip(images, hidden, visible, strict=True):
        on_it = image.max(axis=2) > 0
        assert set(np.unique(shown)) == {0, 1} and shown[~on_it].all()
        mean = np.rint(image[on_it].mean(axis=0))
        np.testing.assert_array_equal(changed[shown == 0], np.tile(mean, ((shown == 0).sum(), 1)))
        np.testing.assert_array_equal(changed[shown == 1], image[shown == 1])
        share = (shown == 0).sum() / on_it.sum()
        assert covering.LEAST - 0.01 <= share <= covering.LARGEST + 0.1


def test_regions_get_the_share_that_stays_visible() -> None:
    images = np.stack([cell(0)])
    _, fine = covered(images)
    _, coarse = covering.cover(images, (8, 8), np.random.default_rng(0))
    np.testing.assert_allclose(coarse[0], fine[0].reshape(8, 4, 8, 4).mean(axis=(1, 3)), atol=1e-6)


def test_the_generator_alone_decides_and_a_black_image_stays_black() -> None:
    images = np.stack([cell(0), np.zeros_like(cell(0))])
    first, again, other = covered(images), covered(images), covered(images, seed=1)
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0][0] != other[0][0]).any()
    assert not first[0][1].any() and first[1][1].all()


def test_evidence_that_adds_up_costs_nothing() -> None:
    """Of two places, one is covered: its evidence should be 0, and the other's as before."""
    import keras
    import tensorflow as tf

    from core.models import builders
    from core.training.step import additivity_loss

    places = keras.Input((1, 2, 1))
    backbone = keras.Model(places, keras.layers.Identity()(places), name="backbone")
    head = builders.linear((1, 2, 1))
    head.set_weights([np.float32([[2.0]]), np.float32([5.0])])
    model = keras.Model(places, head(backbone(places)))
    visible = tf.constant([[[1.0, 0.0]]])

    def loss(whole: list[float], part: list[float]) -> float:
        other = [7.0, 9.0]  # a cell of the batch that is not covered
        features = np.float32([whole, other, part]).reshape(3, 1, 2, 1)
        return float(additivity_loss(model, tf.constant(features), visible))

    assert loss([3, 1], [3, 0]) == 0
    # Evidence 6 and 2; covered 6 and 4: places differ by 0 and 4, the logit, a mean, by 2.
    assert loss([3, 1], [3, 2]) == pytest.approx(8 / 20 + 4, rel=1e-5)
