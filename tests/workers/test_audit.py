"""An audit from the command line, one of its companions trained by a real worker process."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.audit import ablations
from core.cli import main
from core.data.indexing import Index
from core.errors import RunError
from core.jobs.job import Status
from core.runs import run_store
from core.runs.run_store import Run
from core.training import results
from core.workers import launcher
from tests.factories.ablation_runs import base, finish, skilled


@pytest.fixture
def audited(finished_run: Run, demo_index: Index) -> Iterator[Run]:
    """The finished run with all companions of its leakage meter but the last; removed after."""
    before = {run.run_id for run in run_store.runs()}
    for side in ablations.AUDITS["leakage"]:
        for wanted in ablations.configs(finished_run.config, "leakage", side):
            if (side, wanted.fold) == ("image", ablations.FOLDS["leakage"] - 1):
                continue
            run = finish(wanted, skilled(1), contents=demo_index.fingerprint, table=None)
            table = results.choose(demo_index, run)
            shutil.rmtree(run.path)
            finish(wanted, skilled(1), contents=demo_index.fingerprint, table=table)
    yield finished_run
    for run in run_store.runs():
        if run.run_id not in before:
            shutil.rmtree(run.path)


def test_what_is_missing_is_trained_and_the_whole_is_measured(
    audited: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    there = {run.run_id for run in run_store.runs()}
    assert main(["audit", audited.run_id, "--json"]) == 0
    before = json.loads(capsys.readouterr().out)
    assert before["leakage"] == {"done": 9, "total": 10, "result": None}

    assert main(["audit", audited.run_id, "--leakage", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (new,) = [run for run in run_store.runs() if run.run_id not in there]
    assert new.config == ablations.configs(audited.config, "leakage", "image")[-1]
    assert new.run_id.startswith("audit-cnn-16-image-5of5-") and new.status.state == "succeeded"
    result = document["leakage"]["result"]
    assert (result["cells"], result["folds"]) == (120, 5)
    assert result["sentence"] and result["doubt"] in (True, False)
    assert document["controls"]["result"] is None and document["probe"] is None

    # Everything is there: asking again trains nothing.
    assert launcher.start_audit(audited, "leakage") == []


def test_what_ended_before_its_time_goes_on_and_what_waits_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    launched: list[str] = []
    monkeypatch.setattr(launcher, "launch", lambda run: launched.append(run.run_id))
    monkeypatch.setattr(launcher, "require_inputs", lambda config: None)
    run = finish(base(), skilled(1))
    started = launcher.start_audit(run, "controls")
    assert len(started) == 9 and launched == [one.run_id for one in started]
    assert sum(one.config.is_control for one in started) == 6
    assert launcher.start_audit(run, "controls") == []  # they wait
    facts = vars(started[0].written_status) | {"state": "cancelled"}
    started[0].write_status(Status(**facts))
    assert launcher.start_audit(run, "controls") == [started[0]]
    assert started[0].status.state == "queued" and launched[-1] == started[0].run_id


def test_a_control_and_an_unfinished_run_are_not_audited() -> None:
    with pytest.raises(RunError, match="queued"):
        launcher.start_audit(run_store.create(base()), "leakage")
