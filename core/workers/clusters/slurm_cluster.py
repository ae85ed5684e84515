"""SLURM, by submitit: each worker is a batch job that writes to the shared disk."""

import secrets
import shutil
import subprocess
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, pickle_load

from core import storage
from core.errors import ClusterError, ConfigError
from core.jobs.job import Job
from core.settings import settings
from core.workers.clusters import node
from core.workers.clusters.cluster import Order, cpus_per_run

_HOURS = 24
_ASK_EVERY_SECONDS = 2.0
# A shared disk may show a result later than SLURM forgets its job.
_RESULT_SECONDS = 10.0


class SlurmTask:
    """A batch job."""

    def __init__(self, job: "submitit.Job[Any]") -> None:
        """Takes a submitted job."""
        self._job = job
        self._asked, self._listed = time.monotonic(), ("PENDING", "submitted")
        self._gone: float | None = None

    @property
    def place(self) -> str:
        """See `Task`."""
        state, reason = self._look()
        return f"SLURM job {self._job.job_id}: {state.lower()} ({reason})"

    @property
    def ended(self) -> bool:
        """See `Task`."""
        if self._has_result:
            return True
        if self._look()[0]:
            self._gone = None
            return False
        if self._gone is None:
            self._gone = time.monotonic()
        return time.monotonic() - self._gone > _RESULT_SECONDS

    @property
    def error(self) -> str | None:
        """See `Task`."""
        if not self.ended:
            return None
        if not self._has_result:
            return (
                f"SLURM job {self._job.job_id} ended without a result: it was cancelled, ran over "
                "its time or memory, or its node was lost."
            )
        outcome, said = pickle_load(self._job.paths.result_pickle)
        if outcome == "success":
            return None
        return str(said).strip().splitlines()[-1].partition(": ")[2]

    @property
    def result(self) -> Any:
        """What the function returned, if there is no error."""
        return pickle_load(self._job.paths.result_pickle)[1]

    @property
    def lost(self) -> bool:
        """See `Task`."""
        return self.ended and not self._has_result

    def cancel(self) -> None:
        """See `Task`."""
        self._job.cancel(check=False)

    @property
    def _has_result(self) -> bool:
        return bool(self._job.paths.result_pickle.exists())

    def _look(self) -> tuple[str, str]:
        """The state of the job and its reason or nodes; empty when SLURM no longer lists it.

        By squeue, because sacct needs a database that many clusters lack.
        """
        if time.monotonic() - self._asked > _ASK_EVERY_SECONDS:
            self._asked = time.monotonic()
            command = ["squeue", "--noheader", "--jobs", self._job.job_id, "--format", "%T|%R"]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode and "Invalid job id" not in answer.stderr:
                return self._listed  # SLURM does not answer for a moment
            state, _, reason = answer.stdout.strip().partition("|")
            alive = state in ("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "REQUEUED")
            self._listed = (state, reason.strip("()")) if alive else ("", "")
        return self._listed


class SlurmCluster:
    """The SLURM of which this machine is a node."""

    standing = True

    def submit(self, order: Order, job: Job) -> SlurmTask:
        """See `Cluster`."""
        executor = _executor(Path(order.folder) / "slurm", cpus_per_run())
        return SlurmTask(_submitted(executor, node.carry_out, order))

    def runs_at_once(self) -> int:
        """See `Cluster`. SLURM has a queue of its own, so this only bounds the processes here."""
        return 16

    def cores(self) -> int:
        """See `Cluster`. As many batch jobs are in the queue at a time."""
        command = ["sinfo", "--noheader", "--format", "%C"]  # allocated/idle/other/total
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        total = answer.stdout.strip().rpartition("/")[2]
        if not total.isdigit():
            raise ClusterError(
                f"SLURM does not say how many cores it has ({answer.stderr.strip()}). Check it "
                "with: sinfo"
            )
        return max(1, int(total))

    def pool(self) -> Executor:
        """See `Cluster`."""
        return SlurmPool()

    def close(self) -> None:
        """See `Cluster`."""


class SlurmPool(Executor):
    """Calls functions on nodes, a batch job a call."""

    def __init__(self) -> None:
        """Makes a folder for what batch jobs return, on the disk of the artifacts."""
        self._folder = storage.slurm_dir() / secrets.token_hex(4)
        self._calls: list[tuple[SlurmTask, Future[Any]]] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Returns the future of a call."""
        executor = _executor(self._folder, 1)
        task = SlurmTask(_submitted(executor, function, *args, **kwargs))
        future: Future[Any] = Future()
        threading.Thread(target=_settle, args=(task, future), daemon=True).start()
        self._calls = [call for call in self._calls if not call[1].done()] + [(task, future)]
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes the jobs that have not returned out of SLURM, if `cancel_futures`."""
        for task, future in self._calls if cancel_futures else ():
            if not future.done():
                task.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)


def _settle(task: SlurmTask, future: Future[Any]) -> None:
    while not task.ended:
        time.sleep(_ASK_EVERY_SECONDS / 4)
    problem = task.error
    if problem is None:
        future.set_result(task.result)
    elif task.lost:
        future.set_exception(BrokenExecutor(problem))
    else:
        future.set_exception(ClusterError(problem))


def _executor(folder: Path, cores: int) -> "submitit.SlurmExecutor":
    executor = submitit.SlurmExecutor(folder)
    executor.update_parameters(**{"time": _HOURS * 60, "cpus_per_task": cores} | _options())
    return executor


def _options() -> dict[str, str]:
    """The options of BLASTLENS_SLURM. Raises `ConfigError`."""
    options = {}
    for part in settings().slurm.split():
        name, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(f"BLASTLENS_SLURM has {part!r}; it takes NAME=VALUE NAME=VALUE.")
        options[name.removeprefix("--").replace("-", "_")] = value
    return options


def _submitted(executor: Any, function: Any, *args: Any, **kwargs: Any) -> "submitit.Job[Any]":
    try:
        job: submitit.Job[Any] = executor.submit(function, *args, **kwargs)
    except (FailedJobError, OSError, NameError) as problem:
        raise ClusterError(
            f"SLURM refused the job ({problem}). Check BLASTLENS_SLURM, and SLURM itself with: "
            "sinfo"
        ) from None
    return job
