"""The original study's five networks, as it ran them and repaired."""

from pathlib import Path

import pandas as pd
import pytest

from core.errors import ConfigError, DataError
from core.models import catalog
from core.runs import presets

CELLS = pd.DataFrame({"label": [1] * 700 + [0] * 300})


def test_the_original_study_is_queued_as_it_was_run() -> None:
    runs = {run.architecture: run for run in presets.configs("original-study", Path("/x"), CELLS)}
    assert list(runs) == ["vgg16", "cnn-32", "cnn-16", "cnn-dropout", "efficientnet-b3"]
    for run in runs.values():
        assert (run.split, run.recipe, run.keep) == ("image", "original", "last")
        assert (run.augmentation, run.class_balance, run.precision) == ((), "none", "float32")
        assert run.pixels == "original-study"
    assert [runs[key].epochs for key in ("vgg16", "cnn-32", "cnn-16")] == [5, 20, 20]
    assert runs["efficientnet-b3"].l2 > 0 and runs["cnn-32"].l2 == 0


def test_the_repaired_study_differs_in_its_protocol_not_in_its_cells() -> None:
    original = presets.configs("original-study", Path("/x"), CELLS)
    repaired = presets.configs("repaired", Path("/x"), CELLS)
    for before, after in zip(original, repaired, strict=True):
        assert (before.architecture, before.sample, before.balance, before.seed) == (
            after.architecture,
            after.sample,
            after.balance,
            after.seed,
        )
        assert (after.split, after.pixels, after.keep) == ("subject", "own", "best")


@pytest.mark.parametrize(("all_cells", "hem", "drawn"), [(5000, 2000, 1000), (700, 300, 600)])
def test_a_thousand_cells_are_drawn_or_as_many_as_balance(
    all_cells: int, hem: int, drawn: int
) -> None:
    cells = pd.DataFrame({"label": [1] * all_cells + [0] * hem})
    assert {run.sample for run in presets.configs("repaired", Path("/x"), cells)} == {drawn}


def test_single_settings_change_every_run() -> None:
    runs = presets.configs("original-study", Path("/x"), CELLS, {"weights": "random", "epochs": 1})
    assert {(run.weights, run.epochs) for run in runs} == {("random", 1)}
    assert set(presets.STUDY_ARCHITECTURES) <= set(catalog.ARCHITECTURES)


def test_what_cannot_be_queued_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="'other'; it can be original-study"):
        presets.configs("other", Path("/x"), CELLS)
    with pytest.raises(DataError, match="rarer class has 0 images"):
        presets.configs("repaired", Path("/x"), pd.DataFrame({"label": [1] * 50}))
