"""What a worker and its libraries put aside lies with its job, and goes when it does."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.reading.fields.detection_job import DetectionJob
from core.workers import worker
from tests.conftest import PROJECT

_WORKER = """
import os, sys, tempfile
from pathlib import Path
from core.workers import worker
worker.keep_temporary_files_in(Path(sys.argv[1]))
print(tempfile.NamedTemporaryFile(prefix="__autograph_generated_file", delete=False).name)
sys.stdout.flush()
worker.leave() if sys.argv[2] == "leaves" else os._exit(9)
"""


@pytest.mark.parametrize("ends", ["leaves", "is killed"])
def test_temporary_files_of_a_worker_go_with_it(ends: str, tmp_path: Path) -> None:
    job = DetectionJob(tmp_path / "scan")
    job.path.mkdir()
    command = [sys.executable, "-c", _WORKER, str(job.path), ends]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    file = Path(done.stdout.strip())
    assert file.is_relative_to(job.path), done.stderr
    assert file.exists() == (ends == "is killed")
    worker.perform(job, lambda job, reporter: None)  # the next one of the job
    assert not list(job.path.glob(".*"))
