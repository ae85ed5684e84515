"""The command line as scripts use it: one JSON document, errors in one line.

Most verbs run within this process; those that a process itself decides run in one.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core import settings
from core.cli.app import SECTIONS, blastlens
from core.runs import run_store
from tests.conftest import CELLS, PROJECT
from tests.factories.command import document, run, run_process


def test_train_runs_compare_evaluate_and_read(demo_root: Path, workspace: Path) -> None:
    import shutil

    trained = document(
        "train", "demo", "--architecture", "cnn-16", "--epochs", "1", "--sample", "60",
        "--split", "image", "--seed", "4", "--set", "batch_size=16",
        "--set", "precision=float32", "--run-id", "from-the-shell",
    )  # fmt: skip
    try:
        assert trained["run"] == "from-the-shell" and trained["status"] == "succeeded"
        assert trained["metrics"]["protocol"]["leaking"] is True
        listed = {entry["run"]: entry for entry in document("runs")}
        assert listed["from-the-shell"]["config"]["batch_size"] == 16
        compared = document("compare", "run-cnn-16", "run-cnn-dropout", "from-the-shell")
        assert "from-the-shell was measured on patients it had" in compared["verdict"]
        assert [row["run"] for row in compared["runs"]][-1] == "from-the-shell"
        kinds = compared["runs"][0]["by_kind"]
        assert sum(row["cells"] for row in kinds if row["by"] == "cell size") == len(
            run_store.get("run-cnn-16").predictions.query("split == 'test'")
        )
        stored = document("evaluate", "run-cnn-16")
        again = document("evaluate", "run-cnn-16", "--dataset", str(demo_root))
        assert stored["parts"]["test"]["images"] < again["metrics"]["images"] == CELLS
        known = CELLS - stored["parts"]["test"]["images"]
        assert again["trained_on"] == again["of_subjects_trained_on"] == known
        assert again["leaking"] is True
    finally:
        shutil.rmtree(workspace / "runs" / "from-the-shell", ignore_errors=True)


def test_diagnose_tells_what_ails_a_run_and_its_repair(workspace: Path) -> None:
    told = document("diagnose", "run-cnn-dropout")
    assert set(told) == {"run", "diagnoses", "repaired"} and told["run"] == "run-cnn-dropout"
    found = {diagnosis["key"]: diagnosis for diagnosis in told["diagnoses"]}
    few, small = found["too-few-epochs"], found["small-validation"]
    assert set(few) == {"key", "title", "evidence", "advice", "repair"}
    assert "Over 2 epochs" in few["evidence"] and small["repair"] is None
    assert told["repaired"]["epochs"] == few["repair"]["epochs"] == 20
    lines = run("diagnose", "run-cnn-dropout").stdout
    assert few["evidence"] in lines and few["title"] in lines


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("index", "nowhere"), "is not a folder"),
        (("index", ""), "has no name"),
        (("train", "nowhere", "--architecture", "cnn-16"), "is not a folder"),
        (("train", "demo", "--architecture", "cnn-16", "--set", "recipe=original"), "recipe"),
        (("train", "demo"), "--architecture"),
        (("sing",), "No such command 'sing'"),
        (("index", "core"), "classes of these images are not known"),
        (("train", "demo", "--architecture", "resnet"), "architecture is 'resnet'; it can be"),
        (("train", "demo", "--architecture", "cnn-16", "--set", "epochs"), "name=value"),
        (("compare", "missing"), "There is no run 'missing'"),
        (("diagnose", "missing"), "There is no run 'missing'"),
        (("read", "missing.bmp"), "There is no file missing.bmp"),
        (
            ("read", "README.md", "--run", "run-cnn-16", "--cam", "cam"),
            "'cam' is not one of 'grad-cam'",
        ),
        (("demo", "somewhere", "--cells", "5"), "cells is 5"),
        (("cross-validate", "demo", "--architecture", "cnn-16", "--folds", "2"), "folds is 2;"),
        (("cross-validate", "demo", "--architecture", "cnn-16", "--set", "folds=3"), "argument"),
        (("tune", "demo", "--architecture", "cnn-16", "--trials", "0"), "trials is 0"),
        (("tune", "demo", "--architecture", "cnn-16", "--search", "views"), "views cannot be"),
        (("tune", "demo", "--architecture", "cnn-16", "--name", "a/b"), "is not a sweep name"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(
    arguments: tuple[str, ...], words: str, workspace: Path
) -> None:
    done = run(*arguments, "--json", status=2)
    assert done.stdout == "" and words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (PROJECT / "somewhere").exists()


def test_other_cells_of_real_subjects_trained_on_are_said_to_leak(
    real_data: Path, tmp_path: Path
) -> None:
    import shutil

    for number, file in enumerate(sorted((real_data / "cnmc_sample").rglob("*.bmp"))):
        half = tmp_path / "ab"[number % 2]
        half.mkdir(exist_ok=True)
        shutil.copy(file, half)
    options = ["--architecture", "compact", "--epochs", "1", "--split", "image"]
    options += ["--set", "precision=float32"]
    run_id = document("train", str(tmp_path / "a"), *options)["run"]
    told = document("evaluate", run_id, "--dataset", str(tmp_path / "b"))
    assert told["leaking"] is True
    assert told["of_subjects_trained_on"] > told["trained_on"] == 0


def test_a_folder_that_cannot_be_written_is_one_line(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    cell = sorted(demo_root.rglob("*.bmp"))[0]
    done = run("read", str(cell), "--overlay", str(tmp_path / "file"), status=2)
    assert len(done.stderr.splitlines()) == 1 and "file" in done.stderr


@pytest.mark.usefixtures("new_processes")
def test_a_relative_artifacts_folder_is_the_callers(
    demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", "mine")
    nodes = PROJECT / "tests" / "factories" / "on_nodes"  # has what trains be a fork
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PROJECT), str(nodes)]))
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "core", "train", str(demo_root), "--architecture", "compact"]
    options = ["--epochs", "1", "--sample", "30", "--set", "precision=float32", "--json"]
    done = subprocess.run(command + options, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine" / "runs" / json.loads(done.stdout)["run"] / "metrics.json").is_file()
    assert not (PROJECT / "mine").exists()


def test_every_verb_explains_itself_below_one_heading() -> None:
    top = run_process("--help").stdout
    listed = re.findall(r"^  ([a-z-]+) +[A-Z].*[.]$", top.partition("App:")[2], re.MULTILINE)
    assert sorted(listed) == sorted(blastlens.commands)
    assert re.findall(r"^(.+):$", top, re.MULTILINE) == ["Options", "App", *SECTIONS]
    assert "--overlay" in run("read", "--help").stdout
    assert settings.version() in run("--version").stdout
