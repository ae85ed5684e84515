"""The package that `pip install .` makes, and what it says if an optional part is missing."""

import re
import subprocess
import sys
import zipfile
from email import message_from_string
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from core import extras, settings, storage
from core.errors import ConfigError
from tests.conftest import PROJECT
from tests.test_architecture import imports, sources


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_the_app_its_models_and_no_tests(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {"app.py", "pages/home.py", "pages/ui/icon.svg", "core/py.typed"} <= names
    assert "core/shipped/artifacts/runs/demo-colour-bands/engine.bin" in names
    assert "core/shipped/artifacts/runs/demo-cnn-16/engine.bin" in names
    assert "core/shipped/.streamlit/config.toml" in names
    modules = {str(file.relative_to(PROJECT)) for file in (PROJECT / "core").rglob("*.py")}
    assert modules <= names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "artifacts"))]


def test_requirements_and_version_are_stated_once(wheel: zipfile.ZipFile) -> None:
    info = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    metadata = message_from_string(wheel.read(info).decode())
    assert metadata["Version"] == settings.version()
    needed = {re.match(r"[\w.-]+", text)[0] for text in metadata.get_all("Requires-Dist")}
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert needed == {re.match(r"[\w.-]+", line)[0] for line in lines if line[:1].isalpha()}
    assert metadata.get_all("Provides-Extra") == [
        "cluster", "fetch", "formats", "map", "oidc", "postgresql", "tune", "weights",
    ]  # fmt: skip
    scripts = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "blastlens = core.cli:main" in wheel.read(scripts).decode()


# PyTorch is the peer of a benchmark, which is left out where it is not installed.
NOT_DECLARED = {"torch"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*files: str) -> set[str]:
    lines = [line for file in files for line in (PROJECT / file).read_text("utf-8").splitlines()]
    return {canonical(re.match(r"[\w.-]+", line)[0]) for line in lines if line[:1].isalpha()}


@pytest.mark.parametrize(
    ("folders", "files"),
    [
        (("core", "pages"), ("requirements.txt",)),
        (("benchmarks", "tests"), ("requirements.txt", "requirements-dev.txt")),
    ],
    ids=["package", "development"],
)
def test_whatever_is_imported_is_declared(folders: tuple[str, ...], files: tuple[str, ...]) -> None:
    """Not only what happens to come with something else."""
    imported = {name.partition(".")[0] for file in sources(*folders) for name in imports(file)}
    imported |= {name.partition(".")[0] for name in imports(PROJECT / "app.py")}
    imported -= sys.stdlib_module_names | NOT_DECLARED
    imported -= {"app", "benchmarks", "core", "pages", "tests"}
    providers = packages_distributions()
    known = declared(*files)
    assert {
        name for name in imported if not known & set(map(canonical, providers.get(name, [name])))
    } == set()


@pytest.mark.parametrize(
    ("lock", "files"),
    [
        ("requirements.lock", ["requirements.txt"]),
        ("requirements-dev.lock", ["requirements.txt", "requirements-dev.txt"]),
    ],
)
def test_the_lock_pins_whatever_is_declared_by_the_hashes_of_its_files(
    lock: str, files: list[str]
) -> None:
    entries = re.split(r"\n(?=\S)", (PROJECT / lock).read_text("utf-8").strip())
    pinned = {}
    for entry in entries:
        name, version = re.match(r"([\w.-]+)==(\S+)", entry).groups()
        pinned.setdefault(canonical(name), []).append(version)
        hashes = entry.splitlines()[1:]
        assert hashes and all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", it) for it in hashes), name
        assert "://" not in entry, name
    for line in (
        line for file in files for line in (PROJECT / file).read_text("utf-8").splitlines()
    ):
        if line[:1].isalpha():
            wanted = Requirement(line.partition("#")[0])
            versions = pinned[canonical(wanted.name)]
            assert any(map(wanted.specifier.contains, versions)), line


def test_an_installed_package_fills_a_new_artifacts_folder_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, artifacts: Path
) -> None:
    storage.seed_artifacts()
    assert not artifacts.exists()  # a clone ships nothing
    shipped = tmp_path / "shipped"
    (shipped / "artifacts" / "examples").mkdir(parents=True)
    (shipped / "artifacts" / "examples" / "cell.png").write_bytes(b"cell")
    monkeypatch.setattr(storage, "SHIPPED", shipped)
    storage.seed_artifacts()
    assert (artifacts / "examples" / "cell.png").read_bytes() == b"cell"
    (artifacts / "examples" / "cell.png").unlink()
    storage.seed_artifacts()
    assert not (artifacts / "examples" / "cell.png").exists()


def test_a_missing_extra_is_named_with_its_remedy() -> None:
    extras.require("json", "tune", "Searching settings")
    with pytest.raises(ConfigError, match=r"no_such_module.*pip install 'blastlens\[tune\]'"):
        extras.require("no_such_module", "tune", "Searching settings")
