"""What tests share: an artifacts folder of their own, a small demo set, two trained runs."""

import gc
import operator
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from _pytest.mark.expression import Expression
from filelock import FileLock

from core import storage
from core.data import indexing, measures
from core.data.indexing import Index
from core.data.synthetic import dataset
from core.models.runtime import Compiled
from core.runs import config, run_store
from core.runs.run_store import Run
from tests.factories import forked, training
from tests.factories import postgresql as postgresql_server

# Few examples, the same each time; nothing is kept on disk.
hypothesis.settings.register_profile(
    "tests", max_examples=20, deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("tests")

PROJECT = Path(__file__).resolve().parent.parent
CELLS, SUBJECTS = 120, 12
OBJECTS_BETWEEN_COLLECTIONS = (20_000, 10, 10)  # Python has 700, 10, 10
FEW_OPERATIONS = 300  # of a network: the others take longer to keep than to compile
# From the slowest kind to the quickest.
MARKERS = ("process", "browser", "page", "unit")
# They train, import TensorFlow or start processes.
PROCESS_FOLDERS = {"benchmarks", "cli", "doctor", "models", "training", "workers"}
PROCESS_FILES = {"test_marked_cells.py", "test_old_format.py", "test_package.py", "test_peer.py"}
PROCESS_FILES |= {"test_storage.py", "test_study.py", "test_taught_ranking.py", "test_together.py"}


@pytest.fixture(autouse=True)
def artifacts(tmp_path: Path, shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty artifacts folder for each test: no test sees or touches the real one.

    The pages may read from the project, the folders of this test session and the real data.
    """
    folder = tmp_path / "artifacts"
    roots = [
        str(PROJECT),
        str(shared_folder),
        *filter(None, [os.environ.get("BLASTLENS_REAL_DATA")]),
    ]
    monkeypatch.setenv("BLASTLENS_DATA_ROOTS", os.pathsep.join(roots))
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(folder))
    monkeypatch.delenv("BLASTLENS_WEIGHTS", raising=False)
    monkeypatch.setenv("BLASTLENS_NICE", "0")  # a test waits for the worker, beside other tests
    return folder


@pytest.fixture(scope="session", autouse=True)
def _forked_workers(shared_folder: Path) -> Iterator[None]:
    """Worker processes are forks of one that has imported TensorFlow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(forked.SHARED, str(shared_folder / "fork-server"))
        patch.setattr(subprocess, "Popen", forked.Popen)
        yield


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """OpenVINO keeps small networks as it has compiled them: those of the shipped runs are read
    again and again, and their compiling takes longer than what is read with them.
    """
    folder, compile_anew = str(tmp_path_factory.mktemp("compiled")), Compiled.__init__

    def compile_once(self: Compiled, model: Any, *args: Any, **options: Any) -> None:
        kept = {"CACHE_DIR": folder} if len(model.get_ops()) < FEW_OPERATIONS else {}
        compile_anew(self, model, *args, **kept | options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compiled, "__init__", compile_once)
        yield


@pytest.fixture
def new_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes are new ones, as for a user."""
    monkeypatch.setattr(forked, "OURS", ())


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all xdist workers of this session share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def _made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """The folder, made by the first xdist worker to ask for it."""
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}-unfinished")
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server; skips where there is none."""
    with postgresql_server.serve() as server:
        yield server


@pytest.fixture(scope="session")
def demo_root(shared_folder: Path) -> Path:
    """A small synthetic data set on disk (read only): 120 cells of 12 subjects."""

    def draw(folder: Path) -> None:
        dataset.write_dataset(folder / "demo", cells=CELLS, subjects=SUBJECTS, seed=1)

    return _made_once(shared_folder / "drawn", draw) / "demo"


@pytest.fixture(scope="session")
def demo_index(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """The index of `demo_root` (read only), kept in an artifacts folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path_factory.mktemp("index")))
        return indexing.index(demo_root)


@pytest.fixture(scope="session")
def _trained(shared_folder: Path, demo_root: Path) -> Path:
    """An artifacts folder with two finished runs."""

    def train(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BLASTLENS_ARTIFACTS", str(folder))
            _link_demo(demo_root)
            training.train(
                *(
                    run_store.create(
                        config.create(
                            key, storage.demo_dir(), "recommended", epochs=2, precision="float32"
                        ),
                        f"run-{key}",
                    )
                    for key in ("cnn-16", "cnn-dropout")
                )
            )

    return _made_once(shared_folder / "trained", train)


@pytest.fixture(scope="session")
def _workspace(tmp_path_factory: pytest.TempPathFactory, demo_root: Path, _trained: Path) -> Path:
    folder = tmp_path_factory.mktemp("workspace") / "artifacts"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(folder))
        _link_demo(demo_root)
        shutil.copytree(_trained / "runs", storage.runs_dir())
        shutil.copytree(PROJECT / "artifacts" / "examples", storage.examples_dir())
        measures.measure(indexing.index(storage.demo_dir()))
    return folder


def _link_demo(demo_root: Path) -> None:
    storage.demo_dir().parent.mkdir(parents=True)
    storage.demo_dir().symlink_to(demo_root, target_is_directory=True)


@pytest.fixture
def workspace(_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An artifacts folder with the small demo set, the shipped examples and two finished runs.

    Shared by the whole session: runs `run-cnn-16` and `run-cnn-dropout`, of two epochs each; runs
    that a test adds are removed, whatever else it adds, it removes.
    """
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(_workspace))
    before = set((_workspace / "runs").iterdir())
    yield _workspace
    for left in set((_workspace / "runs").iterdir()) - before:
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)


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


def _marker(path: Path) -> str:
    """The marker of a file's tests; a test that starts processes may have another of its own."""
    folder = path.relative_to(PROJECT / "tests").parts[0]
    if folder in PROCESS_FOLDERS or path.name in PROCESS_FILES:
        return "process"
    return {"browser": "browser", "pages": "page"}.get(folder, "unit")


def _needs_server(item: pytest.Item) -> bool:
    """Whether a test is the one of its kind that runs on PostgreSQL."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return any(isinstance(value, str) and value == "postgresql" for value in given.values())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves files that `-m` does not select unread, since some import TensorFlow."""
    if collection_path.suffix != ".py" or not config.option.markexpr:
        return None
    selected = Expression.compile(config.option.markexpr)
    possible = {_marker(collection_path), "process"}
    if any(selected.evaluate(partial(operator.eq, marker)) for marker in possible):
        return None
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test as process, browser, page or unit; the slowest kinds come first.

    Files of pages and of units mix, so that not all wait for the trained runs that pages show. Nor
    do the doctor's, the longest folder of the slowest kind, so it is the first of all.
    """
    for item in items:
        if not any(item.get_closest_marker(name) for name in MARKERS):
            item.add_marker("process" if _needs_server(item) else _marker(item.path))

    def turn(item: pytest.Item) -> tuple[int, bool]:
        kind = min(MARKERS.index(_marker(item.path)), MARKERS.index("page"))
        return kind, item.path.parent.name != "doctor"

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """What was imported lasts: no garbage collection need look through it, nor come so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*OBJECTS_BETWEEN_COLLECTIONS)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Nor need pytest, which at its end collects garbage ten times, look through all there is."""
    gc.collect()
    gc.freeze()
