"""Home: what one came for comes first; the steps know where one stands."""

from pathlib import Path

from core import storage
from core.data import datasets
from core.report import first_steps
from core.runs.run_store import Run
from tests.factories import trees
from tests.factories.app import open_page, words


def done() -> list[bool]:
    return [step.done for step in first_steps.first_steps()]


def test_without_anything_the_first_step_is_next_and_each_purpose_has_a_way_on() -> None:
    assert done() == [False] * 5
    step = first_steps.next_step(first_steps.first_steps())
    assert step is not None and step.title == "Try an example"
    for purpose, said in (
        ("look at data", "There is no data set yet"),
        ("train a model", "Choose"),
    ):
        app = open_page("home")
        app.segmented_control(key="for").select(purpose).run()
        assert said in words(app) and not app.exception and not app.error


def test_steps_are_done_as_data_and_models_of_one_s_own_come(
    finished_run: Run, tmp_path: Path
) -> None:
    assert done() == [True, False, False, False, False]
    trees.write_three_phases(tmp_path / "set", trees.KAGGLE)
    sources = storage.sources_file()
    config_file = finished_run.path / "config.json"
    config = config_file.read_bytes()
    try:
        datasets.add(str(tmp_path / "set"))
        assert done() == [True, True, False, False, False]
        changed = dict(storage.read_json(config_file), dataset=str(tmp_path / "set"))
        storage.write_json(config_file, changed)
        assert done()[:4] == [True, True, True, False]
    finally:
        config_file.write_bytes(config)
        sources.unlink()


def test_who_looks_at_data_sees_what_stands_out(workspace: Path) -> None:
    app = open_page("home")
    app.segmented_control(key="for").select("look at data").run()
    assert not app.exception and not app.error
    said = words(app)
    assert "near balance" in said or "of the labelled cells are" in said
    assert "The model suggests" not in said
