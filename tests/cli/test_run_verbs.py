"""Runs from the command line: named, gone on with, deleted, adopted, and what is made of them."""

import time
from pathlib import Path

import numpy as np
import pytest

from core import storage
from core.cli import main
from core.data.images import decode
from core.jobs.job import Status
from core.runs import active_model, config, run_store
from core.runs.run_store import Run
from core.workers import launcher
from tests.cli.test_command_line import document, run
from tests.factories.archives import adopted_run, shipped_run


def test_a_run_is_named_tagged_and_put_away() -> None:
    shipped_run()
    shipped_run("demo-cnn-dropout")
    active_model.promote(run_store.get("demo-cnn-dropout"))
    before = document("about", "demo-cnn-16")
    assert before["run"] == "demo-cnn-16" and not before["archived"]
    told = document("about", "demo-cnn-16", "--name", "Second try", "--tags", "new,good")
    assert told == before | {"name": "Second try", "tags": ["new", "good"]}
    told = document("about", "demo-cnn-16", "--archived", "--note", "too slow", "--tags", "")
    assert (told["archived"], told["note"], told["tags"]) == (True, "too slow", [])
    assert document("about", "demo-cnn-16") == told
    told = document("about", "demo-cnn-16", "--name", "", "--at-hand")
    assert told["name"] == "demo-cnn-16" and not told["archived"]  # its id, which a person chose


def test_a_run_is_deleted_if_one_is_sure_and_no_record_rests_on_it() -> None:
    for name in ("demo-cnn-16", "demo-cnn-dropout"):
        shipped_run(name)
    reads = active_model.active().run_id
    other = next(one.run_id for one in run_store.runs() if one.run_id != reads)
    told = document("delete-run", other)
    assert not told["deleted"] and told["forbid"] == [] and run_store.get(other)
    assert document("delete-run", reads)["forbid"]
    refused = run("delete-run", reads, "--sure", status=2).stderr
    assert "choose another first" in refused and len(refused.splitlines()) == 1
    assert document("delete-run", other, "--sure")["deleted"]
    assert [one.run_id for one in run_store.runs()] == [reads]


def test_examples_are_test_cells_of_six_subjects(
    finished_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "examples_dir", lambda: tmp_path)
    files = [Path(name) for name in document("examples", finished_run.run_id)]
    assert sorted(files) == sorted(tmp_path.iterdir())
    table = finished_run.predictions.query("split == 'test'").set_index("image_id")
    by_stem = {Path(image_id).stem: image_id for image_id in table.index}
    rows = table.loc[[by_stem[file.stem] for file in files]]
    assert rows["subject"].is_unique and set(rows["label"].value_counts()) <= {1, 2, 3}
    root = storage.demo_dir()
    for file in files:
        assert np.array_equal(decode(file), decode(root / by_stem[file.stem]))


def test_a_stopped_run_is_resumed_and_an_ended_one_is_not(demo_root: Path) -> None:
    settings = {"epochs": 1, "sample": 30, "precision": "float32"}
    wanted = config.create("compact", demo_root, "recommended", **settings)
    stopped = run_store.create(wanted, "stopped")
    stopped.write_status(Status(state="cancelled", finished=time.time()))
    told = document("resume", "stopped")
    assert (told["run"], told["status"]) == ("stopped", "succeeded")
    assert set(told["metrics"]["parts"]) == {"train", "validation", "test"}
    assert "there is nothing to resume" in run("resume", "stopped", status=2).stderr


def test_a_study_queues_its_networks_and_tells_what_became_of_each(
    demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is trained here: each ends as it is launched."""
    monkeypatch.setattr(
        launcher,
        "launch",
        lambda run: run.write_status(Status(state="failed", error="for want of memory")),
    )
    told = document("study", str(demo_root), "--set", "epochs=2", "--set", "weights=random")
    listed = {row["run"]: row for row in told}
    assert {one.run_id for one in run_store.runs()} == set(listed)
    assert len(told) == 5
    for one in run_store.runs():
        row = listed[one.run_id]
        assert row["architecture"] == one.config.architecture and one.config.epochs == 2
        assert (row["status"], row["error"]) == ("failed", "for want of memory")


def test_a_statement_on_an_adopted_model_is_kept_and_taken_back() -> None:
    adopted_run()
    told = document("trained-elsewhere", "theirs", "cells of another hospital")
    assert told["statement"] == "cells of another hospital" and not told["leaking"]
    assert document("trained-elsewhere", "theirs")["statement"] is None
    shipped_run()
    assert main(["trained-elsewhere", "demo-cnn-16", "elsewhere"]) == 2


def test_what_is_no_model_is_not_adopted(demo_root: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(b"\x80\x04.")
    refused = run("adopt", str(file), "--data", str(demo_root), status=2).stderr
    assert "model.pkl" in refused and len(refused.splitlines()) == 1
    assert run_store.runs() == []
