"""A run's configuration: validated once, saved and read back the same."""

import json
from pathlib import Path

import pytest

from core import storage
from core.errors import ConfigError, DataError, ModelError
from core.models import catalog
from core.runs import config


@pytest.mark.parametrize("recipe", config.RECIPES)
@pytest.mark.parametrize("architecture", catalog.ARCHITECTURES)
def test_every_recipe_of_every_architecture_survives_json(architecture: str, recipe: str) -> None:
    wanted = config.create(architecture, Path("data"), recipe, seed=3, sample=1000)
    assert config.from_json(json.loads(json.dumps(config.to_json(wanted)))) == wanted


def test_the_original_recipe_keeps_the_studys_mistakes_and_the_recommended_does_not() -> None:
    original = config.create("vgg16", Path("data"), "original")
    repaired = config.create("vgg16", Path("data"), "recommended")
    assert (original.pixels, original.augmentation, original.keep) == (
        "original-study",
        False,
        "last",
    )
    assert (repaired.pixels, repaired.augmentation, repaired.keep) == ("own", True, "best")


def test_the_demo_set_is_named_not_placed() -> None:
    assert config.create("cnn-16", storage.demo_dir(), "recommended").dataset == "demo"


def test_what_a_run_needs_is_looked_for_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    config.require_inputs(config.create("cnn-16", tmp_path, "recommended"))
    config.require_inputs(config.create("vgg16", tmp_path, "recommended", weights="random"))
    with pytest.raises(ModelError, match="vgg16_weights"):
        config.require_inputs(config.create("vgg16", tmp_path, "recommended"))
    with pytest.raises(DataError, match="is not a folder"):
        config.require_inputs(config.create("cnn-16", tmp_path / "gone", "recommended"))
    with pytest.raises(DataError, match="python -m core demo"):
        config.require_inputs(config.create("cnn-16", storage.demo_dir(), "recommended"))


def test_text_settings_are_converted_to_their_kind() -> None:
    texts = {"augmentation": "false", "learning_rate": "1e-4", "sample": "none", "epochs": "3"}
    wanted = config.create("cnn-16", Path("data"), "recommended", **texts)
    assert (wanted.augmentation, wanted.learning_rate) == (False, 1e-4)
    assert (wanted.sample, wanted.epochs) == (None, 3)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", 0, "between 1 and 1000"),
        ("epochs", "many", "must be of the kind int"),
        ("learning_rate", 2.0, "between"),
        ("split", "patient", "subject, folds, preliminary, image"),
        ("weights", "mine", "imagenet, random"),
        ("augmentation", "perhaps", "bool"),
        ("dropuot", "0.5", "no setting 'dropuot'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_rule(name: str, value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=name) as error:
        config.create("cnn-16", Path("data"), "recommended", **{name: value})
    assert words in str(error.value)


def test_unknown_recipes_architectures_and_stored_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="recommended, original"):
        config.create("cnn-16", Path("data"), "best")
    with pytest.raises(ConfigError, match="cnn-32"):
        config.create("cnn-17", Path("data"), "recommended")
    with pytest.raises(ConfigError, match="colour"):
        config.from_json({"architecture": "cnn-16", "dataset": "demo", "colour": "red"})
