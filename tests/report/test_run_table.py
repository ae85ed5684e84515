"""The table of runs: a row a run, the runs of a sweep behind one row, a search in words."""

from core import storage
from core.report import run_table
from core.runs import about, config, run_store
from core.tuning import sweep_store
from core.tuning.sweep_store import Plan
from tests.factories.archives import shipped_run


def test_the_runs_of_a_sweep_stand_behind_one_row_that_opens() -> None:
    alone = shipped_run()
    base = config.create("compact", storage.demo_dir(), "recommended", folds=3)
    sweep = sweep_store.create(Plan(kind="cross-validation", base=base), "cv")
    for fold in range(3):
        run_store.create(base.replace(fold=fold), sweep.run_id(fold=fold))
    runs = run_store.runs()
    names = about.names(runs)
    closed = run_table.table(runs, [sweep], names, [])
    assert sorted(closed.index) == ["cv", alone.run_id]
    assert closed.at["cv", "Name"] == "▸ Cross-validation of 3 runs: cv"
    opened = run_table.table(runs, [sweep], names, ["cv"])
    assert sorted(opened.index) == sorted(["cv", *(run.run_id for run in runs)])
    assert tuple(opened.columns) == run_table.COLUMNS


def test_a_row_has_the_score_with_its_interval_and_the_losses() -> None:
    run = shipped_run()
    row = run_table.row(run, "mine")
    low, high = map(float, str(row[run_table.INTERVAL]).split(" to "))
    assert low < float(str(row[run_table.SCORE])) < high and row["State"] == "finished"
    assert row[run_table.LOSS] == run.history["validation_cross_entropy"].tolist()


def test_runs_are_found_by_every_word_that_is_said_of_them() -> None:
    first, second = shipped_run(), shipped_run("demo-cnn-dropout")
    about.change(first, note="Of the old lamp", tags=["keep"])
    names, runs = about.names([first, second]), [first, second]
    assert run_table.matching(runs, names, "lamp KEEP") == [first]
    assert run_table.matching(runs, names, "lamp dropout") == []
    assert run_table.matching(runs, names, "") == runs
    differing = run_table.differences(runs, names)
    assert list(differing.loc["Architecture"]) == ["CNN-16", "CNN with dropout"]


def test_runs_stand_in_each_order_and_those_without_a_value_last() -> None:
    finished = [shipped_run(name) for name in ("demo-cnn-16", "demo-colour-bands")]
    base = config.create("compact", storage.demo_dir(), "recommended")
    waiting = run_store.create(base, "waiting")
    runs = [waiting, *finished]
    names = {run.run_id: name for run, name in zip(runs, ("m", "Z", "a"), strict=True)}

    def rows(order: str) -> list[str]:
        ordered = run_table.in_order(runs, names, order)
        assert sorted(run.run_id for run in ordered) == sorted(run.run_id for run in runs)
        return [run.run_id for run in ordered]

    table = run_table.table(runs, [], names, [])
    best = table[run_table.SCORE].dropna().sort_values(ascending=False).index
    longest = table["Minutes"].dropna().sort_values(ascending=False).index
    assert rows(run_table.NEWEST) == [run.run_id for run in runs]
    assert rows("best first") == [*best, "waiting"]
    assert rows("longest first") == [*longest, "waiting"]
    assert [names[run_id] for run_id in rows("by name")] == ["a", "m", "Z"]
    assert rows("by state")[-1] == "waiting"  # finished before "waiting for its turn"
