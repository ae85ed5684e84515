"""The Train page: settings, what stops a training before it starts, runs that train or wait."""

import shutil
from pathlib import Path

import pytest

from core import storage
from core.data import datasets, issues
from core.models.architecture import Pretrained
from core.runs import config, presets, run_store, setting_words
from core.workers import launcher
from tests.factories.app import open_page, words


def test_a_split_that_cannot_be_made_stops_training_before_it_starts(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    for name in ("all", "hem"):
        folder = tmp_path / "set" / name
        folder.mkdir(parents=True)
        for cell in sorted(demo_root.rglob(f"*_{name}.bmp"))[:6]:
            shutil.copy(cell, folder / f"cell {cell.stem[4:]}.bmp")
    datasets.add(str(tmp_path / "set"))
    app = open_page("train")
    assert any("none can be held out" in error.value for error in app.error)
    assert not [b for b in app.button if b.label == "Start training" and not b.disabled]
    next(box for box in app.selectbox if box.label == "Split").select("image").run()
    assert "may be on both sides" in words(app)
    assert not next(b for b in app.button if b.label == "Start training").disabled


def test_whole_pictures_are_not_trained_on_as_cells_unsaid_and_the_choice_outlives_another_network(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issues, "whole_pictures", lambda measured: "144 of 144 images are whole.")
    app = open_page("train")
    assert "144 of 144 images are whole. Choose the whole image" in words(app)
    sees = next(box for box in app.selectbox if box.label == "What the network sees")
    sees.select("image").run()
    next(box for box in app.selectbox if box.label == "Split").select("image").run()
    assert "images are whole" not in words(app)
    next(box for box in app.selectbox if box.label == "Architecture").select("compact").run()
    chosen = {box.label: box.value for box in app.selectbox}
    assert (chosen["What the network sees"], chosen["Split"]) == ("image", "image")
    assert "images are whole" not in words(app) and not app.exception


@pytest.mark.process
def test_training_starts_shows_progress_survives_a_page_switch_and_stops(workspace: Path) -> None:
    app = open_page("train")
    app.number_input(key="epochs_cnn-16_recommended").set_value(500).run()
    before = {run.run_id for run in run_store.runs()}
    next(button for button in app.button if button.label == "Start training").click().run()
    (run,) = [run for run in run_store.runs() if run.run_id not in before]
    try:
        assert run.config.epochs == 500
        assert setting_words.own(run.config) == ["500 epochs"]  # and no rate that nobody chose
        app.switch_page("pages/predict.py").run()
        app.switch_page("pages/train.py").run()
        assert run.run_id in app.header[0].help and run.status.unfinished
        stop = next(button for button in app.button if button.label == "Stop")
        stop.click().run()
        assert launcher.follow(run).state == "cancelled"
        app.run()
        assert "stopped" in words(app) and not app.exception
        next(button for button in app.button if button.label == "Resume").click().run()
        assert run.status.unfinished and not app.exception
    finally:
        run.request_stop()
        launcher.follow(run)
        shutil.rmtree(run.path)


def test_two_unfinished_runs_can_each_be_stopped(workspace: Path) -> None:
    runs = [
        run_store.create(config.create("cnn-16", storage.demo_dir(), "recommended"), name)
        for name in ("waiting-1", "waiting-2")
    ]
    try:
        app = open_page("train")
        assert "Queue of 2 runs" in words(app)
        app.button(key="stop_queue_waiting-2").click().run()
        assert not app.exception
        assert [run.stop_requested for run in runs] == [False, True]
        next(button for button in app.button if button.label == "Stop all").click().run()
        assert [run.stop_requested for run in runs] == [True, True]
    finally:
        for run in runs:
            shutil.rmtree(run.path)


def test_too_few_cells_are_said_before_the_form(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    for file in sorted(demo_root.rglob("*.bmp"))[:3]:
        shutil.copy(file, tmp_path)
    datasets.add(str(tmp_path))
    app = open_page("train")
    assert "needs at least 6" in words(app)
    assert next(b for b in app.button if b.label == "Start training").disabled


def test_missing_weights_are_told_before_training(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_weights_anywhere(tmp_path, monkeypatch)
    app = open_page("train")
    architecture = next(box for box in app.selectbox if box.label == "Architecture")
    architecture.select("vgg16").run()
    assert "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5" in words(app)
    assert next(b for b in app.button if b.label == "Start training").disabled
    app.toggle(key="random_vgg16_recommended").set_value(True).run()
    assert not next(b for b in app.button if b.label == "Start training").disabled


def no_weights_anywhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: home)
    # Port 9 of this machine: nothing answers.
    monkeypatch.setattr(Pretrained, "url", property(lambda self: f"http://127.0.0.1:9/{self.file}"))


@pytest.mark.slow
def test_the_original_study_is_queued_whole_once_its_weights_are_settled(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_weights_anywhere(tmp_path, monkeypatch)
    launched: list[str] = []
    monkeypatch.setattr(launcher, "launch", lambda run: launched.append(run.run_id))
    app = open_page("train")
    app.segmented_control[0].select("original-study").run()
    assert "This split leaks" in words(app) and "efficientnetb3_notop.h5" in words(app)
    assert all(b.disabled for b in app.button if b.label == "Start training")
    app.toggle(key="preset_random").set_value(True).run()
    before = {run.run_id for run in run_store.runs()}
    next(b for b in app.button if b.label == "Queue 5 runs").click().run()
    queued = [run_store.get(run_id) for run_id in launched]
    try:
        assert not app.exception and "Queue of 5 runs" in words(app)
        assert [run.config.architecture for run in queued] == list(presets.STUDY_ARCHITECTURES)
        assert {run.run_id for run in run_store.runs()} - before == set(launched)
        weights = {run.config.architecture: run.config.weights for run in queued}
        assert weights["vgg16"] == weights["efficientnet-b3"] == "random"
        assert weights["cnn-32"] == "imagenet"  # of no effect there, and so not changed
    finally:
        for run in queued:
            shutil.rmtree(run.path)


def test_every_setting_of_a_run_can_be_chosen(workspace: Path) -> None:
    app = open_page("train")
    app.selectbox[1].select("densenet-121").run()
    labels = {w.label for kind in ("number_input", "selectbox", "toggle") for w in app.get(kind)}
    assert labels >= {
        "Epochs", "Batch size", "Learning rate", "Over the epochs", "Keep", "Arithmetic",
        "Stop after epochs without a better one", "Label smoothing", "Unequal classes",
        "Strength (1 is usual)", "Views computed of each image", "Dropout", "L2 penalty",
        "Random instead of ImageNet weights", "Fine-tune top blocks", "Fine-tuning epochs",
        "Fine-tuning rate", "Split", "Seed", "Images", "Classes",
    }  # fmt: skip


def test_curves_of_other_runs_are_laid_over_and_the_loss_is_taken_apart(workspace: Path) -> None:
    app = open_page("train")
    next(box for box in app.selectbox if box.label == "Run").select("run-cnn-16").run()
    app.multiselect(key="overlay").select("run-cnn-dropout").run()
    assert not app.exception and not app.error
    assert "finished" in words(app) and len(app.get("plotly_chart")) == 4
    assert {"cross_entropy", "penalty", "learning_rate"} <= set(app.dataframe[0].value.columns)
