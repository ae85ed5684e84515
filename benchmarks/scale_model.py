"""How long a cohort takes on many machines: a closed form, and a discrete-event simulation.

A coordinator lists the pictures and gives out chunks, one after another. A worker is a process on a
core of its own: it starts, and then takes a chunk, reads its files from a storage that all share,
computes, writes the part, and takes the next. The storage serves requests in their order, at its
bandwidth or its rate of opened files, whichever is slower. A node that is lost takes the chunks of
its workers with it; they are given out again, and the node comes back after a while.
"""

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rates:
    """What was measured, on one core; seconds unless the name says otherwise.

    read, decode, engine, rest: of a picture; rest is checks, answer and row. chunk: of a chunk
    besides its pictures: attempt file, part, place in the manifest. row_group: of finding a chunk
    in the manifest, for each chunk before it; open_group: of opening the manifest, for each chunk
    in it. start: of a worker, up to its first chunk. dispatch: of the coordinator, for each chunk.
    listing: of a file. picture_bytes: of a file. spread: times of chunks over their mean.
    """

    read: float
    decode: float
    engine: float
    rest: float
    chunk: float
    row_group: float
    open_group: float
    start: float
    dispatch: float
    listing: float
    picture_bytes: float
    spread: tuple[float, ...]

    @property
    def picture(self) -> float:
        """Seconds of a core for one picture."""
        return self.read + self.decode + self.engine + self.rest


@dataclass(frozen=True)
class Cluster:
    """What is assumed of the machines.

    storage_bytes and storage_opens: of the shared storage, a second. losses: of a node, an hour, as
    of machines that are cheap because they can be taken away.
    back: seconds until a lost node works again, its workers' start left out.
    """

    nodes: int
    cores: int = 16
    storage_bytes: float = 2e9
    storage_opens: float = 20_000
    losses: float = 0.05
    back: float = 300.0

    @property
    def workers(self) -> int:
        """One process a core."""
        return self.nodes * self.cores


@dataclass(frozen=True)
class Work:
    """Pictures in chunks of `size`, all but the last whole."""

    pictures: int
    size: int

    @property
    def chunks(self) -> int:
        """Their number."""
        return -(-self.pictures // self.size)

    def of(self, chunk: int) -> int:
        """The pictures of a chunk."""
        return min(self.size, self.pictures - chunk * self.size)


def storage_seconds(rates: Rates, cluster: Cluster) -> dict[str, float]:
    """Seconds that the shared storage serves one picture, by what limits it."""
    return {
        "storage bandwidth": rates.picture_bytes / cluster.storage_bytes,
        "files opened on the storage": 1 / cluster.storage_opens,
    }


def before(rates: Rates, work: Work) -> float:
    """Seconds until the workers work: the pictures are listed, then workers start."""
    return work.pictures * rates.listing + rates.start + work.chunks * rates.open_group


def closed_form(rates: Rates, cluster: Cluster, work: Work) -> float:
    """Seconds without spread and loss.

    With q the slower of coordinator and storage, worker i of W starts i q later than the first, and
    needs p a chunk; the last of n chunks is ready then, or when the slower has served all n.
    """
    served = work.size * max(storage_seconds(rates, cluster).values())
    busy = rates.chunk + work.size * rates.picture + rates.row_group * (work.chunks - 1) / 2
    period, q = rates.dispatch + served + busy, max(rates.dispatch, served)
    rounds, last = divmod(work.chunks - 1, cluster.workers)
    ends = [last * q + (rounds + 1) * period, work.chunks * q + period - q]
    if rounds:
        ends.append((cluster.workers - 1) * q + rounds * period)
    return before(rates, work) + max(ends)


def bottleneck(rates: Rates, cluster: Cluster, work: Work) -> str:
    """What takes the most time: of a stage that all wait for, or of the workers' time."""
    workers = min(cluster.workers, work.chunks)
    cpu = {"decode": rates.decode, "engine": rates.engine, "checks and rows": rates.rest}
    cpu |= {"reading files": rates.read, "parts": rates.chunk / work.size}
    cpu["finding chunks in the manifest"] = rates.row_group * work.chunks / 2 / work.size
    waits = {
        "listing": work.pictures * rates.listing,
        "start of workers": rates.start + work.chunks * rates.open_group,
        "dispatch": work.chunks * rates.dispatch,
        **{k: work.pictures * v for k, v in storage_seconds(rates, cluster).items()},
        "processor": work.pictures * sum(cpu.values()) / workers,
    }
    first = max(waits, key=lambda name: waits[name])
    if first != "processor":
        return first
    most = max(cpu, key=lambda name: cpu[name])
    return f"processor: {most} ({cpu[most] / sum(cpu.values()):.0%} of it)"


@dataclass(frozen=True)
class Simulated:
    """seconds: until the last part is there. pictures: in parts. busy: of workers, on chunks whose
    part was written; wasted: on chunks that a loss took. losses: of nodes."""

    seconds: float
    pictures: int
    busy: float
    wasted: float
    losses: int


def simulate(
    rates: Rates,
    cluster: Cluster,
    work: Work,
    *,
    spread: Sequence[float] = (1.0,),
    losses: bool = False,
    seed: int = 0,
) -> Simulated:
    """Plays a cohort through, event by event.

    A chunk's time on its core is its mean time that of one drawn from `spread`, which belongs to
    the chunk. `losses` takes nodes away at the cluster's rate.
    """
    rng = np.random.default_rng(seed)
    factors = rng.choice(np.asarray(spread, float), work.chunks).tolist()
    serve = max(storage_seconds(rates, cluster).values())
    start = before(rates, work)
    waiting, again = iter(range(work.chunks)), deque[int]()
    # When, whose, the worker's life, and the chunk that ends then: -1 for none.
    events = [(start, worker, 0, -1) for worker in range(min(cluster.workers, work.chunks))]
    lives, since = [0] * cluster.workers, [0.0] * cluster.workers
    holds = [-1] * cluster.workers
    asleep = list[int]()  # workers that found nothing to do
    mean = 3600 / cluster.losses / cluster.nodes if losses and cluster.losses else math.inf
    fails = start + rng.exponential(mean) if mean < math.inf else math.inf
    coordinator = storage = start
    done = pictures = number = 0
    busy = wasted = now = end = 0.0
    while done < work.chunks:
        if events and events[0][0] <= fails:
            now, worker, life, chunk = heapq.heappop(events)
            if life != lives[worker]:
                continue  # of a worker that was lost meanwhile
            if chunk >= 0:
                done, pictures, end = done + 1, pictures + work.of(chunk), now
                busy += now - since[worker]
                holds[worker] = -1
        else:
            now, fails = fails, fails + rng.exponential(mean)
            number += 1
            first = int(rng.integers(cluster.nodes)) * cluster.cores
            lost, back = range(first, first + cluster.cores), now + cluster.back + rates.start
            for worker in lost:
                lives[worker] += 1
                if (chunk := holds[worker]) >= 0:
                    again.append(chunk)
                    wasted += now - since[worker]
                    holds[worker] = -1
                heapq.heappush(events, (back, worker, lives[worker], -1))
            # The others may have nothing to do by now.
            for worker in asleep:
                if worker not in lost:
                    heapq.heappush(events, (now, worker, lives[worker], -1))
            asleep.clear()
            continue
        chunk = again.popleft() if again else next(waiting, -1)
        if chunk < 0:
            asleep.append(worker)
            continue
        coordinator = max(coordinator, now) + rates.dispatch
        storage = max(storage, coordinator) + work.of(chunk) * serve
        computed = rates.chunk + work.of(chunk) * rates.picture + rates.row_group * chunk
        holds[worker], since[worker] = chunk, now
        heapq.heappush(events, (storage + computed * factors[chunk], worker, lives[worker], chunk))
    return Simulated(end, pictures, busy, wasted, number)
