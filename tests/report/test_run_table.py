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
