"""The model of a cohort on many machines: laws that hold for any rates."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import scale
from benchmarks.scale_model import (
    Cluster,
    Rates,
    Work,
    before,
    bottleneck,
    closed_form,
    simulate,
)
from tests.conftest import PROJECT

RATES = Rates(
    read=0.001,
    decode=0.004,
    engine=0.004,
    rest=0.003,
    chunk=0.02,
    row_group=1e-6,
    open_group=1e-6,
    start=4.0,
    dispatch=2e-4,
    listing=2e-5,
    picture_bytes=6e5,
    spread=(0.8, 0.9, 1.0, 1.3),
)
FAST = Cluster(1, cores=1, storage_bytes=1e18, storage_opens=1e18)
works = st.builds(Work, st.integers(1, 3000), st.integers(1, 200))
rates = st.builds(
    replace,
    st.just(RATES),
    engine=st.floats(1e-4, 0.1),
    chunk=st.floats(0, 0.5),
    dispatch=st.floats(0, 0.05),
    picture_bytes=st.floats(1, 1e8),
)


def test_one_worker_without_spread_takes_the_work_over_its_rate() -> None:
    plain = replace(RATES, dispatch=0.0, row_group=0.0)
    work = Work(10_000, 128)
    expected = 10_000 * 0.012 + 79 * 0.02 + 10_000 * 2e-5 + 4.0 + 79e-6
    assert simulate(plain, FAST, work).seconds == pytest.approx(expected, rel=1e-6)


@given(rates, works, st.integers(1, 20), st.integers(1, 20), st.integers(0, 3))
def test_more_nodes_are_never_slower_without_loss(
    rates: Rates, work: Work, nodes: int, more: int, seed: int
) -> None:
    few, many = (
        simulate(rates, Cluster(number, cores=2), work, spread=RATES.spread, seed=seed).seconds
        for number in (nodes, nodes + more)
    )
    assert many <= few * (1 + 1e-9)


@given(rates, works, st.integers(1, 20), st.booleans())
def test_all_pictures_are_read_once_and_time_is_conserved(
    rates: Rates, work: Work, nodes: int, losses: bool
) -> None:
    cluster = Cluster(nodes, cores=2, losses=60.0, back=5.0)
    told = simulate(rates, cluster, work, spread=RATES.spread, losses=losses, seed=nodes)
    assert told.pictures == work.pictures
    least = work.pictures * rates.picture * min(RATES.spread)
    assert told.busy >= least
    # No worker is at more than one chunk at a time.
    spent = cluster.workers * (told.seconds - before(rates, work))
    assert told.busy + told.wasted <= spent * (1 + 1e-9)
    assert (told.wasted > 0) <= (told.losses > 0) <= losses


@given(rates, works, st.integers(1, 20))
def test_nothing_beats_the_slowest_stage_and_the_closed_form_agrees(
    rates: Rates, work: Work, nodes: int
) -> None:
    cluster, whole = Cluster(nodes, cores=2), Work(work.size * work.chunks, work.size)
    told = simulate(rates, cluster, whole).seconds
    served = whole.pictures * rates.picture_bytes / cluster.storage_bytes
    for stage in (
        served,
        whole.chunks * rates.dispatch,
        whole.pictures * rates.picture / 2 / nodes,
    ):
        assert told >= before(rates, whole) + stage * (1 - 1e-9)
    assert closed_form(rates, cluster, whole) == pytest.approx(told, rel=0.02)


def test_losses_cost_time_and_are_made_good() -> None:
    work, cluster = Work(200_000, 128), Cluster(16, cores=4, losses=20.0, back=60.0)
    without = simulate(RATES, cluster, work)
    for seed in range(3):
        told = simulate(RATES, cluster, work, losses=True, seed=seed)
        assert told.pictures == 200_000 and told.losses > 0 and told.wasted > 0
        assert told.seconds >= without.seconds


def test_the_documentation_has_the_rows_that_the_command_prints() -> None:
    """Of 10^6 cells; those of 10^8 come from the same function, and take a minute."""
    text, rates = (PROJECT / "docs" / "SCALE.md").read_text(encoding="utf-8"), scale.kept()
    rows = [
        scale.row(rates, storage, 10**6, nodes)
        for storage, nodes in product(scale.STORAGES, scale.NODES)
    ]
    for line in scale.markdown(rows):
        assert line in text
    for line in scale.markdown([scale.by_size(rates, 10**6, nodes) for nodes in scale.NODES]):
        assert line in text
    for name in ("read", "decode", "engine", "rest", "chunk", "start", "dispatch", "listing"):
        assert f"| {getattr(rates, name):g} |" in text, name


def test_what_takes_most_is_named() -> None:
    slow, fast = Cluster(1), Cluster(1000, storage_bytes=1e12, storage_opens=1e12)
    assert "decode" in bottleneck(RATES, slow, Work(10**6, 128))
    assert bottleneck(RATES, Cluster(1000), Work(10**6, 128)) == "storage bandwidth"
    assert bottleneck(RATES, fast, Work(10**6, 128)) == "listing"
    listed = replace(RATES, listing=0.0)
    assert bottleneck(listed, fast, Work(10**6, 8)) == "dispatch"
    assert bottleneck(listed, fast, Work(1000, 128)) == "start of workers"
    small = Cluster(1000, storage_bytes=1e12, storage_opens=100)
    assert bottleneck(RATES, small, Work(10**6, 128)) == "files opened on the storage"
