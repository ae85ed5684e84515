"""The command line as scripts use it: one JSON document, errors in one line.

Most verbs run within this process; those that a process itself decides run in one.
"""

import io
import json
import signal
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core import settings
from core.cli import main
from core.data import indexing
from core.data.images import decode, encode
from core.data.measures import measure
from core.data.quality import FLAGS
from core.evaluation.staining import recolour
from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan
from tests.conftest import CELLS, PROJECT, SUBJECTS
from tests.factories import executor
from tests.factories.bad_images import write_bad_images
from tests.factories.trees import KAGGLE, cell, save, write_three_phases


@dataclass(frozen=True)
class Done:
    """What a verb printed."""

    stdout: str
    stderr: str


def run(*arguments: str, status: int = 0) -> Done:
    with (
        chdir(PROJECT),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as error,
    ):
        ended = main(list(arguments))
    assert ended == status, error.getvalue()
    return Done(out.getvalue(), error.getvalue())


def run_process(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "core", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def document(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_index_tells_what_is_in_a_data_set(demo_root: Path) -> None:
    told = document("index", str(demo_root))
    assert told["images"] == CELLS and told["subjects"] == told["groups"] == SUBJECTS
    assert told["labels"] == {"ALL": 72, "HEM": 48, "unlabelled": 0}
    assert sum(told["splits"].values()) == CELLS
    assert told["rejected"] == [] and told["linked_subjects"] == []
    assert told["duplicates"] == {"exact_pairs": 0, "near_pairs": 0, "cross_subject_pairs": 0}
    assert told["seconds"] > 0
    assert told["quality"] is None
    flagged = document("index", str(demo_root), "--quality")["quality"]
    table = measure(indexing.index(demo_root))
    assert flagged["empty"] == 0 and flagged.keys() == FLAGS.keys()
    assert max(flagged.values()) <= (table["quality"] != "").sum() <= sum(flagged.values())


def test_index_of_a_folder_per_class_asks_once_which_is_positive(tmp_path: Path) -> None:
    for name, subject in (("blast", "1"), ("normal", "H1")):
        save(tmp_path / f"set/{name}/1.png", cell(subject), "PNG")
    folder = str(tmp_path / "set")
    done = run("index", folder, "--json", status=2)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "blast (1), normal (1)" in done.stderr and "--positive" in done.stderr
    done = run("index", folder, "--positive", "healthy", status=2)
    assert "no class 'healthy'" in done.stderr
    told = document("index", folder, "--positive", "blast")
    assert {name: row["counts_as"] for name, row in told["classes"].items()} == {
        "blast": "ALL",
        "normal": "HEM",
    }
    assert told["labels"] == {"ALL": 1, "HEM": 1, "unlabelled": 0}
    again = document("index", folder)
    assert again.pop("seconds") < 5 and told.pop("seconds") > 0
    assert again == told


def test_index_tells_of_each_phase(tmp_path: Path) -> None:
    told = document("index", str(write_three_phases(tmp_path / "set", KAGGLE)))
    assert told["images"] == 7
    assert told["labels"] == {"ALL": 3, "HEM": 3, "unlabelled": 1}
    assert {part: row["images"] for part, row in told["phases"].items()} == {
        "training": 4,
        "preliminary": 2,
        "final": 1,
        "fold_0": 2,
        "fold_1": 1,
        "fold_2": 1,
    }
    assert told["splits"] is None


def test_demo_draws_a_set_that_index_reads(tmp_path: Path) -> None:
    told = document("demo", str(tmp_path / "set"), "--cells", "60", "--seed", "2")
    assert told["synthetic"] is True
    found = document("index", told["dataset"])
    assert (found["images"], found["subjects"]) == (60, 15)
    assert min(found["splits"].values()) > 0


def test_train_runs_compare_evaluate_and_read(demo_root: Path, workspace: Path) -> None:
    import shutil

    trained = document(
        "train", "demo", "--architecture", "cnn-16", "--epochs", "1", "--sample", "60",
        "--split", "image", "--seed", "4", "--set", "batch_size=16", "--run-id", "from-the-shell",
    )  # fmt: skip
    try:
        assert trained["run"] == "from-the-shell" and trained["status"] == "succeeded"
        assert trained["metrics"]["protocol"]["leaking"] is True
        listed = {entry["run"]: entry for entry in document("runs")}
        assert listed["from-the-shell"]["config"]["batch_size"] == 16
        compared = document("compare", "run-cnn-16", "run-cnn-dropout", "from-the-shell")
        assert "from-the-shell was measured on patients it had" in compared["verdict"]
        assert [row["run"] for row in compared["runs"]][-1] == "from-the-shell"
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


def test_read_gives_a_list_with_one_entry_an_image(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = sorted(demo_root.rglob("*_hem.bmp"))[0]
    text = tmp_path / "text.bmp"
    text.write_text("no image")
    overlays = tmp_path / "overlays"
    options = ("--run", "run-cnn-16", "--cam", "layer-cam", "--overlay", str(overlays))
    read = document("read", str(cell), str(text), *options)
    assert [entry["kind"] for entry in read] == ["cell", "refused"]
    assert set(read[0]) >= {"image", "kind", "reason", "cells"}
    (found,) = read[0]["cells"]
    assert set(found) >= {"bbox", "probability", "interval", "call", "gate", "cam"}
    assert set(found["cam"]) == {"method", "inside_cell", "trusted", "reason"}
    assert found["cam"]["method"] == "layer-cam"
    called = read[0]["track_record"]["calls"]
    assert list(called) == [found["call"]] and "synthetic cells of unseen" in called[found["call"]]
    assert read[1]["track_record"]["calls"] == {}
    assert "not measured on real ones" in read[0]["track_record"]["real_cells"]
    assert "LayerCAM, as chosen. HiResCAM suits it" in read[0]["heat_map"]
    assert found["cam"]["trusted"] is (found["trust"]["badge"] == "supported")
    assert found["call"] in {"ALL", "HEM"} and 0 <= found["probability"] <= 1
    assert read[1]["cells"] == [] and "not an image" in read[1]["reason"]
    assert decode(overlays / f"{cell.stem}_overlay.png").shape == (448, 448, 3)


def test_read_takes_what_is_told_of_a_picture(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = decode(sorted(demo_root.rglob("*_hem.bmp"))[0])
    swapped, small = tmp_path / "bgr.png", tmp_path / "half.png"
    swapped.write_bytes(encode(np.ascontiguousarray(cell[:, :, ::-1])))
    small.write_bytes(encode(cv2.resize(cell, (224, 224), interpolation=cv2.INTER_AREA)))
    options = ("--run", "run-cnn-16")
    for file, told in ((swapped, ["--swap-red-blue"]), (small, ["--um-per-px", "0.1205"])):
        assert told[0] in run("read", str(file), *options, status=2).stderr
        (entry,) = document("read", str(file), *options, *told)
        assert entry["kind"] == "cell" and "told" in entry["prepared"][0]
        assert entry["cells"][0]["doubts"] == []


def test_read_adapts_a_cell_of_another_stain_if_told_to(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = decode(sorted(demo_root.rglob("*_all.bmp"))[0])
    file = tmp_path / "other.png"
    file.write_bytes(encode(recolour(cell, np.diag([1.0, 1.0, 0.5]), np.zeros(3))))
    options = ("--run", "run-cnn-16", "--overlay", str(tmp_path))
    assert "--adapt-stain" in run("read", str(file), *options, status=2).stderr
    (entry,) = document("read", str(file), *options, "--adapt-stain")
    (found,) = entry["cells"]
    assert found["adapted_stain"] is True and "Its colours were adapted" in entry["prepared"][0]
    assert Path(entry["overlay"]).name == "other_adapted_overlay.png"
    measured = document("evaluate", "run-cnn-16", "--stain")
    assert measured["normalisation"] == "none" and measured["groups"] > 3


@pytest.mark.parametrize(
    "name", ["text.bmp", "truncated.bmp", "empty.bmp", "bomb.png", "animated.gif"]
)
def test_an_unreadable_image_is_one_line_on_standard_error(
    name: str, workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = decode(sorted(demo_root.rglob("*.bmp"))[0])
    file = write_bad_images(tmp_path, cell)[name]
    done = (run_process if name == "text.bmp" else run)("read", str(file), status=2)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert name in done.stderr


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
        (("tune", "demo", "--architecture", "cnn-16", "--name", "a/b"), "is no sweep name"),
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
    options = ["--architecture", "cnn-16", "--epochs", "1", "--split", "image"]
    run_id = document("train", str(tmp_path / "a"), *options)["run"]
    told = document("evaluate", run_id, "--dataset", str(tmp_path / "b"))
    assert told["leaking"] is True
    assert told["of_subjects_trained_on"] > told["trained_on"] == 0


def test_overlays_of_one_name_do_not_overwrite_each_other(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cells = sorted(demo_root.rglob("*.bmp"))[:2]
    for number, file in enumerate(cells):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cell.bmp").write_bytes(file.read_bytes())
    read = document(
        "read", *(str(tmp_path / f"{n}/cell.bmp") for n in (0, 1)), "--overlay", str(tmp_path / "o")
    )
    assert len({entry["overlay"] for entry in read}) == len(list((tmp_path / "o").iterdir())) == 2


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
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "core", "train", str(demo_root), "--architecture", "cnn-16"]
    options = ["--epochs", "1", "--sample", "30", "--json"]
    done = subprocess.run(command + options, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine" / "runs" / json.loads(done.stdout)["run"] / "metrics.json").is_file()
    assert not (PROJECT / "mine").exists()


def test_a_sweep_of_the_same_name_is_gone_on_with_and_another_is_refused(demo_root: Path) -> None:
    """What is left to do of both is nothing, so nothing trains."""
    base = executor.base(demo_root, epochs=2, seed=3)
    plans = {
        "cv": Plan(kind="cross-validation", base=base.replace(folds=3)),
        "tuned": Plan(kind="search", base=base, trials=3, space=search.choose(base, ["l2"])),
    }
    for name, plan in plans.items():
        executor.work(sweep_store.create(plan, name), executor.Executor())
    options = [str(demo_root), "--architecture", "cnn-16", "--epochs", "2", "--seed", "3"]
    told = document("cross-validate", *options, "--folds", "3", "--name", "cv")
    assert (told["sweep"], told["status"], told["done"], told["total"]) == ("cv", "succeeded", 3, 3)
    assert len(told["folds"]) == 3 and told["pooled"]["images"] == 60
    low, high = told["metrics"]["roc_auc"]["interval"]
    assert low < told["metrics"]["roc_auc"]["mean"] < high
    told = document("tune", *options, "--search", "l2", "--name", "tuned")
    assert [row["trial"] for row in told["trials"]] == [0, 1, 2]
    assert told["best"]["value"] == min(row["value"] for row in told["trials"])
    listed = {entry["sweep"]: entry for entry in document("sweeps")}
    assert {name: entry["kind"] for name, entry in listed.items()} == {
        "cv": "cross-validation",
        "tuned": "search",
    }
    assert listed["cv"]["base"]["folds"] == 3
    for arguments, words in (
        (("tune", *options, "--search", "l2", "--trials", "2", "--name", "tuned"), "has 3 already"),
        (("tune", *options, "--name", "tuned"), "searches other settings"),
        (("cross-validate", *options, "--name", "cv"), "folds is 3, not 5"),
    ):
        assert words in run(*arguments, status=2).stderr


def test_ctrl_c_asks_a_sweep_to_stop_and_says_how_to_go_on(demo_root: Path) -> None:
    options = ["--architecture", "cnn-dropout", "--epochs", "1", "--name", "cv", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "core", "cross-validate", str(demo_root), *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while not (sweep_store.exists("cv") and sweep_store.get("cv").current):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 2 and out == "", told
    assert told.splitlines()[-1] == (
        "cv cancelled. What has finished is kept. Go on with --name cv."
    )
    assert sweep_store.get("cv").status.state == "cancelled"


def test_every_verb_explains_itself() -> None:
    verbs = ("demo", "index", "train", "runs", "compare", "evaluate", "read", "examples")
    verbs += ("cross-validate", "tune", "sweeps")
    verbs += ("resume", "study", "diagnose", "app", "import")
    top = run_process("--help").stdout
    for verb in verbs:
        assert verb in top
    assert "--overlay" in run("read", "--help").stdout
    assert settings.version() in run("--version").stdout


def test_without_json_people_get_lines(demo_root: Path) -> None:
    told = run("index", str(demo_root)).stdout
    assert f"images: {CELLS}" in told and "{" not in told
