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
    assert config.RunConfig.parse(json.loads(json.dumps(wanted.to_json()))) == wanted


def test_the_original_recipe_keeps_the_studys_mistakes_and_the_recommended_does_not() -> None:
    original = config.create("vgg16", Path("data"), "original")
    repaired = config.create("vgg16", Path("data"), "recommended")
    differ = {
        "pixels": ("original-study", "own"),
        "augmentation": ((), ("dihedral", "stain", "brightness")),
        "class_balance": ("none", "weights"),
        "schedule": ("constant", "cosine"),
        "keep": ("last", "best"),
        "precision": ("float32", "auto"),
        "views": (1, 2),
        "epochs": (5, 20),
    }
    for name, values in differ.items():
        assert (getattr(original, name), getattr(repaired, name)) == values, name
    # What its "high loss" was made of stays with the one network that had it.
    penalties = {
        (key, recipe): config.create(key, Path("data"), recipe).l2
        for key in catalog.ARCHITECTURES
        for recipe in config.RECIPES
    }
    assert {pair for pair, l2 in penalties.items() if l2} == {("efficientnet-b3", "original")}


@pytest.mark.parametrize("recipe", config.RECIPES)
def test_defaults_are_what_a_recipe_creates(recipe: str) -> None:
    for key in catalog.ARCHITECTURES:
        given = config.defaults(key, recipe)
        created = config.create(key, Path("data"), recipe)
        assert {name: getattr(created, name) for name in given} == given
        assert given["recipe"] == recipe


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
    texts = {"learning_rate": "1e-4", "sample": "none", "epochs": "3", "dropout": "0", "seed": "7"}
    wanted = config.create("cnn-16", Path("data"), "recommended", **texts)
    assert (wanted.learning_rate, wanted.sample, wanted.epochs) == (1e-4, None, 3)
    assert (wanted.dropout, wanted.seed) == (0.0, 7)


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ("dihedral,stain", ("dihedral", "stain")),
        ("rotation", ("rotation",)),
        ("none", ()),
        ("", ()),
        (["stain", "brightness"], ("stain", "brightness")),
        ((), ()),
    ],
)
def test_augmentation_is_named_as_text_or_as_a_list(given: object, kinds: tuple[str, ...]) -> None:
    wanted = config.create("cnn-16", Path("data"), "recommended", augmentation=given)
    assert wanted.augmentation == kinds
    assert config.RunConfig.parse(json.loads(json.dumps(wanted.to_json()))) == wanted


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", 0, "between 1 and 1000"),
        ("epochs", "many", "whole number between 1 and 1000"),
        ("learning_rate", 2000.0, "between"),
        ("learning_rate", "nan", "between"),
        ("split", "patient", "subject, folds, preliminary, published, image"),
        ("weights", "mine", "imagenet, random"),
        ("augmentation", "dihedral,perhaps", "position, scale, fill, or none"),
        ("augmentation_strength", 3.5, "between 0.0 and 3.0"),
        ("views", 9, "between 1 and 8"),
        ("batch_size", 0, "between 1 and 1024"),
        ("sample", 5, "between 6 and"),
        ("dropout", 1.0, "between 0.0 and 0.95"),
        ("l2", -0.1, "between 0.0 and"),
        ("label_smoothing", 0.6, "between 0.0 and 0.5"),
        ("patience", 0, "between 1 and"),
        ("schedule", "linear", "constant, cosine, plateau"),
        ("class_balance", "yes", "none, weights, sampling"),
        ("keep", "first", "best, last"),
        ("precision", "float16", "auto, float32, bfloat16"),
        ("dropuot", "0.5", "no setting 'dropuot'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_rule(name: str, value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=name) as error:
        config.create("cnn-16", Path("data"), "recommended", **{name: value})
    assert words in str(error.value)


def test_a_background_cannot_vary_in_colour_where_black_marks_it() -> None:
    filled = config.create("cnn-16", Path("data"), "recommended", augmentation="fill")
    assert filled.augmentation == ("fill",)
    for name in ("compact", "colour-bands", "efficientnet-lite0", "efficientnet-lite2"):
        with pytest.raises(ConfigError, match="finds the cell by its black background"):
            config.create(name, Path("data"), "recommended", augmentation="fill")


@pytest.mark.parametrize(
    ("folds", "fold", "fits"),
    [
        (0, 0, True),
        (3, 0, True),
        (3, 2, True),
        (100, 99, True),
        (0, 1, False),
        (1, 0, False),
        (2, 0, False),
        (2, 1, False),
        (3, 3, False),
        (5, -1, False),
    ],
)
def test_a_fold_is_one_of_at_least_three(folds: int, fold: int, fits: bool) -> None:
    if fits:
        config.create("cnn-16", Path("data"), "recommended", folds=folds, fold=fold)
    else:
        with pytest.raises(ConfigError, match="fold"):
            config.create("cnn-16", Path("data"), "recommended", folds=folds, fold=fold)


@pytest.mark.parametrize("split", ["folds", "preliminary"])
def test_only_splits_that_can_be_dealt_are_cross_validated(split: str) -> None:
    with pytest.raises(ConfigError, match="takes subject or image"):
        config.create("cnn-16", Path("data"), "recommended", folds=5, split=split)
    for dealt in ("subject", "image"):
        config.create("cnn-16", Path("data"), "recommended", folds=5, split=dealt)


@pytest.mark.parametrize(
    ("architecture", "settings", "words"),
    [
        ("cnn-16", {"fine_tune_blocks": 1, "fine_tune_epochs": 1}, "none: it has no frozen"),
        ("vgg16", {"fine_tune_blocks": 4, "fine_tune_epochs": 1}, "up to 3"),
        ("vgg16", {"fine_tune_blocks": -1, "fine_tune_epochs": 1}, "up to 3"),
        ("vgg16", {"fine_tune_blocks": 2}, "set both, or neither"),
        ("vgg16", {"fine_tune_epochs": 2}, "set both, or neither"),
        ("vgg16", {"fine_tune_rate": 0.0}, "fine_tune_rate"),
    ],
)
def test_fine_tuning_needs_blocks_and_epochs(
    architecture: str, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        config.create(architecture, Path("data"), "recommended", **settings)


def test_the_epochs_of_both_stages_count() -> None:
    tuned = {"epochs": 3, "fine_tune_blocks": 1, "fine_tune_epochs": 2}
    assert config.create("vgg16", Path("data"), "recommended", **tuned).total_epochs == 5
    assert config.create("vgg16", Path("data"), "recommended", epochs=3).total_epochs == 3


def test_unknown_recipes_architectures_and_stored_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="recommended, original"):
        config.create("cnn-16", Path("data"), "best")
    with pytest.raises(ConfigError, match="cnn-32"):
        config.create("cnn-17", Path("data"), "recommended")
    with pytest.raises(ConfigError, match="colour"):
        config.RunConfig.parse({"architecture": "cnn-16", "dataset": "demo", "colour": "red"})


def test_there_are_no_folds_or_at_least_three_counted_from_0() -> None:
    for folds, fold in ((0, 0), (3, 0), (3, 2), (10, 9)):
        config.create("cnn-16", Path("data"), "recommended", folds=folds, fold=fold)
    for folds, fold in ((1, 0), (2, 0), (2, 1), (3, 3), (0, 1)):
        with pytest.raises(ConfigError, match=r"at least 3|it must be 0 to"):
            config.create("cnn-16", Path("data"), "recommended", folds=folds, fold=fold)
