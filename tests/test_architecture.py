"""The rules of the house, read off the source: who may import whom, and what stays small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
# From the ground up; a module may import its own floor and those below.
FLOORS = (
    {"core.errors", "core.lazy", "core.memory", "core.settings", "core.storage"},
    {"core.data", "core.cells", "core.models", "core.runs"},
    {"core.evaluation", "core.explain"},
    {"core.training", "core.doctor", "core.reading", "core.tuning"},
    {"core.jobs"},
    {
        "core.study",
        "core.verbs",
        "core.audit_verbs",
        "core.cell_verbs",
        "core.model_verbs",
        "core.__main__",
    },
)
DECODERS = {"PIL", "imageio", "skimage"}


def sources(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((PROJECT / folder).rglob("*.py"))]


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def floor(module: str) -> int | None:
    for number, members in enumerate(FLOORS):
        if any(module == member or module.startswith(f"{member}.") for member in members):
            return number
    return None


def test_every_module_of_core_has_a_floor() -> None:
    assert [
        m for f in sources("core") if (m := module_name(f)) != "core" and floor(m) is None
    ] == []


def test_nothing_in_core_imports_upward_or_streamlit() -> None:
    wrong = []
    for file in sources("core"):
        here = floor(module_name(file))
        for name in imports(file):
            there = floor(name)
            upward = here is not None and there is not None and there > here
            if upward or name.split(".")[0] in {"streamlit", "pages", "app"}:
                wrong.append((module_name(file), name))
    assert wrong == []


def test_a_page_never_imports_a_page_and_stays_under_200_lines() -> None:
    pages = list((PROJECT / "pages").glob("*.py"))
    names = {f"pages.{page.stem}" for page in pages}
    for page in pages:
        assert not imports(page) & names, page
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 200, page


def test_only_the_image_door_decodes() -> None:
    for file in sources("core", "pages"):
        if module_name(file) == "core.data.images":
            continue
        assert not {name.split(".")[0] for name in imports(file)} & DECODERS, file
        text = file.read_text(encoding="utf-8")
        assert "cv2.imread" not in text and "imdecode" not in text, file


def test_only_one_module_uses_streamlits_caches() -> None:
    users = [f for f in sources("pages") if "st.cache_" in f.read_text(encoding="utf-8")]
    assert [module_name(file) for file in users] == ["pages.ui.cache"]


@pytest.mark.parametrize("module", ["app", "core.__main__", "core.jobs.local"])
def test_importing_it_leaves_tensorflow_out(module: str) -> None:
    assert loaded_after(f"import {module}") == []


def test_importing_every_page_leaves_tensorflow_out() -> None:
    modules = [module_name(file) for file in sources("pages")]
    assert loaded_after("".join(f"import {module}\n" for module in modules)) == []


def loaded_after(statements: str) -> list[str]:
    """TensorFlow and Keras modules that a fresh process has after running `statements`."""
    # A page outside a session may stop early with an exception; what it imported still counts.
    script = (
        "import sys\nsys.path.insert(0, '.')\n"
        + "".join(
            f"try:\n    {line}\nexcept SystemExit:\n    pass\n" for line in statements.splitlines()
        )
        + "print(*sorted(m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_nothing_is_reported_to_openvinos_maker() -> None:
    script = (
        "import core\nfrom openvino.tools.ovc import convert_impl, telemetry_utils\n"
        "print(convert_impl.tm.__name__, telemetry_utils.tm.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub"] * 2, done.stderr
