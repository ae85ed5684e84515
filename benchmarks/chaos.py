"""Campaigns that try to break BlastLens: random damage from a seed, and what comes of it.

A campaign is a module of `tests/chaos` with `campaign(seed, seconds)`, which yields one `Trial`
for each thing it tried, until the seconds are over or it has tried all. Here the trials are counted
by place and outcome. Those that broke a promise are listed with the seed that repeats them.
"""

import importlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.measure import Figures, Options, at_most, say

# A campaign by the name of its module in tests/chaos, and what it tries.
CAMPAIGNS = {
    "archives": "damaged and hostile archives of a run, imported",
    "documents": "damaged documents, each read and shown as the pages do",
    "uploads": "damaged and costly pictures, through every door that opens one",
    "kills": "kill -9 of everything that works on the artifacts, at moments drawn from a seed",
    "load": "eight people in a browser, on two apps on one artifacts folder, while one trains",
    "disk": "disks that are full, read-only, slow or broken, clocks that jump, data sets that go",
}
PARTS = tuple(CAMPAIGNS)
SECONDS = 60.0
MOST_LISTED = 50  # broken promises
BROKEN = at_most("promises broken by {}", 0)


@dataclass(frozen=True)
class Trial:
    """One thing that was tried.

    place: what was tried, such as a door or a page. outcome: how it ended, in a few words that
    many trials share. held: whether that is as promised. seed: repeats the trial. detail: what
    was seen where the promise was broken. seconds, mib: what it cost, where that was measured.
    """

    place: str
    outcome: str
    held: bool
    seed: int
    detail: str = ""
    seconds: float = 0.0
    mib: float = 0.0


Campaign = Callable[[int, float], Iterable[Trial]]


def measure(options: Options) -> Figures:
    """The figures of each campaign, or of `options.only`.

    `options.seconds` is the time that a campaign may take, `options.seed` is where it starts.
    """
    names = [options.only] if options.only else PARTS
    seed, seconds = options.seed or 0, options.seconds or SECONDS
    return {name: run(name, seed, seconds) for name in names}


def run(name: str, seed: int, seconds: float) -> Figures:
    """Runs one campaign: counts by place and outcome, the dearest trial, broken promises."""
    campaign: Campaign = importlib.import_module(f"tests.chaos.{name}").campaign
    counts: Counter[tuple[str, str]] = Counter()
    broken: list[Trial] = []
    slowest, largest = 0.0, 0.0
    say(f"trying {CAMPAIGNS[name]}: {seconds:g} seconds from seed {seed}")
    for trial in campaign(seed, seconds):
        counts[trial.place, trial.outcome] += 1
        slowest, largest = max(slowest, trial.seconds), max(largest, trial.mib)
        if not trial.held:
            broken.append(trial)
    places = sorted({place for place, _ in counts})
    return {
        "trials": counts.total(),
        **{
            place: {outcome: n for (at, outcome), n in sorted(counts.items()) if at == place}
            for place in places
        },
        "slowest_seconds": slowest,
        "largest_mib": largest,
        "broken": {
            f"{trial.place}, seed {trial.seed}": f"{trial.outcome}: {trial.detail}"
            for trial in broken[:MOST_LISTED]
        },
        "promises": BROKEN(len(broken), name),
    }
