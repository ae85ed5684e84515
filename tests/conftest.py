"""What tests share: an artifacts folder of their own, a small demo set, two trained runs."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from core import storage
from core.data import indexing
from core.data.indexing import Index
from core.data.synthetic import dataset
from core.runs import config, run_store
from core.runs.run_store import Run
from core.workers import launcher

PROJECT = Path(__file__).resolve().parent.parent
CELLS, SUBJECTS = 120, 12
# They train, import TensorFlow or start processes.
PROCESS_FOLDERS = {"benchmarks", "cli", "doctor", "models", "training", "workers"}
PROCESS_FILES = {"test_marked_cells.py", "test_old_format.py", "test_package.py", "test_peer.py"}
PROCESS_FILES |= {"test_storage.py", "test_study.py"}


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
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all xdist workers of this session share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def _trained(shared_folder: Path, demo_root: Path) -> Path:
    """An artifacts folder with two finished runs, trained once by the first worker to ask."""
    folder = shared_folder / "trained"
    with FileLock(f"{folder}.lock"), pytest.MonkeyPatch.context() as patch:
        if not folder.exists():
            unfinished = folder.with_name("training")
            patch.setenv("BLASTLENS_ARTIFACTS", str(unfinished))
            _link_demo(demo_root)
            for key in ("cnn-16", "cnn-dropout"):
                settings = config.create(key, storage.demo_dir(), "recommended", epochs=2)
                run = run_store.create(settings, f"run-{key}")
                launcher.launch(run)
                status = launcher.follow(run)
                assert status.state == "succeeded", status.error
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def _workspace(tmp_path_factory: pytest.TempPathFactory, demo_root: Path, _trained: Path) -> Path:
    folder = tmp_path_factory.mktemp("workspace") / "artifacts"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(folder))
        _link_demo(demo_root)
        shutil.copytree(_trained / "runs", storage.runs_dir())
        shutil.copytree(PROJECT / "artifacts" / "examples", storage.examples_dir())
    return folder


def _link_demo(demo_root: Path) -> None:
    storage.demo_dir().parent.mkdir(parents=True)
    storage.demo_dir().symlink_to(demo_root, target_is_directory=True)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test as unit, process, page or browser, by its folder or file."""
    for item in items:
        folder = Path(item.path).relative_to(PROJECT / "tests").parts[0]
        if folder == "browser":
            kind = "browser"
        elif folder in PROCESS_FOLDERS or item.path.name in PROCESS_FILES:
            kind = "process"
        else:
            kind = "page" if folder == "pages" else "unit"
        item.add_marker(kind)
