"""Kills of a look at a data set, the short form of `python -m benchmarks chaos --only kills`.

Kills of workers, trainers, sweeps, cohorts, downloads and readers are in the tests of those.
"""

import random
from itertools import islice
from pathlib import Path

import pytest

from tests.chaos.ground import Ground, require_whole
from tests.chaos.killed_others import index


@pytest.mark.process
def test_a_look_at_a_data_set_killed_at_any_moment_is_begun_again_with_the_same_result(
    demo_root: Path, tmp_path: Path
) -> None:
    tried = list(islice(index(Ground(tmp_path, demo_root, random.Random(0), 0)), 4))
    assert [it for it in tried if not it.held] == []


@pytest.mark.parametrize("name", ["metrics.json", "predictions.parquet", "model.keras"])
def test_a_torn_file_is_noticed(workspace: Path, name: str) -> None:
    require_whole()
    file = workspace / "runs" / "run-cnn-16" / name
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(AssertionError, match=f"{name} is torn"):
            require_whole()
    finally:
        file.write_bytes(whole)
