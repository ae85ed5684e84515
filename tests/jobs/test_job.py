"""One job class for all kinds: what its folder says, whoever wrote it and when."""

import logging
import time
from pathlib import Path

import pytest

from core import storage
from core.data.fetch_job import Fetch
from core.errors import RunError
from core.jobs.job import Job, Status, Taken
from core.jobs.reporter import Reporter
from core.reading.fields.detection_job import DetectionJob
from core.runs.run_store import Run
from core.tuning.sweep_store import Sweep
from core.workers import launcher, worker

# As version 0.1 wrote them, each kind of job with fields of its own.
TIMES = {"queued": 1.0, "heartbeat": 2.0, "started": 1.5, "finished": 3.0}
TRAINED = {
    "state": "succeeded",
    "phase": "measuring",
    "done": 5,
    "total": 5,
    "epoch": 2,
    "epochs": 2,
    "loss": 0.5,
    "cross_entropy": 0.4,
    "penalty": 0.1,
    "accuracy": 0.9,
    "learning_rate": 0.001,
    "images_per_second": 60.0,
    "seconds_left": None,
    "error": None,
    **TIMES,
}
FETCHED = {
    "state": "failed",
    "phase": "downloading",
    "bytes_done": 7,
    "bytes_total": None,
    "rate": None,
    "seconds_left": None,
    "error": "The disk is full.",
    "root": None,
    "heartbeat": 2.0,
}
SEARCHED = {
    "state": "succeeded",
    "phase": "looking for cells",
    "done": 4,
    "total": 4,
    "shape": [9000, 12000],
    "error": None,
    "started": 1.0,
    "heartbeat": 2.0,
}


@pytest.mark.parametrize("kind", [Run, Sweep])
def test_the_status_of_an_earlier_run_or_sweep_is_read(kind: type[Job], tmp_path: Path) -> None:
    storage.write_json(tmp_path / "status.json", TRAINED)
    assert kind(tmp_path).status == Status(**TRAINED)


def test_the_status_of_an_earlier_fetch_is_read(tmp_path: Path) -> None:
    storage.write_json(tmp_path / "status.json", FETCHED)
    status = Fetch(tmp_path).status
    assert (status.state, status.done, status.total, status.root) == ("failed", 7, 0, None)
    data = tmp_path / "data"
    data.mkdir()
    done = {"state": "succeeded", "bytes_done": 8, "bytes_total": 8, "root": str(data)}
    storage.write_json(tmp_path / "status.json", FETCHED | done)
    status = Fetch(tmp_path).status
    assert (status.state, status.done, status.total, status.root) == ("succeeded", 8, 8, data)


def test_the_status_of_an_earlier_search_for_cells_is_read(tmp_path: Path) -> None:
    storage.write_json(tmp_path / "status.json", SEARCHED)
    status = DetectionJob(tmp_path).status
    assert (status.state, status.shape, status.started) == ("succeeded", (9000, 12000), 1.0)


def test_every_kind_of_job_has_a_worker_and_every_status_is_read_back(tmp_path: Path) -> None:
    for kind in launcher.WORKERS:
        job = kind(tmp_path / kind.__name__)
        job.path.mkdir()
        status = Status(state="running", done=3, total=4, shape=(5, 6), root=tmp_path, rate=1.5)
        job.write_status(status)
        assert job.status == status and job.log_file.parent == job.path


def test_a_job_that_ended_is_queued_once_and_one_under_way_or_done_is_not(tmp_path: Path) -> None:
    job = Job(tmp_path)
    assert job.status.state == "none"
    job.request_stop()
    assert job.queue() and not job.stop_requested and job.status.state == "queued"
    assert not job.queue()
    job.finish("cancelled")
    job.finish("succeeded")  # it has ended already
    assert job.status.state == "cancelled"
    job.requeue()
    job.finish("succeeded")
    with pytest.raises(RunError, match="succeeded; there is nothing to resume"):
        job.requeue()


@pytest.mark.parametrize(
    ("ago", "state", "words"),
    [
        (1, "running", ""),
        (-1, "running", ""),
        (110, "interrupted", "without a message 110 s ago, while counting."),
        (3600, "interrupted", "without a message 60 minutes ago, while counting."),
        (3 * 86_400, "interrupted", "without a message 3 days ago, while counting."),
        (-3600, "interrupted", "without a message, while counting."),
    ],
)
def test_a_worker_is_silent_also_where_the_clock_was_set_back(
    ago: int, state: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    Job(tmp_path).write_status(Status(state="running", phase="counting", heartbeat=now - ago))
    monkeypatch.setattr(time, "time", lambda: now)
    assert Job(tmp_path).status.state == state
    assert words in (Job(tmp_path).status.error or "")


def test_a_worker_gives_way_to_one_at_work_and_waits_for_one_that_ends(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.queue()
    with job.claim():
        job.write_status(Status(state="running"))
        with pytest.raises(Taken), Job(tmp_path).claim():
            pass
    with job.claim():
        pass


def test_what_a_worker_does_is_in_the_log_with_its_tracebacks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def work(job: Job, reporter: Reporter) -> None:
        reporter.begin()
        reporter.phase("counting", 3)
        raise KeyError("odd")

    job = Job(tmp_path)
    job.queue()
    with caplog.at_level(logging.INFO, logger="core"):
        worker.perform(job, work)
    assert job.status.state == "failed" and job.status.finished is not None
    assert "running: counting" in caplog.text
    assert "Traceback" in caplog.text and "KeyError: 'odd'" in caplog.text
