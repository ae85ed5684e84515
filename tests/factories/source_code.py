"""What the source files of the project say: modules, imports, names."""

import ast
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def sources(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((PROJECT / folder).rglob("*.py"))]


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def nodes(file: Path) -> list[ast.AST]:
    """All of its syntax tree."""
    return list(ast.walk(parsed(file)))


@cache
def imports(file: Path) -> frozenset[str]:
    found = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return frozenset(found)


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def users(text: str, *folders: str) -> list[str]:
    """The modules whose source has that text."""
    files = sources(*folders)
    return [module_name(file) for file in files if text in file.read_text(encoding="utf-8")]


def private_names(file: Path) -> set[str]:
    """The private names of libraries that a file uses; `os._exit` is a public one."""
    libraries, names = set(), set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            libraries |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            libraries |= {alias.asname or alias.name for alias in node.names}
    for node in nodes(file):
        match node:
            case ast.Attribute(ast.Name(name), attribute) if name in libraries:
                names.add(attribute)
            case ast.Call(ast.Name("getattr"), [_, ast.Constant(str(attribute)), *_]):
                names.add(attribute)
    private = {name for name in names if name.startswith("_") and not name.startswith("__")}
    return private - {"_exit"}


def private_names_of_modules(file: Path) -> set[str]:
    """The private names of the project's modules that a file reads or replaces."""
    modules = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in nodes(file)
        if isinstance(node, ast.ImportFrom) and node.module
        if node.module.split(".")[0] in {"core", "pages", "benchmarks"}
        for alias in node.names
    }
    found = {name for name in modules.values() if _private(name.rpartition(".")[2])}
    for node in nodes(file):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                pass
            case ast.Call(
                func=ast.Attribute(attr="setattr"),
                args=[ast.Name(id=module), ast.Constant(value=str(name)), *_],
            ):
                pass
            case _:
                continue
        if module in modules and _private(name):
            found.add(f"{modules[module]}.{name}")
    return found


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
