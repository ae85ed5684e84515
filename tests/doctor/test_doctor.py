"""Each fault made for real, small, and found; the sound found sound."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core import storage
from core.data import datasets
from core.doctor import diagnoses, fitting, measuring, record
from core.models import builders, catalog
from core.models.architecture import Pretrained
from core.runs import config, run_store
from core.runs.run_store import Run
from tests.factories.ailing import (
    blind,
    discs,
    entry,
    fitted,
    frozen_discs,
    softmax_head,
    without_engines,
)
from tests.factories.examined import keys, only, repaired

EPOCHS = 20
Train = Callable[..., Run]


@pytest.fixture(scope="module", autouse=True)
def architectures() -> Iterator[None]:
    """Small ones, in the catalogue for this module."""
    with pytest.MonkeyPatch.context() as patch:
        for builder in (frozen_discs, blind, softmax_head):
            patch.setattr(builders, builder.__name__, builder, raising=False)
        cnn = {"backbone_options": {"filters": 8}}
        for made in (
            entry("small", "cnn", "flat", head_options={"units": 16}, **cnn),
            entry("blind", "blind", "pooled"),
            entry("softmax", "cnn", "softmax_head", **cnn),
            entry(
                "frozen",
                "frozen_discs",
                "pooled",
                backbone_options={"pixels": "caffe"},
                study_pixels="unit",
                pretrained=Pretrained("none.h5", "none", "", 1),
            ),
        ):
            patch.setitem(catalog.ARCHITECTURES, made.key, made)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Has the data sets and, under artifacts, what is trained in this module."""
    root = tmp_path_factory.mktemp("doctor")
    found = {
        root / "discs": discs(root / "discs", gap=3.0, synthetic=True),
        root / "alike": discs(root / "alike", gap=0.0, synthetic=True),
        root / "real": discs(root / "real", gap=8.0, synthetic=False, cells=17),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "index", lambda root, progress=None: found[root])
        without_engines(patch)
        yield root


@pytest.fixture
def train(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Trains in this process; the same settings once only."""
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(folder / "artifacts"))
    usual = {"epochs": EPOCHS, "precision": "float32", "weights": "random"}

    def one(key: str = "small", data: str = "discs", **settings: Any) -> Run:
        return fitted(config.create(key, folder / data, "recommended", **(usual | settings)))

    return one


def test_a_healthy_run_is_told_nothing(train: Train) -> None:
    run = train()
    assert run.status.state == "succeeded", run.status.error
    assert run.metrics is not None and run.metrics.test.balanced_accuracy > 0.8
    assert diagnoses.examine(run) == [] and diagnoses.repaired(run) is None


@pytest.mark.parametrize("run_id", ["demo-colour-bands", "demo-cnn-16", "demo-cnn-dropout"])
def test_the_shipped_runs_are_healthy(run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLASTLENS_ARTIFACTS")
    assert diagnoses.examine(run_store.get(run_id)) == []


def test_pixels_as_the_study_scaled_them(train: Train) -> None:
    """As its VGG16: 0..1 into a frozen network that expects ImageNet's range."""
    run = train("frozen", pixels="original-study")
    found = only(run, "wrong-pixel-scale")
    logits = run.predictions["logit"]
    assert logits.std(ddof=0) < fitting.CONSTANT_SPREAD
    assert f"{logits.min():.3f} to {logits.max():.3f}" in found.evidence
    assert "-124 to 151" in found.evidence and "0 to 1," in found.evidence
    assert run.metrics is not None
    always = run.metrics.test.always_all["accuracy"]
    assert f"always answering ALL has {always:.2f}" in found.evidence
    assert found.repair == {"pixels": "own"}
    after = fitted(repaired(run))
    assert after.config.pixels == "own"
    assert not {"wrong-pixel-scale", "constant-output"} & set(keys(after))


def test_a_network_that_no_image_moves(train: Train) -> None:
    run = train("blind")
    found = only(run, "constant-output")
    logit = run.predictions["logit"].iloc[0]
    assert f"from {logit:.3f} to {logit:.3f}" in found.evidence and "0.000" in found.evidence
    assert repaired(run).learning_rate == pytest.approx(3e-4)


def test_a_softmax_over_one_unit(train: Train) -> None:
    run = train("softmax", epochs=2)
    found = only(run, "one-unit-softmax")
    np.testing.assert_allclose(run.predictions["logit"], 1, rtol=1e-6)
    assert "answer" in found.evidence and "from 1 to 1" in found.evidence
    assert found.repair is None and diagnoses.repaired(run) is None


def test_a_learning_rate_that_throws_the_weights_off(train: Train) -> None:
    run = train(learning_rate=1.0)
    found = only(run, "learning-rate-too-high")
    first, last = run.history["cross_entropy"].iloc[[0, -1]]
    assert f"{first:.3g} in the first epoch" in found.evidence
    assert f"{last:.3g} in the last" in found.evidence and "rate of 1 " in found.evidence
    healthy = train().config
    assert config.change(repaired(run), {"learning_rate": None}) == healthy


def test_a_loss_that_is_no_number(train: Train) -> None:
    run = train(learning_rate=1e3, batch_size=1)
    assert run.status.state == "failed" and "The loss became" in (run.status.error or "")
    found = only(run, "learning-rate-too-high")
    assert "no longer a number" in found.evidence and "1000" in found.evidence
    assert found.repair == {"learning_rate": 3e-3}


def test_a_learning_rate_too_low(train: Train) -> None:
    run = train(learning_rate=3e-6)
    found = only(run, "learning-rate-too-low")
    first, last = run.history["cross_entropy"].iloc[[0, -1]]
    assert f"from {first:.3f} to {last:.3f}" in found.evidence and "3e-06" in found.evidence
    assert config.change(repaired(run), {"learning_rate": None}) == train().config


def test_a_loss_that_is_mostly_penalty(train: Train) -> None:
    run = train(l2=0.3)
    found = only(run, "penalty-dominated")
    last = run.history.iloc[-1]
    assert f"{last['penalty']:.2f} is the penalty" in found.evidence
    assert f"{last['cross_entropy']:.2f} the prediction error" in found.evidence
    after = fitted(repaired(run))
    assert after.config.l2 < 0.01 and keys(after) == []


def test_a_leaking_split(train: Train) -> None:
    run = train(split="image")
    found = only(run, "leaking-split")
    parts = pd.read_parquet(run.path / "split.parquet")
    crossing = (parts.groupby("group")["split"].nunique() > 1).sum()
    assert f"{crossing} groups of subjects" in found.evidence
    assert repaired(run) == train().config
    (run.path / "metrics.json").rename(run.path / "gone.json")
    assert f"{crossing} groups of subjects" in only(run, "leaking-split").evidence
    (run.path / "gone.json").rename(run.path / "metrics.json")


def test_too_few_epochs(train: Train) -> None:
    run = train(epochs=2)
    found = only(run, "too-few-epochs")
    first, last = run.history["validation_cross_entropy"]
    assert f"from {first:.3f} to {last:.3f}" in found.evidence
    assert repaired(run) == train().config


def test_a_validation_part_too_small(train: Train) -> None:
    run = train(sample=60)
    small = {found.key: found for found in diagnoses.examine(run)}["small-validation"]
    parts = pd.read_parquet(run.path / "split.parquet").query("split == 'validation'")
    told = f"{len(parts)} cells of {parts['group'].nunique()} groups"
    assert told in small.evidence and len(parts) < 50
    assert config.change(run.config, dict(small.repair or {})) == train().config


def test_cells_learned_by_heart_and_nothing_learned_of_others(train: Train) -> None:
    """Where the classes look alike, training cells can still be told apart."""
    settings = {"augmentation": (), "schedule": "constant", "keep": "last", "epochs": 60}
    run = train("small", "alike", **settings)
    past = {found.key: found for found in diagnoses.examine(run)}
    assert {"overfitting-at-once", "no-better-than-always-all"} <= set(past)
    assert not {"past-the-best", "overfitting"} & set(past)
    losses = run.history["validation_cross_entropy"]
    told = past["overfitting-at-once"].evidence
    assert f"{losses.min():.3f}, in epoch {losses.argmin() + 1} of 60" in told
    assert f"is {losses.iloc[-1]:.3f} in the last" in told
    after = repaired(run)
    assert after.keep == "best" and after.augmentation == ("dihedral", "stain", "brightness")
    assert run.metrics is not None
    test = run.metrics.test
    worse = past["no-better-than-always-all"]
    assert f"accuracy is {test.accuracy:.2f}" in worse.evidence
    assert f"Balanced accuracy: {test.balanced_accuracy:.2f}" in worse.evidence


def test_cells_learned_by_heart(train: Train) -> None:
    run = train(augmentation=(), schedule="constant", keep="last", epochs=20, learning_rate=0.01)
    found = {diagnosis.key: diagnosis for diagnosis in diagnoses.examine(run)}["overfitting"]
    rows = run.predictions
    signs = np.where(rows["label"] == 1, 1, -1)
    losses = np.log1p(np.exp(-signs * rows["logit"])).groupby(rows["split"]).mean()
    assert f"{losses['train']:.3f} on the training cells" in found.evidence
    assert f"{losses['validation']:.3f} on the validation cells" in found.evidence
    after = fitted(repaired(run))
    assert after.config.augmentation == ("dihedral", "stain", "brightness")
    assert "overfitting" not in keys(after)


def test_a_cause_hides_what_follows_from_it(train: Train) -> None:
    """Nothing to learn: a constant output, and so no better than always ALL, and underfitting."""
    run = train("small", "alike")
    facts = record.read(run)
    assert fitting.underfitting(facts) and measuring.no_better_than_always_all(facts)
    found = only(run, "constant-output")
    assert f"deviation of {run.predictions['logit'].std(ddof=0):.3f}" in found.evidence


def test_a_result_too_good_on_real_cells_only(train: Train, tmp_path: Path) -> None:
    run = train("small", "real")
    found = only(run, "too-good")
    assert run.metrics is not None
    value = run.metrics.test.balanced_accuracy
    assert f"accuracy is {value:.3f}" in found.evidence and "0.910" in found.evidence
    assert found.repair is None
    assert keys(edited(run, tmp_path / "drawn", {"dataset": {"synthetic": True}})) == []


def edited(run: Run, path: Path, changes: dict[str, Any]) -> Run:
    """A copy of a run with other facts in its metrics."""
    shutil.copytree(run.path, path)
    metrics = storage.read_json(path / "metrics.json")
    for section, facts in changes.items():
        metrics[section] |= facts
    storage.write_json(path / "metrics.json", metrics)
    return Run(path)


@pytest.mark.parametrize(("low", "ill"), [(0.49, True), (0.5, True), (0.51, False)])
def test_no_better_means_an_interval_that_reaches_always_all(
    train: Train, tmp_path: Path, low: float, ill: bool
) -> None:
    run = train()
    assert run.metrics is not None
    test = run.metrics.test.to_json() | {"intervals": {"balanced_accuracy": [low, 0.8]}}
    changed = edited(run, tmp_path / "run", {"parts": {"test": test}})
    assert keys(changed) == (["no-better-than-always-all"] if ill else [])
    if ill:
        assert f"95% interval {low:.2f} to 0.80" in diagnoses.examine(changed)[0].evidence
