"""Where a study is kept: the same search in each storage, cut anywhere, and asked by threads."""

import os
import socket
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from optuna.trial import TrialState
from sqlalchemy import text

from core import storage
from core.errors import ConfigError, RunError
from core.tuning import search, study_storage, sweep_store
from core.tuning.sweep_store import Plan, Sweep
from tests.factories import executor
from tests.factories.postgresql import create

NAMES = ("learning_rate", "batch_size", "l2")


@pytest.fixture(params=study_storage.STORAGES)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The storage that new searches take."""
    kind: str = request.param
    if kind == study_storage.POSTGRESQL:
        server, name = request.getfixturevalue("postgresql"), f"s{os.urandom(6).hex()}"
        create(server, name)
        monkeypatch.setenv("BLASTLENS_STUDY_STORAGE", f"{server}/{name}")
    elif kind == study_storage.JOURNAL:
        monkeypatch.setenv("BLASTLENS_STUDY_STORAGE", kind)
    monkeypatch.setattr(study_storage, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(study_storage, "STALE_SECONDS", 1.0)
    return kind


def make(root: Path, trials: int) -> Sweep:
    storage.sweeps_dir().mkdir(parents=True, exist_ok=True)
    base = executor.base(root)
    plan = Plan(kind="search", base=base, trials=trials, space=search.choose(base, NAMES))
    return sweep_store.create(plan, f"search-{time.monotonic_ns()}")


def ask_all(sweep: Sweep, until: int | None = None) -> list[dict[str, object]]:
    """Makes the trials that are left, or so many; returns the settings of all so far."""
    with search.open_study(sweep) as study:
        while (trial := search.next_trial(study, sweep.plan)) is not None:
            settings = search.suggest(trial, sweep.plan)
            study.tell(trial, float(settings["learning_rate"]) + float(settings["l2"]))
            if until is not None and trial.number + 1 >= until:
                break
        return [trial.params for trial in study.trials]


@pytest.mark.slow
def test_a_search_suggests_the_same_wherever_its_study_is_kept(artifacts: Path, kind: str) -> None:
    """So many trials that the sampler looks at the earlier ones, and cut in the middle."""
    given = os.environ.pop("BLASTLENS_STUDY_STORAGE", None)
    plain = ask_all(make(artifacts, 14))
    if given:
        os.environ["BLASTLENS_STUDY_STORAGE"] = given
    sweep = make(artifacts, 14)
    ask_all(sweep, until=12)
    assert ask_all(sweep) == plain
    assert len({tuple(row.items()) for row in plain}) == 14
    files = {file.name for file in sweep.path.glob("study.*")}
    assert files == {"sqlite": {"study.db"}, "journal": {"study.journal"}}.get(kind, set())


def test_threads_get_each_trial_once_and_a_killed_search_gives_its_trials_again(
    artifacts: Path, kind: str
) -> None:
    sweep, before = make(artifacts, 9), {}
    with search.open_study(sweep) as study:
        for _ in range(3):
            trial = search.next_trial(study, sweep.plan)
            assert trial is not None
            before[trial.number] = search.suggest(trial, sweep.plan)
            trial.report(0.5, 0)
        study.tell(0, 1.0)
    # It ended without a word: trials 1 and 2 are under way.
    asked: list[int] = []
    with search.open_study(sweep) as study, ThreadPoolExecutor(4) as pool:

        def work() -> None:
            while (trial := search.next_trial(study, sweep.plan)) is not None:
                settings = search.suggest(trial, sweep.plan)
                assert before.get(trial.number, settings) == settings
                search.report(trial, {0: 0.5, 1: 0.25})
                study.tell(trial, float(settings["l2"]))
                asked.append(trial.number)

        for worker in [pool.submit(work) for _ in range(4)]:
            worker.result()
        assert Counter(asked) == Counter(range(1, 9))
        assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
        assert study.trials[1].intermediate_values == {0: 0.5, 1: 0.25}


@pytest.mark.parametrize("kind", [study_storage.POSTGRESQL], indirect=True)
def test_a_trial_whose_worker_still_beats_is_left_to_it(artifacts: Path, kind: str) -> None:
    sweep = make(artifacts, 3)
    with search.open_study(sweep) as alive:
        assert search.next_trial(alive, sweep.plan) is not None
        time.sleep(3 * study_storage.HEARTBEAT_SECONDS)
        with (
            pytest.raises(RunError, match="Another worker is at trial 0"),
            search.open_study(sweep),
        ):
            pass
        assert alive.trials[0].state == TrialState.RUNNING
    with search.open_study(sweep) as again:  # waits until the last beat is old
        taken = search.next_trial(again, sweep.plan)
        assert taken is not None and taken.number == 0


def test_a_study_of_an_older_version_opens_whatever_the_setting_is(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = make(artifacts, 3)
    ask_all(sweep, until=2)
    file = sweep.path / "sweep.json"
    old = storage.read_json(file)
    del old["study_storage"], old["study_name"]
    storage.write_json(file, old)
    with sqlite3.connect(sweep.path / "study.db") as study:
        assert study.execute("SELECT study_name FROM studies").fetchall() == [("search",)]
    monkeypatch.setenv("BLASTLENS_STUDY_STORAGE", "journal")
    assert len(ask_all(sweep)) == 3
    assert not (sweep.path / "study.journal").exists()


def test_a_journal_whose_last_line_was_torn_goes_on(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_STUDY_STORAGE", "journal")
    sweep = make(artifacts, 4)
    ask_all(sweep, until=2)
    with (sweep.path / "study.journal").open("ab") as log:
        log.write(b'{"op_code": 6, "wor')
    assert len(ask_all(sweep)) == 4


@pytest.mark.parametrize(
    "given", ["sqlite", "mysql://host/name", "postgresql://host/name", "postgresql+psycopg:///name"]
)
def test_a_wrong_setting_is_refused_before_the_sweep_is_made(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("BLASTLENS_STUDY_STORAGE", given)
    with pytest.raises(ConfigError, match=r"is neither 'journal' nor .*postgresql\+psycopg://"):
        make(artifacts, 2)
    assert not sweep_store.sweeps()


def test_a_missing_driver_or_address_and_an_unreachable_server_are_sentences(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"postgresql+psycopg://me:secret@127.0.0.1:{port}/none"
    monkeypatch.setenv("BLASTLENS_STUDY_STORAGE", address)
    sweep = make(artifacts, 2)
    with pytest.raises(ConfigError, match=r"cannot be opened.*its server runs") as found:
        ask_all(sweep)
    assert "secret" not in str(found.value)
    with monkeypatch.context() as patch:
        patch.setattr("core.extras.find_spec", lambda name: None if name == "psycopg" else name)
        with pytest.raises(ConfigError, match=r"needs psycopg.*blastlens\[postgresql\]"):
            make(artifacts, 2)
    monkeypatch.delenv("BLASTLENS_STUDY_STORAGE")
    sweep.finish("failed", "No server.")
    with pytest.raises(ConfigError, match="Set BLASTLENS_STUDY_STORAGE to its address"):
        sweep.requeue()


@pytest.mark.parametrize("kind", [study_storage.POSTGRESQL], indirect=True)
def test_a_database_that_fails_ends_the_search_with_a_sentence(artifacts: Path, kind: str) -> None:
    sweep = make(artifacts, 3)
    ended = pytest.raises(RunError, match=r"cannot be used any more: .*trial_params.*resume")
    with ended, search.open_study(sweep) as study:
        with study._storage._backend.engine.begin() as connection:
            connection.execute(text("DROP TABLE trial_params CASCADE"))
        trial = search.next_trial(study, sweep.plan)
        assert trial is not None
        search.suggest(trial, sweep.plan)
