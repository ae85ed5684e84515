"""What the documentation, docstrings and comments mention exists."""

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from core.cli.app import blastlens
from tests.conftest import PROJECT

TEXTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
SOURCES = [
    file
    for folder in ("core", "pages", "benchmarks", "tests")
    for file in sorted((PROJECT / folder).rglob("*.py"))
]


@cache
def names(file: Path) -> set[str]:
    """The names that a module binds: imports, functions, classes with their members, variables."""
    bound: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
    return bound


def missing(dotted: str) -> bool:
    """Whether a dotted path such as core.data.images.decode names nothing."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        place = PROJECT.joinpath(*parts[:length])
        rest = parts[length:]
        if place.with_suffix(".py").is_file():
            return not set(rest) <= names(place.with_suffix(".py"))
        if place.is_dir():
            return bool(rest) and not set(rest) <= names(place / "__init__.py")
    return True


def test_every_dotted_path_names_something() -> None:
    wrong = {}
    for file in (*TEXTS, *SOURCES):
        text = file.read_text(encoding="utf-8")
        mentioned = re.findall(r"`((?:core|pages|benchmarks|tests)(?:\.\w+)+)", text)
        if found := [path for path in mentioned if missing(path)]:
            wrong[file] = found
    assert wrong == {}


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.name))
def test_every_path_link_verb_benchmark_and_target_of_a_text_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:core|pages|tests|docs|benchmarks)/[\w/.-]+)`", text)
    links = re.findall(r"\]\((?!http)([\w/.-]+)\)", text)
    assert [path for path in paths if not (PROJECT / path).exists()] == []
    assert [link for link in links if not (file.parent / link).exists()] == []
    verbs = re.findall(r"(?:^|`)(?:blastlens|\S*python -m core) ([a-z-]+)", text, re.MULTILINE)
    assert set(verbs) <= set(blastlens.commands)
    benchmarks = re.findall(r"python -m benchmarks ([a-z]+)", text)
    assert set(benchmarks) <= set(BENCHMARKS)
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    mentioned = re.findall(r"(?:^|`)make ([a-z -]+?)(?:`|$|\s+#)", text, re.MULTILINE)
    assert {target for call in mentioned for target in call.split()} <= targets


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.name))
def test_every_test_that_a_text_names_exists(file: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", file.read_text(encoding="utf-8"))
    assert [(path, name) for path, name in named if name not in names(PROJECT / path)] == []


def test_every_line_of_the_security_list_names_the_test_that_holds_it() -> None:
    text = (PROJECT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 20 and [row for row in rows if "`tests/" not in row] == []


def test_a_name_beside_a_file_is_in_that_file() -> None:
    text = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
    pairs = re.findall(r"`(\w+)`[^`|]* (?:of|in) (?:its module|`(core/[\w/]+\.py)`)", text)
    assert len(pairs) >= 5
    for name, path in pairs:
        if path:
            assert name in names(PROJECT / path), (name, path)


def test_the_floors_of_the_documentation_are_those_that_a_test_holds() -> None:
    from tests.test_architecture import FLOORS

    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("| ") and "`core" in line]
    documented: list[set[str]] = []
    for line in table[: next(i for i, row in enumerate(table) if "core/cli`" in row) + 1]:
        number, rooms = [cell.strip() for cell in line.strip("|").split("|")][:2]
        if number:
            documented.append(set())
        documented[-1] |= {
            room.replace("/", ".").removesuffix(".py") for room in re.findall(r"`(\S+?)`", rooms)
        }
    assert documented == [rooms for rooms in FLOORS if rooms != {"core.__main__"}]


def test_importable_modules_are_found_by_the_rule_above() -> None:
    assert not missing("core.data.images.decode") and missing("core.data.images.nothing")
    assert missing("core.nowhere.nothing") and importlib.util.find_spec("core.data.images")
