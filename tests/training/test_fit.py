"""Whole runs in this process: fine-tuning, bfloat16, and going on between the two stages."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.errors import DataError, RunError
from core.jobs.reporter import Reporter
from core.models.engine import Engine
from core.runs import config, run_store
from core.runs.run_store import Run
from core.training import checkpoint
from core.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from core.models.classifier import Classifier

SMALL = {"sample": 20, "batch_size": 8, "epochs": 1, "precision": "float32"}
TUNED = {"weights": "random", "fine_tune_blocks": 1, "fine_tune_epochs": 1, "views": 2}


def make_run(architecture: str, root: Path, name: str = "run", **settings: object) -> Run:
    return run_store.create(
        config.create(architecture, root, "recommended", **SMALL | settings), run_id=name
    )


def train(run: Run) -> None:
    from core.training import fit

    with Reporter(run) as reporter:
        fit.train(run, reporter)


def require_agreement(run: Run, root: Path) -> "Classifier":
    """The Keras file, which it returns, the engine and the stored predictions give one logit."""
    from core.data.geometry import fit as fit_image
    from core.data.images import decode
    from core.models import catalog, classifier

    table = run.predictions[::4]
    geometry = catalog.architecture(run.config.architecture).geometry
    cells = np.stack([fit_image(decode(root / name), geometry) for name in table["image_id"]])
    engine = Engine(run.engine_file).logits(cells)
    loaded = classifier.load(run.path / "model.keras")
    keras_logits = loaded.model(cells.astype(np.float32), training=False).numpy()[:, 0]
    scale = max(1.0, float(np.abs(engine).max()))
    np.testing.assert_allclose(engine, keras_logits, atol=1e-4 * scale)
    np.testing.assert_allclose(engine, table["logit"], atol=1e-4 * scale)
    for layer in (*loaded.backbone.layers, *loaded.head.layers):
        assert layer.dtype_policy.name == "float32", layer.name
    return loaded


def test_fine_tuning_trains_the_top_blocks_alone_and_goes_on_where_it_stopped(
    demo_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import keras

    from core.models import catalog
    from core.training import network

    entry = catalog.architecture("mobilenet-v3-small")
    small = replace(entry, geometry=replace(entry.geometry, size=96))  # such images are quick
    monkeypatch.setitem(catalog.ARCHITECTURES, entry.key, small)
    save: Callable[[Checkpoint, Path], None] = checkpoint.save

    def keep_a_copy(so_far: Checkpoint, file: Path) -> None:
        save(so_far, file)
        shutil.copy(file, tmp_path / f"epoch-{so_far.epoch}.npz")

    monkeypatch.setattr(checkpoint, "save", keep_a_copy)
    run = make_run("mobilenet-v3-small", demo_root, "straight", keep="last", **TUNED)
    train(run)
    history = run.history
    assert list(history["stage"]) == ["training", "fine-tuning"]
    assert list(history["learning_rate"] > 0) == [True, True]
    assert run.metrics is not None
    facts = run.metrics.training
    assert (facts.epochs, facts.kept_epoch, facts.precision) == (2, 2, "float32")
    assert set(facts.devices) == {"training", "features", "engine"} and all(facts.devices.values())
    assert not run.checkpoint_file.exists()
    after = require_agreement(run, demo_root)

    before = network._build(run.config, small)
    tuned, fresh = (
        next(layer for layer in backbone.layers if isinstance(layer, keras.Model))
        for backbone in (after.backbone, before.backbone)
    )
    first = next(n for n, x in enumerate(tuned.layers) if x.name.startswith("expanded_conv_8_"))
    moved = set()
    for number, (layer, old) in enumerate(zip(tuned.layers, fresh.layers, strict=True)):
        pairs = zip(layer.get_weights(), old.get_weights(), strict=True)
        if any(not np.array_equal(new, was) for new, was in pairs):
            assert number >= first, layer.name
            assert not isinstance(layer, keras.layers.BatchNormalization), layer.name
            moved.add(layer.name)
    assert any(name.startswith("expanded_conv_8_") for name in moved)

    again = make_run("mobilenet-v3-small", demo_root, "again", keep="last", **TUNED)
    shutil.copy(tmp_path / "epoch-1.npz", again.checkpoint_file)
    for name in ("history.csv", "split.parquet"):
        shutil.copy(run.path / name, again.path / name)
    trained: list[np.ndarray] = []

    def record(run: Run, classifier: "Classifier", array: np.ndarray) -> float:
        trained.extend(classifier.model.get_weights())
        raise InterruptedError

    monkeypatch.setattr(network, "export", record)
    with pytest.raises(InterruptedError):
        train(again)
    for array, expected in zip(trained, after.model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_bfloat16_trains_and_float32_is_what_is_exported(demo_root: Path) -> None:
    run = make_run("cnn-dropout", demo_root, precision="bfloat16", l2=0.01)
    train(run)
    assert run.metrics is not None
    facts = run.metrics.training
    assert (facts.precision, facts.probed_images_per_second) == ("bfloat16", {})
    require_agreement(run, demo_root)
    (row,) = run.history.to_dict("records")
    assert row["penalty"] > 0.001
    assert row["loss"] > row["penalty"]


def test_a_run_knows_the_scale_that_its_data_set_states(demo_root: Path, tmp_path: Path) -> None:
    """As of a set that was cut from boxes; a red cell of 7.5 µm is then 75 pixels across."""
    from core import storage
    from core.data import datasets
    from core.data.layouts import Labelling
    from core.data.walk import DESCRIPTION
    from core.ood import reference
    from core.reading.preparing.frame import um_of_training

    root = tmp_path / "cut"
    for file in demo_root.rglob("*.bmp"):
        subject = file.name.split("_")[1]
        copy = root / file.parent.name / subject / f"{file.stem}_a.bmp"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.hardlink_to(file)
    storage.write_json(root / DESCRIPTION, {"um_per_px": 0.1})
    datasets.add(str(root), labelling=Labelling(positive=("all",), negative=("hem",)))
    run = make_run("cnn-16", root)
    train(run)
    kept = reference.load(run)
    assert kept is not None and kept.red_cell == pytest.approx(75)
    assert um_of_training(kept) == pytest.approx(0.1)


def test_a_run_does_not_go_on_with_cells_that_were_held_out_before(demo_root: Path) -> None:
    """Its weights would have seen them; TensorFlow is not needed to say so."""
    run = make_run("cnn-16", demo_root)
    other = make_run("cnn-16", demo_root, "other", seed=1)
    from core.data import datasets
    from core.training import results

    parts = results.choose(datasets.index(demo_root), other)
    results.save_split(run, parts)
    checkpoint.save(Checkpoint(epoch=1), run.checkpoint_file)
    with pytest.raises(RunError, match="start a new run"):
        train(run)
    assert run.checkpoint_file.exists()


def test_a_folder_that_vanishes_while_it_is_decoded_is_named(
    demo_root: Path, tmp_path: Path
) -> None:
    from core.data import datasets

    root = tmp_path / "set"
    shutil.copytree(demo_root, root)
    run = make_run("cnn-16", root)
    datasets.index(root)

    class Vanish(Reporter):
        def phase(self, name: str, total: int = 0) -> None:
            super().phase(name, total)
            if name == "decoding images":
                shutil.rmtree(root)

    from core.training import fit

    with (
        pytest.raises(DataError, match=r"cannot be read.* Bring the file back"),
        Vanish(run) as told,
    ):
        fit.train(run, told)
    assert not list((tmp_path / "artifacts" / "cache").rglob(".*"))


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_colour_bands_learn_with_covered_cells_beside_their_class(
    demo_root: Path, precision: str
) -> None:
    """So the loss is more than the cross-entropy, though nothing penalises the weights."""
    run = make_run("colour-bands", demo_root, precision=precision, epochs=2)
    train(run)
    require_agreement(run, demo_root)
    assert run.metrics is not None
    assert run.metrics.training.precision == ("float32" if precision == "auto" else precision)
    history = run.history
    assert (history["penalty"] == 0).all()
    assert (history["loss"] > history["cross_entropy"] + 0.02).all()
