"""Which run reads: chosen, changed, undone; each choice stays on record."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from core import storage
from core.errors import RunError
from core.runs import active_model, run_store
from core.runs.run_store import Run
from tests.runs.test_run_store import make_run


def finished(name: str, started: float) -> Run:
    run = make_run(name, state="succeeded", started=started)
    run.engine_file.write_text(f"<net name={name!r}/>")
    run.engine_file.with_suffix(".bin").write_bytes(name.encode())
    return run


@pytest.fixture
def runs() -> dict[str, Run]:
    return {
        name: finished(name, float(n)) for n, name in enumerate(("first", "second", "third"), 1)
    }


def test_training_another_model_never_changes_the_active_one() -> None:
    with pytest.raises(RunError, match="Train one first"):
        active_model.active()
    make_run("older", state="succeeded", started=1.0)
    assert active_model.active().run_id == "older"
    newer = make_run("newer", state="succeeded", started=2.0)
    assert [run.run_id for run in run_store.finished()] == ["newer", "older"]
    assert active_model.active().run_id == "older"
    active_model.promote(newer)
    assert active_model.active() == newer
    with pytest.raises(RunError, match="is failed; only a run that succeeded"):
        active_model.promote(make_run("failing", state="failed"))


def test_neither_does_importing_an_older_one(runs: dict[str, Run]) -> None:
    ancient = finished("ancient", 0.5)
    assert active_model.active() == ancient
    came = {"at": time.time(), "archive": "0" * 64, "run": "ancient"}
    storage.write_json(ancient.path / "import.json", came)
    assert active_model.active() == runs["first"]


def test_undo_goes_back_step_by_step_and_all_stays_on_record(runs: dict[str, Run]) -> None:
    before = time.time()
    for name in ("second", "third", "first"):
        active_model.promote(runs[name])
    assert [entry.previous for entry in active_model.history()] == ["first", "second", "third"]
    said = []
    while active_model.can_undo():
        entry = active_model.undo()
        said.append((entry.run, entry.previous, active_model.active().run_id))
    assert said == [
        ("third", "first", "third"),
        ("second", "third", "second"),
        (None, "second", "first"),
    ]
    with pytest.raises(RunError, match="no choice can be undone"):
        active_model.undo()
    entries = active_model.history()
    assert [entry.undone for entry in entries] == [False] * 3 + [True] * 3
    times = [entry.at or 0.0 for entry in entries]
    assert times == sorted(times) and before <= times[0] <= time.time()
    active_model.promote(runs["third"])
    assert active_model.undo().run is None  # what was undone is not gone back to


def test_a_choice_after_an_undo_stands_on_what_was_gone_back_to(runs: dict[str, Run]) -> None:
    active_model.promote(runs["second"])
    active_model.promote(runs["third"])
    active_model.undo()
    active_model.promote(runs["first"])
    assert active_model.undo().run == "second"


def test_choosing_the_active_one_again_changes_nothing(runs: dict[str, Run]) -> None:
    assert active_model.promote(runs["second"]) == active_model.promote(runs["second"])
    assert len(active_model.history()) == 1


def test_an_engine_that_has_changed_since_is_told(runs: dict[str, Run]) -> None:
    chosen = active_model.promote(runs["second"])
    assert chosen.engine == runs["second"].engine_digest and len(chosen.engine or "") == 64
    assert active_model.changed_since(runs["second"]) is None
    runs["second"].engine_file.with_suffix(".bin").write_bytes(b"other weights")
    assert active_model.changed_since(runs["second"]) == chosen
    assert active_model.table_rows()[0]["Now"] == "changed: engine"
    active_model.promote(runs["second"])  # that is what is wanted now
    assert active_model.changed_since(runs["second"]) is None
    assert len(active_model.history()) == 2


@pytest.mark.parametrize("name", active_model.FILES)
def test_a_changed_file_that_a_run_reads_with_counts_like_its_engine(
    runs: dict[str, Run], name: str
) -> None:
    run = runs["second"]
    chosen = active_model.promote(run)
    (run.path / name).write_text("{}")
    assert active_model.changed_since(run) == chosen
    assert active_model.changes(chosen, run) == [name]
    assert active_model.table_rows()[0]["Now"] == f"changed: {name}"
    again = active_model.promote(run)
    assert again != chosen and active_model.changed_since(run) is None
    (run.path / name).unlink()
    assert active_model.changed_since(run) == again


def test_an_entry_that_knows_the_engine_alone_is_held_against_it_alone(
    runs: dict[str, Run],
) -> None:
    entry = active_model.promote(runs["second"]).to_json()
    del entry["files"]  # as an earlier version wrote it
    storage.write_json(storage.active_file(), {"version": 2, "history": [entry]})
    (runs["second"].path / "stain.json").write_text("{}")
    assert active_model.changed_since(runs["second"]) is None


def test_the_format_of_before_is_read_and_goes_on(runs: dict[str, Run]) -> None:
    storage.write_json(storage.active_file(), {"run": "second"})
    assert active_model.active() == runs["second"]
    assert active_model.history() == [
        active_model.Promotion(run="second", at=None, previous=None, engine=None)
    ]
    active_model.promote(runs["third"])
    assert active_model.undo().run == "second"
    assert [row["Model"] for row in active_model.table_rows()] == ["second", "third", "second"]
    assert active_model.table_rows()[-1]["When"] is None


def test_a_model_that_is_gone_is_named_and_undo_passes_it_over(runs: dict[str, Run]) -> None:
    for name in ("first", "second", "third"):
        active_model.promote(runs[name])
    for name in ("second", "third"):
        shutil.rmtree(runs[name].path)
    with pytest.raises(RunError, match=r"third, is gone.*undo"):
        active_model.active()
    assert active_model.undo().run == "first"
    assert active_model.active() == runs["first"]


@pytest.mark.parametrize("text", ["{", "[]", '{"history": 3}', '{"history": [{"run": "a"}]}', "7"])
def test_a_damaged_history_says_so_and_a_new_choice_mends_it(
    runs: dict[str, Run], text: str
) -> None:
    storage.active_file().write_text(text)
    with pytest.raises(RunError, match=r"active\.json is damaged.*Models page"):
        active_model.active()
    active_model.promote(runs["second"])
    assert active_model.active() == runs["second"]


def test_choices_made_at_once_are_all_kept(runs: dict[str, Run], artifacts: Path) -> None:
    active_model.promote(runs["first"])
    both = [
        threading.Thread(target=active_model.promote, args=(runs[name],))
        for name in ("second", "third")
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    entries = json.loads((artifacts / "active.json").read_text())["history"]
    assert sorted(entry["run"] for entry in entries) == ["first", "second", "third"]
    assert entries[-1]["previous"] == entries[-2]["run"]
    assert [entry["depth"] for entry in entries] == [1, 2, 3]
