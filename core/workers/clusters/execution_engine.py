"""Which cluster BLASTLENS_ENGINE names."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from core import extras
from core.errors import ConfigError
from core.settings import settings
from core.workers.clusters import ray_token
from core.workers.clusters.cluster import Cluster

LOCAL, RAY, SLURM = "local", "ray", "slurm"
VARIABLE = "BLASTLENS_ENGINE"
_RAY_CLIENT = "ray://"


def choose(engine: str) -> None:
    """Has this process and those that it starts use an engine.

    Raises `ConfigError` as `require` does.
    """
    require(engine)
    os.environ[VARIABLE] = engine


def require(engine: str) -> None:
    """Raises `ConfigError` if there is no such engine, or what it needs is not installed."""
    if engine == LOCAL:
        return
    if engine == RAY or (engine.startswith(_RAY_CLIENT) and len(engine) > len(_RAY_CLIENT)):
        extras.require("ray", "cluster", "Running jobs on Ray")
    elif engine == SLURM:
        extras.require("submitit", "cluster", "Running jobs on SLURM")
        if shutil.which("sbatch") is None:
            raise ConfigError(
                "The engine is slurm, and this machine has no sbatch. Run BlastLens on a node from "
                "which jobs can be submitted, or choose another engine."
            )
    else:
        raise ConfigError(
            f"The engine is {engine!r}; it can be {LOCAL}, {RAY}, {_RAY_CLIENT}HOST:PORT or "
            f"{SLURM}."
        )


def is_local() -> bool:
    """Whether jobs run on this machine, by its own queue."""
    return settings().engine == LOCAL


@contextmanager
def opened() -> Iterator[Cluster]:
    """The chosen cluster, until the end of the block.

    Raises `ConfigError` as `require` does, `ClusterError` if the cluster does not answer.
    """
    engine = settings().engine
    require(engine)
    if engine == SLURM:
        from core.workers.clusters.slurm_cluster import SlurmCluster

        cluster: Cluster = SlurmCluster()
    else:
        ray_token.provide()
        from core.workers.clusters.ray_cluster import RayCluster

        cluster = RayCluster(engine if engine.startswith(_RAY_CLIENT) else None)
    try:
        yield cluster
    finally:
        cluster.close()
