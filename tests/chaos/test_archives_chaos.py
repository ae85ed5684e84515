"""The short form of the campaign on archives; `python -m benchmarks chaos` is the long one."""

import random
from pathlib import Path

import pytest

from core.runs import run_store
from tests.chaos import archive_damage, archives
from tests.factories import archives as factory

# A seed of each kind of mutation.
SEEDS = {
    made.__name__: next(
        seed for seed in range(1000) if random.Random(seed).choice(archive_damage.MUTATIONS) is made
    )
    for made in archive_damage.MUTATIONS
}


def test_a_whole_archive_is_imported_shown_and_read_with(tmp_path: Path) -> None:
    factory.pack(tmp_path / "run.zip", archive_damage.originals())
    assert archives.imported((tmp_path / "run.zip").read_bytes()) == "imported"
    assert [run.run_id for run in run_store.runs()] == ["stranger"]


@pytest.mark.parametrize("seed", SEEDS.values(), ids=list(SEEDS))
def test_a_damaged_archive_is_imported_or_refused(seed: int) -> None:
    tried = archives.trial(seed)
    assert tried.held, tried
