"""What ends a run against its will ends as `failed`, with a sentence that says what to do."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from core import storage
from core.errors import DiskError
from core.jobs.job import Status
from core.jobs.reporter import Reporter
from core.runs import config, run_store
from core.runs.run_store import Run
from core.workers import launcher, queue, trainer, worker
from core.workers.train import _death
from tests.conftest import PROJECT
from tests.factories.processes import half_written


def make_run(root: Path, **settings: object) -> Run:
    small = {"sample": 20, "batch_size": 8, "epochs": 1, "precision": "float32"}
    return run_store.create(config.create("cnn-16", root, "recommended", **small | settings))


def fail(run: Run) -> str:
    """Trains in this process, and returns the sentence."""
    worker.carry_out(run, trainer.work)
    status = run.status
    assert status.state == "failed" and status.finished and status.seconds_left is None
    assert half_written(run) == [] and run.metrics is None
    return status.error or ""


def test_a_loss_that_runs_away_asks_for_a_smaller_rate(demo_root: Path) -> None:
    words = fail(make_run(demo_root, learning_rate=1e3, epochs=20))
    assert "learning rate of" in words and words.endswith("Train with a smaller one.")


def test_a_disk_that_fills_up_while_training_can_still_be_told(
    demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(demo_root)
    make = tempfile.mkstemp

    def full(*args: Any, **places: Any) -> tuple[int, str]:
        if len(run.history):  # from the end of the first epoch on, for whatever file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(places["dir"]))
        return make(*args, **places)

    monkeypatch.setattr(tempfile, "mkstemp", full)
    words = fail(run)
    assert words.startswith("The disk is full") and "Free some space." in words
    assert str(run.path) in words and "Resume it" in words


_ON_A_SMALL_DISK = """
import json, os, sys
from pathlib import Path
from core.workers import train, worker
from core.runs import config, run_store
from core.jobs.job import Status
wanted = config.create("cnn-16", Path(sys.argv[1]), "recommended", sample=20, epochs=1)
run = run_store.create(wanted)
worker.perform(run, train.work)
left = Path(os.environ["BLASTLENS_ARTIFACTS"]).rglob(".*-*")
told = [vars(run.status), sorted(map(str, left))]
try:
    with (run.path / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
except OSError:
    pass
run.write_status(Status(state="failed", error="x" * 300))
told.append(run.status.error)
print("told", json.dumps(told))
"""


def test_a_disk_that_is_really_full_is_told(demo_root: Path, artifacts: Path) -> None:
    """A disk of 2 MiB, in a mount namespace: pixels of 20 cells need 3."""
    artifacts.mkdir()
    mount = f'mount -t tmpfs -o size=2m tmpfs {artifacts} && exec "$@"'
    inside = ["unshare", "-Urm", "sh", "-c", mount, "sh"]
    try:
        subprocess.run([*inside, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no mount namespaces on this machine")
    script = [sys.executable, "-c", _ON_A_SMALL_DISK, str(demo_root)]
    done = subprocess.run([*inside, *script], cwd=PROJECT, capture_output=True, text=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("told "))
    status, left, error = json.loads(line.removeprefix("told "))
    assert status["state"] == "failed", done.stderr
    assert status["error"].startswith("The disk is full") and "Free some space." in status["error"]
    assert left == [] and error == "x" * 300


def test_a_heart_that_cannot_write_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path)

    def broken(*args: object, **more: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    reporter = Reporter(run)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_json", broken)
        with pytest.raises(OSError, match="Input/output"):
            reporter.update(now=True, phase="training")
    with reporter:
        reporter.update(now=True, phase="exporting")
    assert run.status.phase == "exporting"


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (MemoryError(), "The machine ran out of memory. Train with a smaller batch or sample."),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "The machine ran out of memory."),
        (type("ResourceExhaustedError", (Exception,), {})("OOM"), "ran out of memory"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/data/x"),
            "Permission denied (/data/x).",
        ),
        (KeyError("odd"), "Unexpected KeyError: 'odd' (worker.log has the details)."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_problem_has_a_sentence(problem: Exception, words: str, tmp_path: Path) -> None:
    assert words in worker.explain(problem, make_run(tmp_path))


def test_a_job_that_cannot_be_launched_has_failed_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path)

    def full(_: Run) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "ticket")

    monkeypatch.setattr(queue, "join", full)
    with pytest.raises(DiskError, match=r"^The disk is full \(ticket\)"):
        launcher.launch(run)
    assert (run.status.state, (run.status.error or "")[:16]) == ("failed", "The disk is full")


def test_a_problem_in_the_words_of_a_library_is_traced_to_the_disk_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(worker, "refusal", lambda file: full)
    words = worker.explain(RuntimeError("StorageInternalError"), make_run(tmp_path))
    assert words.startswith("The disk is full (")


def test_what_the_system_did_to_a_trainer_is_put_in_words() -> None:
    assert "memory or disk space" in _death(-9) and "smaller batch or sample" in _death(-9)
    assert "SIGSEGV" in _death(-11)
    assert "exit status 3" in _death(3)


def test_a_trainer_that_died_long_after_its_last_beat_is_failed_not_interrupted(
    tmp_path: Path,
) -> None:
    """A machine that swaps holds the heart up for longer than a heart may stop."""
    run = make_run(tmp_path)
    run.write_status(Status(state="running", phase="training", heartbeat=1.0, queued=5.0))
    assert run.status.state == "interrupted"
    run.finish("failed", "It ran out of memory.")
    status = run.status
    assert (status.state, status.error) == ("failed", "It ran out of memory.")
    assert (status.phase, status.queued) == ("training", 5.0)


_STARVED = """
import resource, sys
from pathlib import Path
from core.workers import train, worker
from core.runs.run_store import Run
resource.setrlimit(resource.RLIMIT_AS, (1500 * 2**20, 1500 * 2**20))
worker.perform(Run(Path(sys.argv[1])), train.work)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited so on Linux")
def test_a_worker_that_runs_out_of_memory_says_so(demo_root: Path) -> None:
    """With 1.5 GiB of address space, too little for TensorFlow."""
    run = make_run(demo_root)
    subprocess.run([sys.executable, "-c", _STARVED, str(run.path)], cwd=PROJECT)
    assert run.status.state == "failed"
    assert "memory" in (run.status.error or ""), run.status.error
