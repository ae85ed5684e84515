"""Ray: a cluster that runs, or one that this process starts on this machine."""

import os
import socket
import threading
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from typing import Any

import ray
from ray import exceptions
from ray.util.queue import Queue

from core import compat
from core.errors import BlastLensError, ClusterError
from core.jobs.job import Job
from core.runs.run_store import Run
from core.settings import settings
from core.workers.clusters import execution_engine, node, shipping
from core.workers.clusters.cluster import MOST_LOSSES, Order, cpus_per_run

_ANSWER_SECONDS = 5.0
# Errors after which a function can be run again.
_LOST = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
    exceptions.OutOfMemoryError,
    exceptions.TaskUnschedulableError,
)
_START = "Start one with `ray start --head`, or name another in RAY_ADDRESS or ray://HOST:PORT."


class RayTask:
    """A task of Ray."""

    def __init__(self, reference: Any, place: str) -> None:
        """Takes the reference to what the task will return."""
        self._reference, self.place = reference, place
        self._serving: threading.Thread | None = None

    def serve(self, run: Run, relay: shipping.Relay) -> None:
        """Answers the node that asks for a run; the task ends when all has come back."""
        arguments = (run, relay, self._returned)
        self._serving = threading.Thread(target=shipping.serve, args=arguments, daemon=True)
        self._serving.start()

    @property
    def ended(self) -> bool:
        """See `Task`."""
        return self._returned() and not (self._serving and self._serving.is_alive())

    def _returned(self) -> bool:
        return bool(ray.wait([self._reference], timeout=0)[0])

    @property
    def error(self) -> str | None:
        """See `Task`."""
        problem = self._problem
        return None if problem is None else _sentence(problem)

    @property
    def lost(self) -> bool:
        """See `Task`."""
        return isinstance(self._problem, _LOST)

    @property
    def _problem(self) -> Exception | None:
        if not self.ended:
            return None
        try:
            ray.get(self._reference)
        except exceptions.RayTaskError as failed:
            cause = failed.cause
            return cause if isinstance(cause, BlastLensError) else RuntimeError(str(failed))
        except exceptions.RayError as problem:
            # mypy does not know the errors of Ray.
            return problem  # type: ignore[no-any-return]
        return None

    def cancel(self) -> None:
        """See `Task`."""
        ray.cancel(self._reference)


class RayCluster:
    """A connection to Ray, of which a process has one."""

    def __init__(self, address: str | None = None) -> None:
        """Connects to `ray://HOST:PORT`.

        None for the cluster of RAY_ADDRESS or of `ray start`; without either, one of this machine
        is started, and is known to the processes that this one starts. Raises `ClusterError`.
        """
        found = address or _running()
        self.standing = found is not None
        if found is not None:
            _require_answer(found)
        try:
            context = ray.init(
                address=found or "local",
                log_to_driver=False,
                logging_level="ERROR",
                **({} if found else {"include_dashboard": False}),
            )
        except (ConnectionError, RuntimeError, ValueError, exceptions.RayError) as problem:
            raise ClusterError(
                f"Ray at {found or 'this machine'} cannot be used: {_sentence(problem)}"
            ) from None
        if found is None:
            os.environ["RAY_ADDRESS"] = context.address_info["address"]

    def submit(self, order: Order, job: Job) -> RayTask:
        """See `Cluster`."""
        cpus, gpus = self._cpus_per_run(), min(1, int(self._most("GPU")))
        carry_out = ray.remote(node.carry_out).options(
            num_cpus=cpus,
            num_gpus=gpus,
            max_retries=0,
            runtime_env={"env_vars": {"PYTHONPATH": order.environment["PYTHONPATH"]}},
        )
        wanted = f"{cpus} cores" + (" and a GPU" if gpus else "")
        relay = _relay() if isinstance(job, Run) and settings().ship else None
        task = RayTask(carry_out.remote(order, relay), f"waiting for Ray to start it ({wanted})")
        if isinstance(job, Run) and relay is not None:
            task.serve(job, relay)
        return task

    def runs_at_once(self) -> int:
        """See `Cluster`."""
        cpus = self._cpus_per_run()
        return max(1, sum(int(cores // cpus) for cores in self._resources("CPU")))

    def cores(self) -> int:
        """See `Cluster`."""
        return max(1, int(sum(self._resources("CPU"))))

    def pool(self) -> Executor:
        """See `Cluster`."""
        return RayPool()

    def close(self) -> None:
        """See `Cluster`."""
        if not self.standing:
            os.environ.pop("RAY_ADDRESS", None)
        with suppress(Exception):
            ray.shutdown()

    def _cpus_per_run(self) -> int:
        """The cores of a training: as set, or all of the largest node if it has fewer."""
        return max(1, min(cpus_per_run(), int(self._most("CPU"))))

    def _most(self, resource: str) -> float:
        return max(self._resources(resource), default=0)

    def _resources(self, resource: str) -> list[float]:
        return [each["Resources"].get(resource, 0) for each in ray.nodes() if each["Alive"]]


class RayPool(Executor):
    """Calls functions on all nodes, one core each; Ray runs those of a lost worker again."""

    def __init__(self) -> None:
        """Needs a connection to Ray."""
        passed = {name: text for name, text in os.environ.items() if name.startswith("BLASTLENS_")}
        passed |= {execution_engine.VARIABLE: execution_engine.LOCAL, "BLASTLENS_CORES": "1"}
        passed["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
        self._options = {
            "num_cpus": 1,
            "max_retries": MOST_LOSSES,
            "runtime_env": {"env_vars": passed},
        }
        self._calls: list[tuple[Any, Future[Any]]] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Returns the future of a call."""
        reference = ray.remote(function).options(**self._options).remote(*args, **kwargs)
        answered, future = reference.future(), Future[Any]()
        answered.add_done_callback(lambda done: _settle(done, future))
        self._calls = [call for call in self._calls if not call[1].done()] + [(reference, future)]
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the calls that have not returned, if `cancel_futures`."""
        for reference, future in self._calls if cancel_futures else ():
            if not future.done():
                ray.cancel(reference, force=True)


def _settle(done: "Future[Any]", future: "Future[Any]") -> None:
    problem = done.exception()
    if problem is None:
        future.set_result(done.result())
    elif isinstance(problem, exceptions.RayTaskError):
        cause = problem.cause
        future.set_exception(cause if isinstance(cause, Exception) else problem)
    else:
        future.set_exception(BrokenExecutor(_sentence(problem)))


def _relay() -> shipping.Relay:
    size, options = shipping.PIECES_ON_THE_WAY, {"num_cpus": 0}
    return shipping.Relay(Queue(size, options), Queue(size, options))


def _running() -> str | None:
    """The address of a cluster that RAY_ADDRESS or `ray start` names; None without either."""
    address = os.environ.get("RAY_ADDRESS", "")
    return address if address.startswith("ray://") else compat.ray_address()


def _require_answer(address: str) -> None:
    """Raises `ClusterError` if nothing listens at an address, on which Ray itself waits minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        raise ClusterError(f"{address} is not an address of Ray; it must end with :PORT. {_START}")
    try:
        socket.create_connection((host, int(port)), _ANSWER_SECONDS).close()
    except (OSError, OverflowError) as problem:
        raise ClusterError(f"No Ray answers at {address} ({problem}). {_START}") from None


def _sentence(problem: BaseException) -> str:
    text = " ".join(str(problem).split())
    return f"{text[:400]}{'' if text.endswith('.') else '.'}"
