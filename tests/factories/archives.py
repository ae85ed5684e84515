"""Archives of runs as a stranger might make them: whole, changed, or with something in them."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import IO, Any

import pytest

from core import storage
from core.archive import archive, checks
from core.errors import RunError
from core.runs import run_store
from core.runs.adoption import Adoption
from core.runs.run_store import ADOPTION, Run
from tests.conftest import PROJECT

SHIPPED = PROJECT / "artifacts" / "runs"


def shipped_run(name: str = "demo-cnn-16", as_name: str | None = None) -> Run:
    """A copy of a run that the repository ships, in this test's artifacts folder.

    Without its evaluations on other data sets, so that a test sees those that it makes.
    """
    target = storage.runs_dir() / (as_name or name)
    left_out = shutil.ignore_patterns(".*", "worker*", "evaluations*")
    shutil.copytree(SHIPPED / name, target, ignore=left_out)
    return run_store.get(target.name)


def adopted_run(name: str = "demo-cnn-16") -> Run:
    """A copy of a shipped run, as if its model had been trained elsewhere."""
    run = shipped_run(name, "theirs")
    settings = storage.read_json(run.path / "config.json")
    storage.write_json(run.path / "config.json", settings | {"architecture": "adopted"})
    way = {"pixels": "0..1", "channels": "rgb", "positive": [1], "negative": [0]}
    trial = way | {"roc_auc": 0.9, "balanced_accuracy": 0.8, "cross_entropy": 0.4}
    known = {"file": "theirs.keras", "form": "keras", "sha256": "0" * 64, "cells": 160}
    found = {"chosen": trial, "trials": [trial], "outputs": 1, "activation": "sigmoid"}
    Adoption.parse(known | found).write(run.path / ADOPTION)
    assert run.metrics is not None
    protocol = run.metrics.protocol.with_training_unknown()
    run.metrics.replace(protocol=protocol).write(run.path / "metrics.json")
    return Run(run.path)


def files_of(run: Run) -> dict[str, bytes]:
    """The content of every file that travels with a run."""
    there = [run.path / name for name in checks.FILES if (run.path / name).is_file()]
    return {file.name: file.read_bytes() for file in there}


def entry(data: bytes) -> dict[str, Any]:
    """What the manifest says of a file."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def pack(
    file: Path | IO[bytes],
    files: dict[str, bytes],
    *,
    manifest: dict[str, Any] | None = None,
    method: int = zipfile.ZIP_STORED,
) -> Path | IO[bytes]:
    """Writes an archive of `files`, with a manifest that fits them unless another is given."""
    said = {
        "format": archive.FORMAT,
        "version": archive.VERSION,
        "run": "stranger",
        "files": {name: entry(data) for name, data in files.items()},
    }
    with zipfile.ZipFile(file, "w", method) as target:
        for name, data in files.items():
            target.writestr(name, data)
        target.writestr(archive.MANIFEST, json.dumps(said | (manifest or {})))
    return file


def nothing_left(*names: str) -> bool:
    """Whether there are just the runs of those names, and nothing half imported."""
    there = {path.name for path in storage.runs_dir().iterdir() if path.suffix != ".lock"}
    imports = list(storage.imports_dir().iterdir()) if storage.imports_dir().exists() else []
    return there - {".imports"} == set(names) and imports == []


def refused(file: Path, words: str) -> None:
    with pytest.raises(RunError, match=words):
        archive.import_run(file)
    assert nothing_left("demo-cnn-16")
