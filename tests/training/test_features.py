"""Features of a frozen backbone: what Keras gives, computed once."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.cells.staining import Densities, Normaliser
from core.models import catalog
from core.runs import config
from core.runs.config import RunConfig
from core.training import augment

if TYPE_CHECKING:
    from core.models.classifier import Classifier

ENTRY = catalog.architecture("mobilenet-v3-small")
ENTRY = replace(ENTRY, geometry=replace(ENTRY.geometry, size=96))  # small images are quick
NAMES = ["first", "second", "third"]


def settings(**changed: object) -> RunConfig:
    plain = {"weights": "random", "views": 2}
    return config.create(ENTRY.key, Path("data"), "recommended", **plain | changed)


@pytest.fixture(scope="module")
def classifier() -> "Classifier":
    import keras

    from core.models import classifier as classifiers

    keras.utils.set_random_seed(0)
    return classifiers.build(ENTRY, weights_choice="random")


@pytest.fixture(scope="module")
def pixels(demo_root: Path) -> np.ndarray:
    from core.data.geometry import fit
    from core.data.images import decode

    files = sorted(demo_root.rglob("*.bmp"))[:: 120 // len(NAMES)]
    return np.stack([fit(decode(file), ENTRY.geometry) for file in files])


def test_they_are_kerass_and_computed_once_for_each_view_cell_and_backbone(
    classifier: "Classifier", pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training import features
    from core.training.device import TrainingDevice

    computed: list[int] = []
    compute = features._compute

    def count(engine: object, cells: np.ndarray, symmetry: int, *more: object) -> np.ndarray:
        computed.append(symmetry)
        return compute(engine, cells, symmetry, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(features, "_compute", count)
    told: list[tuple[int, int]] = []

    def views(
        *,
        names: list[str] = NAMES,
        normaliser: Normaliser | None = None,
        gpu: str | None = None,
        **changed: object,
    ) -> list[np.ndarray]:
        computed.clear()
        found, anew = features.features(
            features.Backbone(classifier, ENTRY, settings(**changed), TrainingDevice(gpu)),
            settings(**changed),
            pixels[: len(names)],
            names,
            lambda done, total: told.append((done, total)),
            normaliser,
        )
        assert anew == len(computed)
        return found

    first = views()
    assert computed == [0, 1] and told == [(3, 6), (6, 6)]
    for symmetry, got in enumerate(first):
        turned = np.stack([augment.turn(image, symmetry) for image in pixels])
        maps = classifier.backbone(turned.astype(np.float32), training=False).numpy()
        expected = maps.mean(axis=(1, 2))
        assert got.shape == expected.shape == (3, 576) and got.dtype == np.float32
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())
    assert not np.array_equal(*first)

    again = views()
    assert computed == []
    np.testing.assert_array_equal(again, first)
    more = views(views=3)
    assert computed == [2]
    np.testing.assert_array_equal(more[:2], first)
    assert len(views(views=8, augmentation=())) == 1 and computed == []
    for other in (
        {"seed": 1},
        {"pixels": "original-study"},
        {"names": NAMES[:2]},
        {"inputs": "size"},
        {"normaliser": Densities(mean=(1, 2, 1), deviation=(0.1, 0.2, 0.1))},
    ):
        views(views=1, **other)  # type: ignore[arg-type]
        assert computed == [0], other
    by_keras = views(gpu="of TensorFlow")
    assert computed == [0, 1]
    np.testing.assert_allclose(by_keras, first, atol=1e-4 * np.abs(first).max())


def test_weights_are_told_apart_by_their_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training import features

    monkeypatch.setenv("BLASTLENS_WEIGHTS", str(tmp_path))
    assert ENTRY.pretrained is not None
    keys = set()
    for content in (b"one", b"two", b"two"):
        (tmp_path / ENTRY.pretrained.file).write_bytes(content)
        keys.add(features._key(ENTRY, settings(weights="imagenet")))
    assert len(keys) == 2


@pytest.mark.parametrize("key", ["mobilenet-v3-small", "efficientnet-b3"])
def test_the_tail_of_pooled_features_is_the_head_of_the_map(key: str) -> None:
    import keras

    from core.models import builders
    from core.models.classifier import Classifier
    from core.training import features

    entry = catalog.architecture(key)
    head = builders.pooled((7, 7, 12), **entry.head_options)
    tail = features.tail(Classifier(head, head, head))
    maps = np.random.default_rng(0).normal(size=(4, 7, 7, 12)).astype(np.float32)
    tail.trainable_variables[0].assign_add(keras.ops.ones_like(tail.trainable_variables[0]))
    expected = head(maps, training=False).numpy()
    got = tail(maps.mean(axis=(1, 2)), training=False).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert {id(w) for w in tail.weights} == {id(w) for w in head.weights}


def test_a_view_is_drawn_for_each_cell_where_symmetries_vary() -> None:
    from core.training import features

    views = [np.arange(6.0)[:, None] + 100 * view for view in range(3)]
    rows, rng = np.array([5, 2] * 60), np.random.default_rng(0)
    drawn = features.look_up(views, settings(views=3))(rows, rng)[:, 0]
    np.testing.assert_array_equal(drawn % 100, rows)
    counts = np.bincount((drawn // 100).astype(int))
    assert len(counts) == 3 and counts.min() > 25
    still = features.look_up(views, settings(views=3, augmentation=()))(rows, rng)
    np.testing.assert_array_equal(still[:, 0], rows)
