"""Real worker processes: what they leave when they finish, and failing in words."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.data import datasets, splits
from core.data.layouts import Labelling
from core.errors import ConfigError
from core.metrics import classification
from core.models.engine import Engine
from core.runs import config, run_store
from core.runs.run_store import Run
from core.settings import PROJECT
from core.workers import launcher


def start(root: Path, **settings: object) -> Run:
    run = run_store.create(config.create("compact", root, "recommended", **settings))
    launcher.launch(run)
    return run


def test_the_session_of_a_worker_steps_back_from_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLASTLENS_NICE", "12")
    groups = Path("/proc/self/autogroup")
    if not groups.exists() or not groups.read_text().strip():
        pytest.skip("this system does not share its processors between sessions")
    script = (
        "import os; from core.workers import worker; worker.step_back(); "
        f"print(os.nice(0), open('{groups}').read())"
    )
    # A shell between, because the tests themselves may be what leads a session.
    command = ["sh", "-c", '"$0" "$@"; exit $?', sys.executable, "-c", script]
    for own_session in (False, True):
        said = subprocess.run(
            command,
            cwd=PROJECT,
            start_new_session=own_session,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert int(said[0]) >= 12
        assert (said[-1] == "12") == own_session, said


def test_a_priority_that_is_no_number_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_NICE", "20")
    run = run_store.create(config.create("compact", tmp_path, "recommended"))
    with pytest.raises(ConfigError, match="'20'; it must be a whole number from 0"):
        launcher.launch(run)
    assert run.status.state == "failed" and not run.log_file.exists()


def test_a_finished_run_holds_all_that_the_protocol_names(finished_run: Run) -> None:
    names = {file.name for file in finished_run.path.iterdir()}
    assert names >= {
        "config.json",
        "status.json",
        "history.csv",
        "split.parquet",
        "predictions.parquet",
        "metrics.json",
        "model.keras",
        "engine.xml",
        "engine.bin",
        "calibration.json",
    }
    assert not {name for name in names if name.startswith(".")}
    assert list(finished_run.history["epoch"]) == [1, 2]
    assert set(finished_run.history["stage"]) == {"training"}
    assert np.isfinite(finished_run.history.drop(columns="stage")).all(axis=None)


def test_metrics_follow_from_the_stored_predictions(finished_run: Run) -> None:
    table = finished_run.predictions
    measured = finished_run.metrics
    assert measured is not None
    assert set(table["split"]) == set(splits.PARTS) == set(measured.parts)
    test = table[table["split"] == "test"]
    again = classification.measure(test["label"].to_numpy(), test["probability"].to_numpy())
    assert {name: measured.test.to_json()[name] for name in again} == again
    assert measured.protocol.leaking is False
    assert not set(test["group"]) & set(table.loc[table["split"] != "test", "group"])
    assert measured.dataset.synthetic is True


def test_the_kept_model_and_its_engine_agree_within_1e_4(
    finished_run: Run, demo_root: Path
) -> None:
    from core.data.geometry import Geometry, fit
    from core.data.images import decode
    from core.models import classifier

    files = sorted(demo_root.rglob("*.bmp"))[::10]
    cells = np.stack([fit(decode(file), Geometry()) for file in files])
    model = classifier.load(finished_run.path / "model.keras").model
    keras_logits = model.predict_on_batch(cells.astype(np.float32))[:, 0]
    engine_logits = Engine(finished_run.engine_file).logits(cells)
    np.testing.assert_allclose(engine_logits, keras_logits, atol=1e-4)
    stored = finished_run.predictions.set_index("image_id")["logit"]
    expected = [stored[file.relative_to(demo_root).as_posix()] for file in files]
    np.testing.assert_allclose(engine_logits, expected, atol=1e-4)


def test_a_folder_per_class_trains_by_image_and_says_what_is_not_known(
    demo_root: Path, tmp_path: Path
) -> None:
    for name, label in (("blast", "all"), ("normal", "hem")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for file in sorted(demo_root.rglob(f"*_{label}.bmp"))[:30]:
            shutil.copy(file, tmp_path / "set" / name / file.name.replace("UID", "cell"))
    datasets.add(str(tmp_path / "set"), labelling=Labelling(positive=("blast",)))
    run = start(tmp_path / "set", epochs=1, split="image")
    status = launcher.follow(run)
    assert status.state == "succeeded", status.error
    assert "succeeded" in run.log_file.read_text(encoding="utf-8")
    assert run.metrics is not None
    protocol, test = run.metrics.protocol, run.metrics.test
    assert (protocol.leaking, protocol.unknown_subjects) == (True, 60)
    assert test.intervals == dict.fromkeys(classification.NAMES)
    table = run.predictions
    assert (table["image_id"].str.startswith("blast/") == (table["label"] == 1)).all()
    assert run.calibration.method == "none"


@pytest.mark.parametrize(
    ("architecture", "folder", "words"),
    [
        ("vgg16", None, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("cnn-16", "nowhere", "is not a folder"),
    ],
)
def test_a_run_that_cannot_work_fails_in_a_sentence(
    demo_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    folder: str | None,
    words: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no weights in Keras's cache either
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    root = tmp_path / folder if folder else demo_root
    run = run_store.create(config.create(architecture, root, "recommended"))
    launcher.launch(run)
    status = launcher.follow(run)
    assert status.state == "failed"
    assert words in (status.error or "") and "Traceback" not in (status.error or "")


@pytest.mark.parametrize("run_id", ["demo-colour-bands", "demo-cnn-16", "demo-cnn-dropout"])
def test_the_kept_weights_are_those_of_the_best_epoch(
    run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the shipped runs, whose best epoch was not their last."""
    monkeypatch.delenv("BLASTLENS_ARTIFACTS")
    run = run_store.get(run_id)
    held_out = run.predictions.query("split == 'validation'")
    signs = np.where(held_out["label"] == 1, 1.0, -1.0)
    loss = np.logaddexp(0, -signs * held_out["logit"]).mean()
    assert run.metrics is not None
    facts, costs = run.metrics.training, run.history["validation_cross_entropy"]
    assert facts.kept_epoch == run.history["epoch"][costs.idxmin()] < facts.epochs
    # History was computed as the run trained, in bfloat16 where that is faster: with eight bits a
    # logit is off by 1e-2, and the mean of these by 2e-4, as measured. The stored predictions are
    # the engine's, in float32.
    tolerance = {"float32": 1e-4, "bfloat16": 2e-3}[facts.precision]
    assert loss == pytest.approx(costs.min(), abs=tolerance)
