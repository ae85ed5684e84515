"""Networks whose logit is a sum over positions: compact, and colour bands."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.explain.cam_methods import method
from core.explain.heat_map import views
from core.models import catalog

if TYPE_CHECKING:
    from core.models.classifier import Classifier


@pytest.fixture(scope="module")
def compact() -> "Classifier":
    """A compact network whose batch normalisation has seen something."""
    import keras

    from core.models import classifier

    keras.utils.set_random_seed(0)
    built = classifier.build(catalog.architecture("compact"))
    rng = np.random.default_rng(0)
    weights_ = built.head.get_weights()
    built.head.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(np.float32) for w in weights_])
    return built


def test_to_the_compact_network_black_is_nothing(compact: "Classifier") -> None:
    """So no evidence lies far from the cell, and none at all in a black image."""
    images = np.zeros((2, 104, 104, 3), np.float32)
    images[1, 40:72, 40:72] = np.random.default_rng(0).integers(1, 256, (32, 32, 3))
    nothing, cell = compact.backbone(images).numpy()
    assert not nothing.any()
    # A feature sees 11 pixels to each side of its own 8: positions 3 to 10 of 13 see the cell.
    away = np.ones((13, 13), bool)
    away[3:11, 3:11] = False
    assert not cell[away].any() and cell[5:9, 5:9].any(axis=2).all()


def test_to_the_compact_network_lamp_and_stain_of_a_smear_are_nothing(
    compact: "Classifier", cells: np.ndarray
) -> None:
    cell = cells[:, ::2, ::2][:, 4:-4, 4:-4].astype(np.float32)
    dimmed = cell * np.array([0.9, 0.6, 0.7], np.float32)
    plain, other = compact.backbone(cell).numpy(), compact.backbone(dimmed).numpy()
    np.testing.assert_allclose(plain, other, atol=1e-3 * plain.max())
    assert np.abs(plain[0] - plain[1]).max() > 0.1 * plain.max()


def test_the_compact_logit_is_the_sum_of_what_each_position_adds(
    compact: "Classifier", tmp_path: Path
) -> None:
    from core.models.classifier import load
    from core.models.conversion import to_engine
    from core.models.engine import Engine

    compact.model.save(tmp_path / "model.keras")
    again = load(tmp_path / "model.keras")
    to_engine(again, tmp_path / "engine.xml")
    images = np.random.default_rng(1).integers(0, 256, (3, 104, 104, 3), dtype=np.uint8)
    images[0] = 0
    output = Engine(tmp_path / "engine.xml")(images)
    added = (output.features * output.gradient).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(output.logit, output.logit[0] + added, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        output.logit, compact.model(images, training=False).numpy()[:, 0], rtol=1e-4, atol=1e-4
    )


@pytest.fixture(scope="module")
def colour_bands() -> "Classifier":
    import keras

    from core.models import classifier

    keras.utils.set_random_seed(0)
    return classifier.build(catalog.architecture("colour-bands"))


def test_colour_bands_are_nothing_off_the_cell_and_where_a_cell_is_even(
    colour_bands: "Classifier",
) -> None:
    images = np.zeros((3, 104, 104, 3), np.float32)
    images[1, 40:72, 40:72] = (150, 80, 160)  # even
    images[2, 40:72, 40:72] = np.random.default_rng(0).integers(1, 256, (32, 32, 3))
    nothing, even, cell = colour_bands.backbone(images).numpy()
    assert not nothing.any()
    np.testing.assert_allclose(even, 0, atol=1e-3)
    on_it = np.zeros((26, 26), bool)
    on_it[10:18, 10:18] = True
    assert not cell[~on_it].any() and cell[on_it].any(axis=1).all()


def test_to_colour_bands_lamp_and_place_and_number_of_alike_cells_are_nothing(
    colour_bands: "Classifier",
) -> None:
    """Features are divided by the cell's share: as much cell again changes no mean over the map."""
    grain = np.random.default_rng(0).integers(60, 200, (24, 24, 3)).astype(np.float32)
    images = np.zeros((4, 104, 104, 3), np.float32)
    images[:3, 8:32, 8:32] = grain
    images[1] *= np.array([0.9, 0.95, 0.85], np.float32)  # the offset of the logarithm sees a rest
    images[2, 64:88, 48:72] = grain
    images[3, 64:88, 48:72] = grain
    plain, dimmed, twice, moved = colour_bands.backbone(images).numpy().mean(axis=(1, 2))
    np.testing.assert_allclose(dimmed, plain, atol=0.02 * np.abs(plain).max())
    np.testing.assert_allclose(twice, plain, atol=1e-4 * np.abs(plain).max())
    np.testing.assert_allclose(moved, plain, atol=1e-4 * np.abs(plain).max())


def test_the_logit_of_colour_bands_is_the_sum_of_the_map_of_grad_cam(
    colour_bands: "Classifier", tmp_path: Path
) -> None:
    from core.models.conversion import to_engine
    from core.models.engine import Engine

    to_engine(colour_bands, tmp_path / "engine.xml")
    images = np.random.default_rng(1).integers(0, 256, (3, 104, 104, 3), dtype=np.uint8)
    for view in views(Engine(tmp_path / "engine.xml"), images):
        evidence = method("grad-cam").evidence(view, 1.0)
        assert evidence.sum() == pytest.approx(view.logit, rel=1e-3)  # its bias is 0 as built
