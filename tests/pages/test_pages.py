"""Every page opens: on an empty disk, with data and runs, and as the repository ships."""

import shutil
from pathlib import Path

import pytest

from core import storage
from core.runs import active_model, run_store
from tests.conftest import PROJECT
from tests.factories.app import open_page, words

PAGES = ("home", "dataset", "train", "tune", "compare", "predict", "cohorts", "models")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_on_an_empty_disk_and_says_what_to_do_next(name: str) -> None:
    app = open_page(name)
    assert len(app.title) == 1
    said = words(app)
    assert any(
        hint in said for hint in ("Train one first", "no data set yet", "No run has finished")
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_with_data_and_runs_without_a_complaint(name: str, workspace: Path) -> None:
    app = open_page(name)
    assert not app.error
    if name in ("home", "predict", "cohorts"):
        assert "research use only" in words(app).lower()


def test_a_deleted_active_model_leaves_a_way_to_choose_another(workspace: Path) -> None:
    storage.write_json(storage.active_file(), {"run": "deleted"})
    try:
        assert "choose another on the models page" in words(open_page("home")).lower()
        app = open_page("predict")
        assert app.file_uploader and not app.exception
        open_page("compare").button(key="use_run-cnn-16").click().run()
        assert active_model.active().run_id == "run-cnn-16"
        storage.active_file().write_text("{")
        assert not open_page("home").exception
    finally:
        storage.active_file().unlink(missing_ok=True)


@pytest.mark.slow
def test_what_the_repository_ships_reads_in_the_first_minute(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped runs and examples, as a fresh clone has them."""
    shutil.copytree(
        PROJECT / "artifacts" / "runs",
        artifacts / "runs",
        ignore=shutil.ignore_patterns("2*", ".*"),
    )
    shutil.copytree(PROJECT / "artifacts" / "examples", artifacts / "examples")
    shipped = {run.run_id for run in run_store.finished()}
    assert {"demo-colour-bands", "demo-cnn-16", "demo-cnn-dropout"} <= shipped
    assert active_model.active().run_id == "demo-colour-bands"
    app = open_page("home")
    assert "passed its checks" in words(app) and "real blasts" in words(app)
    for example in sorted(storage.examples_dir().glob("*.png")):
        app.button(key=f"home_{example.stem}").click().run()
        assert "The model suggests" in words(app), example
    assert "balanced accuracy" in words(open_page("compare")).lower()
