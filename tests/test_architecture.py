"""The rules of the house, read off the source: who may import whom, and what stays small."""

import ast
import subprocess
import sys

import pytest

from tests.factories.source_code import (
    PROJECT,
    imports,
    module_name,
    parsed,
    private_names,
    private_names_of_modules,
    room,
    sources,
    users,
)

# One line a floor, from the ground up. A module may import its own room and the floors below.
FLOORS = (
    {"core.errors"},
    {"core.compat", "core.memory", "core.settings"},
    {"core.untrusted"},
    {"core.extras", "core.locks", "core.people", "core.roots", "core.storage", "core.tables"},
    {"core.documents", "core.leftovers"},
    {"core.caches", "core.cells", "core.jobs", "core.metrics"},
    {"core.data"},
    {"core.models"},
    {"core.runs"},
    {"core.explain", "core.study"},
    {"core.archive", "core.evaluation", "core.ood"},
    {"core.audit", "core.embedding", "core.reading", "core.training", "core.tuning"},
    {"core.adoption", "core.cases", "core.cohort"},
    {"core.report", "core.workers"},
    {"core.doctor", "core.removal", "core.teaching"},
    {"core.cli"},
    {"core.__main__"},
)
MOST_FILES = 16
# The archive checks and lists the files of a run; a sweep looks whether a folder was filled.
STATUS_READERS = {
    "core.archive.checks",
    "core.tuning.sweep_store",
    "core.workers.clusters.shipping",
}
DOOR = {
    "core.data.images",
    *(f"core.data.image_formats.{name}" for name in ("boundary", "formats", "pillow")),
}
DECODERS = {"PIL", "imageio", "openslide", "pillow_heif", "pydicom", "skimage"}
# These three may only shrink: take out what is mended, add nothing.
LONG_FILES: set[str] = set()
UNTYPED_DICTS = 32
PRIVATE_NAMES_IN_TESTS = {
    "core.data.kaggle._LOOK_EVERY_SECONDS",
    "core.data.kaggle._STALLED_SECONDS",
    "core.data.kaggle._Watch",
    "core.data.kaggle._announced_length",
    "core.doctor.measuring._standard_error",
    "core.doctor.setup._RANGES",
    "core.explain.cam_methods._linear",
    "core.explain.faithfulness._correlation",
    "core.explain.faithfulness._painted",
    "core.explain.faithfulness._ranks",
    "core.explain.trust._weigh",
    "core.models.builders._scaled",
    "core.ood.reference._distances",
    "core.training.features._compute",
    "core.training.features._key",
    "core.training.loop._seconds_left",
    "core.training.network._build",
    "core.training.precision._processor",
    "core.training.precision._speed",
    "core.workers.queue._before",
    "core.workers.train._death",
}


def floor(module: str) -> int | None:
    floors = [number for number, rooms in enumerate(FLOORS) if room(module) in rooms]
    return floors[0] if floors else None


def test_every_module_of_core_has_a_floor() -> None:
    names = [module_name(file) for file in sources("core")]
    assert [name for name in names if name != "core" and floor(name) is None] == []


@pytest.mark.slow
def test_nothing_in_core_imports_upward_or_sideways_or_streamlit() -> None:
    wrong = []
    for file in sources("core"):
        importer = module_name(file)
        own = floor(importer)
        for name in imports(file):
            other = floor(name)
            if name.split(".")[0] in {"streamlit", "pages", "app"} or (
                own is not None
                and other is not None
                and other >= own
                and room(name) != room(importer)
            ):
                wrong.append((importer, name))
    assert wrong == []


def test_pages_do_not_import_the_command_line() -> None:
    for file in sources("pages"):
        assert not {name for name in imports(file) if room(name) == "core.cli"}, file


def test_metrics_know_arrays_only() -> None:
    for file in sources("core/metrics"):
        roots = {name.split(".")[0] for name in imports(file)} - sys.stdlib_module_names
        own = {name for name in imports(file) if name.startswith("core")}
        assert roots <= {"numpy", "scipy", "core"}, file
        assert all(name.startswith(("core.errors", "core.metrics")) for name in own), file


def test_no_folder_is_crowded() -> None:
    folders = {file.parent for file in sources("core", "pages")}
    crowded = {
        str(folder.relative_to(PROJECT)): count
        for folder in folders
        if (count := len([f for f in folder.glob("*.py") if f.name != "__init__.py"])) > MOST_FILES
    }
    assert crowded == {}


def test_a_page_never_imports_a_page_and_stays_under_200_lines() -> None:
    pages = list((PROJECT / "pages").glob("*.py"))
    names = {f"pages.{page.stem}" for page in pages}
    for page in pages:
        assert not imports(page) & names, page
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 200, page


def test_pages_refresh_themselves_in_the_monitor_only() -> None:
    assert users("run_every", "pages") == ["pages.ui.common.monitor"]


def test_only_jobs_know_how_a_status_is_kept_and_when_a_heartbeat_is_stale() -> None:
    def elsewhere(text: str) -> set[str]:
        return {name for name in users(text, "core", "pages") if room(name) != "core.jobs"}

    named = {f'"{file}"' for file in ("status.json", "worker.log", "stop")}
    assert {name for text in named for name in elsewhere(text)} <= STATUS_READERS
    # The limit is a setting; the worker of a sweep is more patient with the workers of its runs.
    assert elsewhere("heartbeat_stale_seconds") == {"core.settings", "core.workers.sweep"}


def test_every_worker_is_named_in_the_launcher() -> None:
    from core.workers.launcher import WORKERS

    assert sorted(users("worker.main(", "core/workers")) == sorted(
        [*WORKERS.values(), "core.workers.launcher"]
    )


def test_only_the_image_door_decodes() -> None:
    for file in sources("core", "pages"):
        if module_name(file) in DOOR:
            continue
        assert not {name.split(".")[0] for name in imports(file)} & DECODERS, file
        text = file.read_text(encoding="utf-8")
        assert "cv2.imread" not in text and "imdecode" not in text, file


def test_outlines_are_traced_in_one_module() -> None:
    assert users("cv2.findContours", "core", "pages") == ["core.cells.masks"]


def test_only_one_module_writes_csv_for_others() -> None:
    writers = {
        name for text in ("csv.writer", "DictWriter") for name in users(text, "core", "pages")
    }
    # history.csv of a run: numbers, which the app reads back.
    assert writers == {"core.tables", "core.runs.run_store"}
    for file in sources("core", "pages"):
        tree = parsed(file)
        modules = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core")
            for alias in node.names
        }
        receivers = {
            ast.unparse(node.func.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("to_csv", "to_excel")
        }
        if module_name(file) != "core.tables":
            assert receivers <= modules, f"{file} writes a table past core.tables"


def test_only_one_module_uses_streamlits_caches() -> None:
    assert users("st.cache_", "pages") == ["pages.ui.common.cache"]


def test_only_one_module_makes_download_buttons() -> None:
    users = [f for f in sources("pages") if ".download_button(" in f.read_text(encoding="utf-8")]
    assert [module_name(file) for file in users] == ["pages.ui.common.downloads"]


def test_only_compat_leans_on_the_insides_of_libraries() -> None:
    names = (
        "copyreg",
        "sys.modules",
        "ctypes",
        "data-testid",
        "streamlit.runtime",
        "__new__",
        "tensorflow.python",
    )
    leaning = {module for name in names for module in users(name, "core", "pages")}
    leaning |= {module_name(file) for file in sources("core", "pages") if private_names(file)}
    # The functions of glibc that are called are public.
    assert leaning - {"core.memory"} == {"core.compat", "pages.ui.common.compat"}


def test_documents_write_the_json_of_run_and_sweep_folders() -> None:
    rooms = ("runs", "archive", "evaluation", "audit", "ood", "training", "tuning", "report")
    writers = {
        module_name(file)
        for file in sources(*(f"core/{room}" for room in rooms))
        if "write_json(" in file.read_text(encoding="utf-8")
    }
    assert writers == {"core.runs.evaluations"}  # a list


@pytest.mark.process
def test_importing_launcher_command_line_app_and_pages_leaves_tensorflow_out() -> None:
    pages = [module_name(file) for file in sources("pages")]
    # A page outside a session may stop early with an exception; what it imported still counts.
    script = f"""
import importlib, sys
sys.path.insert(0, ".")
for module in {["core.workers.launcher", "core.__main__", "app", *pages]}:
    try:
        importlib.import_module(module)
    except SystemExit:
        pass
    print(*(m for m in sys.modules if m.split(".")[0] in ("tensorflow", "keras")))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_class_name_means_one_thing() -> None:
    names = [
        node.name
        for file in sources("core", "pages")
        for node in parsed(file).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [name for name in set(names) if names.count(name) > 1] == []


def test_a_name_of_a_test_file_is_used_once() -> None:
    """Folders below `tests` are no packages: pytest imports their files by name."""
    names = [file.name for file in (PROJECT / "tests").glob("*/**/test_*.py")]
    assert [name for name in set(names) if names.count(name) > 1] == []


def test_files_stay_under_300_lines() -> None:
    long = {
        file.relative_to(PROJECT).as_posix()
        for file in sources("core", "pages", "benchmarks", "tests")
        if len(file.read_text(encoding="utf-8").splitlines()) > 300
    }
    assert long == LONG_FILES


def test_documents_have_types() -> None:
    code = [file.read_text(encoding="utf-8") for file in sources("core", "pages", "benchmarks")]
    assert sum(text.count("dict[str, Any]") for text in code) <= UNTYPED_DICTS


@pytest.mark.slow
def test_tests_use_public_names() -> None:
    used = {name for file in sources("tests") for name in private_names_of_modules(file)}
    assert used == PRIVATE_NAMES_IN_TESTS
