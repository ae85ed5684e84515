"""The benchmark of reading, on a model and cells of the tests: what it measures and compares."""

import argparse
from pathlib import Path

import pytest

from benchmarks import reading
from core.reading.reader import Reader
from core.runs.run_store import Run


@pytest.fixture
def files(finished_run: Run, demo_root: Path) -> list[Path]:
    reader = Reader(finished_run)
    return [file for file in sorted(demo_root.rglob("*.bmp"))[:6] if reader.read(file).cells]


def test_a_batch_is_held_against_the_bare_engine_and_only_large_models_have_a_bar(
    finished_run: Run, files: list[Path]
) -> None:
    options = argparse.Namespace(images=10, rounds=1)
    figures, bars = reading.batch({"cnn-16": finished_run}, files, options)
    found = figures["cnn-16"]
    assert bars == [] and found["cells"] == 10 and found["engine_batch"] in reading.SIZES
    assert found["ours_ms_a_cell"] > 0 and found["of_engine"] > 0.5
    _, bars = reading.batch({"densenet-121": finished_run}, files, options)
    assert [bar.target for bar in bars] == [1.25] and "densenet-121" in bars[0].name


def test_each_measure_of_trust_has_its_cost(finished_run: Run, files: list[Path]) -> None:
    found = reading._trust(Reader(finished_run), files[0], rounds=1)
    assert found["judgement_ms"] >= found["inside_cell_ms"] > 0
    assert {"deletion_ms", "agreement_with_shuffled_ms", "eight_views_ms"} <= set(found)
