import pytest

from core.errors import ModelError
from core.reading.timing import milliseconds


def test_a_reading_takes_some_milliseconds(finished_run) -> None:
    assert 0.1 < milliseconds(finished_run, calls=3) < 5000


def test_a_run_without_its_engine_says_so(finished_run, tmp_path) -> None:
    import shutil

    from core.runs.run_store import Run

    copy = tmp_path / "copy"
    shutil.copytree(finished_run.path, copy)
    (copy / "engine.bin").unlink()
    with pytest.raises(ModelError, match="missing"):
        milliseconds(Run(copy))
