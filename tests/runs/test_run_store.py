"""Run folders: what is read from them is whole, whoever is writing."""

import errno
import json
import tempfile
import time
from pathlib import Path

import pytest

from core import storage
from core.errors import RunError
from core.jobs.job import Status
from core.jobs.reporter import Cancelled, Reporter
from core.runs import config, run_store
from core.runs.run_store import Run


def make_run(name: str, **status: object) -> Run:
    run = run_store.create(config.create("cnn-16", Path("data"), "recommended"), name)
    if status:
        run.write_status(Status(**status))
    return run


def test_a_new_run_is_queued_with_its_config_frozen_on_disk() -> None:
    run = make_run("first")
    assert run.status.state == "queued"
    assert json.loads((run.path / "config.json").read_text())["architecture"] == "cnn-16"
    assert run_store.get("first") == run
    assert run.metrics is None and run.history.empty


def test_a_name_is_never_reused_nor_a_path() -> None:
    make_run("first")
    with pytest.raises(RunError, match="a run first already"):
        make_run("first")
    odd = ("CON", "nul.txt", "com1.run", "first.", "first ", "a\u202eb", "x" * 101)
    for name in ("../first", "a/b", "", ".hidden", *odd):
        with pytest.raises(RunError, match="is not a run name"):
            run_store.get(name)
    with pytest.raises(RunError, match="Runs: first"):
        run_store.get("second")


def test_a_half_written_last_line_of_history_is_skipped() -> None:
    run = make_run("first")
    for epoch in (1, 2):
        run.append_history(dict.fromkeys(run_store.HISTORY_COLUMNS, 0.5) | {"epoch": epoch})
    with (run.path / "history.csv").open("a") as stream:
        stream.write("3,0.4")
    assert list(run.history["epoch"]) == [1, 2]


def test_a_history_is_cut_to_what_its_checkpoint_knows_without_changing_a_digit() -> None:
    run = make_run("first")
    run.keep_history(0)
    assert run.history.empty
    written = [0.1 + 0.2 + epoch / 3 for epoch in range(3)]
    for epoch, loss in enumerate(written, start=1):
        row = dict.fromkeys(run_store.HISTORY_COLUMNS, 0.5)
        run.append_history(row | {"epoch": epoch, "loss": loss, "stage": "training"})
    lines = (run.path / "history.csv").read_text().splitlines(keepends=True)
    with (run.path / "history.csv").open("a") as stream:
        stream.write("4,train")
    run.keep_history(2)
    assert (run.path / "history.csv").read_text() == "".join(lines[:3])
    run.append_history(row | {"epoch": 3, "loss": written[2], "stage": "training"})
    assert (run.path / "history.csv").read_text() == "".join(lines)
    assert list(run.history["epoch"]) == [1, 2, 3]


def test_a_full_disk_leaves_a_status_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("first", state="running", phase="a phase with a longer name")

    def full(*args: object, **places: object) -> tuple[int, str]:
        raise OSError(errno.ENOSPC, "The disk is full left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    run.write_status(Status(state="failed", error="The disk is full."))
    assert (run.status.state, run.status.error) == ("failed", "The disk is full.")
    with pytest.raises(OSError, match="The disk is full"):
        storage.write_json(run.path / "status.json", {})


def test_liveness_is_the_heartbeat() -> None:
    run = make_run("first", state="running", phase="training", heartbeat=time.time() - 3600)
    assert run.status.state == "interrupted"
    assert "while training" in (run.status.error or "")
    run.write_status(Status(state="running"))
    assert run.status.state == "running"
    run.write_status(Status(state="succeeded", heartbeat=0.0))
    assert run.status.state == "succeeded"


def test_broken_and_foreign_folders_are_left_out_of_the_list() -> None:
    make_run("good")
    (storage.runs_dir() / "empty").mkdir()
    broken = make_run("broken")
    (broken.path / "status.json").write_text("{")
    foreign = make_run("foreign")
    (foreign.path / "config.json").write_text('{"architecture": "cnn-16", "colour": 1}')
    assert [run.run_id for run in run_store.runs()] == ["good"]
    with pytest.raises(RunError, match=r"status\.json of broken is damaged"):
        _ = broken.status


def test_a_reporter_beats_without_being_called(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("first", state="running")
    monkeypatch.setattr(
        "core.jobs.reporter.settings", lambda: type("S", (), {"heartbeat_seconds": 0.05})
    )
    with Reporter(run):
        before = run.status.heartbeat
        deadline = time.monotonic() + 5
        while run.status.heartbeat == before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert run.status.heartbeat > before


def test_a_stop_file_cancels_at_the_next_report_but_not_a_finished_run() -> None:
    run = make_run("first", state="running")
    with Reporter(run) as reporter:
        reporter.phase("training", 10)
        run.request_stop()
        with pytest.raises(Cancelled):
            reporter.phase("exporting")
        reporter.update(now=True, state="cancelled")
    assert run.status.state == "cancelled"


def test_status_is_replaced_whole_while_it_is_read() -> None:
    """A reader in a loop never meets half a file, however often it is rewritten."""
    import threading

    run = make_run("first", state="running")
    stop = threading.Event()

    def write() -> None:
        step = 0
        while not stop.is_set():
            step += 1
            run.write_status(Status(state="running", phase="x" * (step % 4000), done=step))

    writer = threading.Thread(target=write)
    writer.start()
    seen = [run.status.done for _ in range(500)]
    stop.set()
    writer.join()
    assert seen == sorted(seen)
    assert not list(run.path.glob(".status*"))
    assert run.status.state == "running"


def test_files_of_another_version_or_cut_short_are_a_sentence() -> None:
    run = make_run("first", state="succeeded", started=1.0)
    for name, content, read in (
        ("metrics.json", "{}", lambda: run.metrics),
        ("calibration.json", "[]", lambda: run.calibration),
        ("status.json", '{"state": "running", "mood": "good"}', lambda: run.status),
        ("status.json", '{"state": "running", "heartbeat": "now"}', lambda: run.status),
    ):
        (run.path / name).write_text(content)
        with pytest.raises(RunError, match="first"):
            read()
    (make_run("second").path / "config.json").write_bytes(b"\xff\xfe{")
    assert run_store.runs() == []


def test_a_deleted_run_stops_and_is_not_brought_back_by_its_worker() -> None:
    import shutil

    run = make_run("first", state="running")
    with Reporter(run) as reporter:
        shutil.rmtree(run.path)
        with pytest.raises(Cancelled):
            reporter.phase("training")
    assert not run.path.exists()
