"""The benchmark of reading, on a model and cells of the tests: what it measures and compares."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import reading
from benchmarks.measure import Options, bars_of, plain
from core.reading.reader import Reader
from core.runs.run_store import Run


@pytest.fixture
def files(finished_run: Run, demo_root: Path) -> list[Path]:
    reader = Reader(finished_run)
    return [file for file in sorted(demo_root.rglob("*.bmp"))[:6] if reader.read(file).cells]


def test_a_batch_is_held_against_the_bare_engine_and_only_large_models_have_a_bar(
    finished_run: Run, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SIZES", (2, 8))
    options = Options(images=10, rounds=1)
    small = reading.batch({"cnn-16": finished_run}, files, options)
    found: Any = plain(small["cnn-16"])
    assert bars_of(small) == [] and found["cells"] == 10 and found["engine_batch"] in reading.SIZES
    assert found["ours_ms_a_cell"] > 0 and found["of_engine"] > 0.5
    bars = bars_of(reading.batch({"densenet-121": finished_run}, files, options))
    assert [bar.target for bar in bars] == [1.25] and "densenet-121" in bars[0].name


def test_each_measure_of_trust_has_its_cost(finished_run: Run, files: list[Path]) -> None:
    found = reading.trust(Reader(finished_run), files[0], rounds=1)
    assert found["judgement_ms"] >= found["inside_cell_ms"] > 0
    assert {"deletion_ms", "agreement_with_shuffled_ms", "eight_views_ms"} <= set(found)
