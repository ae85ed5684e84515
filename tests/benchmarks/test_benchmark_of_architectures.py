"""The benchmark of architectures: its means, its ratio, its bars, and its document."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import architectures, workbench
from benchmarks.__main__ import main
from benchmarks.measure import bars_of, plain
from core.models import catalog
from core.runs import run_store
from core.runs.run_store import Run


def row(auc: float, accuracy: float, seconds: float) -> architectures.Row:
    return {
        "test_roc_auc": 0.5,
        "test_balanced_accuracy": 0.5,
        "unseen_roc_auc": auc,
        "unseen_balanced_accuracy": accuracy,
        "epoch_seconds": seconds,
    }


def test_means_are_compared_and_epoch_times_seed_by_seed() -> None:
    # The machine was slow while the second seed trained: each ratio holds all the same.
    rows = {
        "compact": [row(0.8, 0.7, 1.0), row(0.7, 0.5, 10.0), row(0.9, 0.6, 1.0)],
        "cnn-32": [row(0.7, 0.7, 5.0), row(0.9, 0.7, 50.0), row(0.6, 0.7, 2.0)],
    }
    measured = architectures.compare("compact", rows)
    figures: Any = plain(measured)
    assert figures["mean"]["compact"]["unseen_roc_auc"] == 0.8
    assert figures["mean"]["cnn-32"]["unseen_roc_auc"] == pytest.approx(0.7333, abs=1e-4)
    assert figures["seed_1"] == {"compact": rows["compact"][1], "cnn-32": rows["cnn-32"][1]}
    ratio, auc, accuracy = bars_of(measured)
    assert ratio.name == "compact: epoch time over CNN-32's"
    assert (ratio.value, ratio.holds) == (0.2, True)
    assert auc.name == "compact: mean ROC AUC at least CNN-32's" and auc.holds
    assert (plain(accuracy.value), plain(accuracy.target), accuracy.holds) == (0.6, 0.7, False)


def test_it_prints_its_document_and_leaves_nothing_behind(
    workspace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With runs that are there already in place of new ones."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    done = {"cnn-32": run_store.get("run-cnn-16"), "vgg16": run_store.get("run-cnn-dropout")}
    asked: list[tuple[str, dict[str, Any]]] = []

    def train(key: str, root: Path, **settings: Any) -> Run:
        asked.append((key, settings))
        return done[key]

    monkeypatch.setattr(architectures, "train", train)
    monkeypatch.setattr(workbench.weights, "find", lambda entry: None)
    assert (
        main(["architectures", "--only", "vgg16", "--images", "24", "--rounds", "1", "--json"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    usual = {"epochs": architectures.EPOCHS, "seed": 0}
    assert asked == [("cnn-32", usual), ("vgg16", usual | {"weights": "random"})]
    for key, run in done.items():
        found = document["figures"]["seed_0"][key]
        assert found["test_roc_auc"] == plain(run.metrics.test.roc_auc)
        assert 0 <= found["unseen_balanced_accuracy"] <= 1
        assert found["epoch_seconds"] == plain(run.history["seconds"][1])
    assert [bar["name"].split(":")[0] for bar in document["bars"]] == ["vgg16"] * 3
    assert list(temporary.iterdir()) == []


def test_any_architecture_but_the_baseline_can_stand_beside_it() -> None:
    assert {architectures.BASELINE, *architectures.PARTS} == set(catalog.ARCHITECTURES)
    assert architectures.CONTENDER in architectures.PARTS
