"""The original study's own interface, used as its authors would."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError
from tests.conftest import CELLS, PROJECT


def test_load_data_and_fit_work_as_in_the_study(demo_root: Path) -> None:
    from core import build_cnn, load_data

    train, val, test = load_data(demo_root)
    sizes = [sum(len(labels) for _, labels in part) for part in (train, val, test)]
    assert sum(sizes) == CELLS and sizes[0] > max(sizes[1:])
    pixels, labels = next(iter(train))
    assert pixels.shape[1:] == (224, 224, 3) and pixels.dtype == np.float32
    assert 1 < pixels.numpy().max() <= 255 and set(np.unique(labels)) <= {0.0, 1.0}
    history = build_cnn(filters=16).fit(train, validation_data=val, epochs=1, verbose=0).history
    assert np.isfinite(history["val_loss"]).all() and "val_accuracy" in history


def test_the_other_builders_give_compiled_models() -> None:
    from core import build_cnn_with_dropout, build_efficientnet, build_vgg16

    for model in (
        build_cnn_with_dropout(),
        build_vgg16(weights="random"),
        build_efficientnet(weights="random"),
    ):
        assert model.compiled and model.output_shape == (None, 1)


def test_filters_other_than_the_studys_are_refused() -> None:
    from core import build_cnn

    with pytest.raises(ConfigError, match="32 and 16"):
        build_cnn(filters=64)


def test_importing_core_does_not_import_tensorflow_and_unknown_names_fail() -> None:
    script = (
        "import sys, core\nprint('tensorflow' in sys.modules)\n"
        "try:\n    core.load_dta\nexcept AttributeError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == ["False", "module 'core' has no attribute 'load_dta'"]
