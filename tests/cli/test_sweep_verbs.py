"""The verbs that run sweeps: the same name goes on, Ctrl-C stops."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan
from tests.conftest import PROJECT
from tests.factories import executor
from tests.factories.command import document, run


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
