"""What tests share: an artifacts folder of their own, a small demo set, two trained runs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import storage
from core.data import indexing
from core.data.indexing import Index
from core.data.synthetic import dataset
from core.runs import config, run_store
from core.runs.run_store import Run
from core.workers import launcher

PROJECT = Path(__file__).resolve().parent.parent
CELLS, SUBJECTS = 120, 12


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty artifacts folder for each test: no test sees or touches the real one."""
    folder = tmp_path / "artifacts"
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(folder))
    monkeypatch.delenv("BLASTLENS_WEIGHTS", raising=False)
    return folder


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic data set on disk (read only): 120 cells of 12 subjects."""
    root = tmp_path_factory.mktemp("demo") / "demo"
    return dataset.write_dataset(root, cells=CELLS, subjects=SUBJECTS, seed=1)


@pytest.fixture(scope="session")
def demo_index(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """The index of `demo_root` (read only), kept in an artifacts folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path_factory.mktemp("index")))
        return indexing.index(demo_root)


@pytest.fixture(scope="session")
def _workspace(tmp_path_factory: pytest.TempPathFactory, demo_root: Path) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("workspace") / "artifacts"
    before = os.environ.get("BLASTLENS_ARTIFACTS")
    os.environ["BLASTLENS_ARTIFACTS"] = str(folder)
    storage.demo_dir().parent.mkdir(parents=True)
    storage.demo_dir().symlink_to(demo_root, target_is_directory=True)
    storage.examples_dir().mkdir()
    for example in (PROJECT / "artifacts" / "examples").glob("*.png"):
        (storage.examples_dir() / example.name).write_bytes(example.read_bytes())
    runs = [
        run_store.create(
            config.create(key, storage.demo_dir(), "recommended", epochs=2), f"run-{key}"
        )
        for key in ("cnn-16", "cnn-dropout")
    ]
    for run in runs:
        launcher.launch(run)
        status = launcher.follow(run)
        assert status.state == "succeeded", status.error
    os.environ.pop("BLASTLENS_ARTIFACTS")
    if before is not None:
        os.environ["BLASTLENS_ARTIFACTS"] = before
    yield folder


@pytest.fixture
def workspace(_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifacts folder with the small demo set, the shipped examples and two finished runs.

    Shared by the whole session: runs `run-cnn-16` and `run-cnn-dropout` were trained by real
    worker processes; what a test adds, it removes.
    """
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(_workspace))
    return _workspace


@pytest.fixture
def finished_run(workspace: Path) -> Run:
    """A finished CNN-16 run of `workspace`."""
    return run_store.get("run-cnn-16")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; the test skips where there is none."""
    folder = os.environ.get("BLASTLENS_REAL_DATA")
    if not folder:
        pytest.skip("BLASTLENS_REAL_DATA is not set: no real data on this machine")
    return Path(folder)
