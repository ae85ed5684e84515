"""What a run will cost, from what this machine took lately, or a probe."""

import shutil
import time
from pathlib import Path

import pytest

from core import storage
from core.runs import config, cost, run_store, speed
from core.runs.config import RunConfig
from core.runs.run_store import Run
from core.runs.speed import TrainingSpeed


def wanted(architecture: str = "cnn-16", **settings: object) -> RunConfig:
    return config.create(architecture, Path("/x"), "recommended", **settings)


def test_time_follows_the_measured_rate_and_the_work(finished_run: Run) -> None:
    once = cost.estimate(wanted(epochs=10), cells=1000)
    twice = cost.estimate(wanted(epochs=20), cells=1000)
    assert once.seconds and twice.seconds and once.measured_by == finished_run.run_id
    assert finished_run.metrics is not None
    rate = finished_run.metrics.training.images_per_second
    assert twice.seconds - once.seconds == pytest.approx(7000 / rate)
    assert once.cache_mebibytes == pytest.approx(1000 * 224 * 224 * 3 / 2**20)
    assert cost.total([once, twice]) == pytest.approx(once.seconds + twice.seconds)


def test_before_any_run_or_probe_the_time_is_unknown_not_guessed() -> None:
    price = cost.estimate(wanted("cnn-32"), cells=100)
    assert (price.seconds, price.measured_by, cost.total([price])) == (None, None, None)


def test_a_probe_gives_the_time_of_what_it_measured() -> None:
    probe = speed.prepare(wanted("vgg16", epochs=10, views=4))
    assert probe.config.epochs == 2 and probe.config.weights == "random"
    measured = TrainingSpeed(
        start_seconds=20,
        images_per_second=50,
        features_per_second=10,
        cells_per_second=100,
        at=time.time(),
    )
    measured.write(probe.path / "speed.json")
    price = cost.estimate(wanted("vgg16", epochs=10, views=4), cells=1000, runs=2)
    # Twice: 20 s of start, 700 cells in 10 epochs, 1000 cells once; and 4 views of features once.
    assert price.seconds == pytest.approx(2 * (20 + 140 + 10) + 400)
    assert price.measured_by is None
    for other in (wanted("cnn-32"), wanted("vgg16", batch_size=64)):
        assert cost.estimate(other, cells=1000).seconds is None


def test_the_newer_of_a_run_and_a_probe_tells(finished_run: Run) -> None:
    probe = speed.prepare(wanted())
    ended = finished_run.status.finished
    assert ended is not None
    try:
        for at, measured_by in ((ended - 60, finished_run.run_id), (ended + 60, None)):
            TrainingSpeed(
                start_seconds=7, images_per_second=1e9, cells_per_second=1e9, at=at
            ).write(probe.path / "speed.json")
            price = cost.estimate(wanted(), cells=100)
            assert price.measured_by == measured_by
            assert price.seconds and (price.seconds == pytest.approx(7, abs=1e-3)) == (at > ended)
    finally:
        shutil.rmtree(probe.path)


def test_a_run_of_another_machine_or_of_long_ago_does_not_count(finished_run: Run) -> None:
    files = {name: (finished_run.path / name) for name in ("metrics.json", "status.json")}
    before = {name: file.read_bytes() for name, file in files.items()}
    try:
        document = storage.read_json(files["metrics.json"])
        document["environment"]["processor"] = "another"
        storage.write_json(files["metrics.json"], document)
        assert cost.estimate(wanted(), cells=100).seconds is None
        files["metrics.json"].write_bytes(before["metrics.json"])
        status = storage.read_json(files["status.json"])
        status["finished"] -= cost.LATELY + 60
        storage.write_json(files["status.json"], status)
        assert cost.estimate(wanted(), cells=100).seconds is None
    finally:
        for name, file in files.items():
            file.write_bytes(before[name])


def test_a_frozen_backbone_costs_its_features_too(finished_run: Run) -> None:
    run = run_store.create(wanted("vgg16"), "frozen")
    try:
        for name in ("metrics.json", "status.json"):
            shutil.copy(finished_run.path / name, run.path / name)
        document = storage.read_json(run.path / "metrics.json")
        document["training"] |= {"images_per_second": 5000, "features_per_second": 50}
        storage.write_json(run.path / "metrics.json", document)
        one, four = (
            cost.estimate(wanted("vgg16", epochs=10, views=views), cells=1000) for views in (1, 4)
        )
        assert one.seconds and four.seconds
        assert four.seconds - one.seconds == pytest.approx(3 * 1000 / 50)
    finally:
        shutil.rmtree(run.path)


def test_what_another_device_measured_does_not_count(
    finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_store.create(wanted(), "on-a-gpu")
    try:
        for name in ("metrics.json", "status.json"):
            shutil.copy(finished_run.path / name, run.path / name)
        document = storage.read_json(run.path / "metrics.json")
        document["training"] |= {"images_per_second": 9e9, "devices": {"training": "GPU (one)"}}
        storage.write_json(run.path / "metrics.json", document)
        for setting, measured_by in (("gpu", "on-a-gpu"), ("cpu", finished_run.run_id)):
            monkeypatch.setenv("BLASTLENS_DEVICE", setting)
            assert cost.estimate(wanted(), cells=100).measured_by == measured_by
    finally:
        shutil.rmtree(run.path)


def test_many_runs_take_as_many_times_as_long(finished_run: Run) -> None:
    one = cost.estimate(wanted(), cells=100).seconds
    seven = cost.estimate(wanted(), cells=100, runs=7).seconds
    assert one and seven == pytest.approx(7 * one)
