"""What is chosen stands in the address and outlives a page switch; a wrong address is said."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.explain.cam_methods import METHODS
from core.runs import about, run_store
from tests.factories.app import open_link, open_page, tiles, words


def visit(app: AppTest, name: str) -> None:
    app.switch_page(f"pages/{name}.py").run()
    assert not app.exception


@pytest.mark.slow
def test_filters_and_view_of_a_data_set_outlive_a_page_switch_and_make_a_link(
    workspace: Path,
) -> None:
    app = open_page("dataset")
    app.segmented_control(key="class").select("HEM").run()
    app.selectbox(key="order").select("largest first").run()
    before = [tile.label for tile in tiles(app)]
    visit(app, "tune")
    visit(app, "dataset")
    assert app.segmented_control(key="class").value == "HEM"
    assert app.selectbox(key="order").value == "largest first"
    assert [tile.label for tile in tiles(app)] == before
    link = dict(app.query_params)
    assert link["order"] == "largest first" and "HEM" in link["class"]
    twin = open_link("dataset", **link)
    assert [tile.label for tile in tiles(twin)] == before


@pytest.mark.slow
def test_a_link_opens_a_cell_and_a_view(workspace: Path) -> None:
    app = open_page("dataset")
    tiles(app)[0].click().run()
    assert "SHA-256" in words(app) and app.query_params["cell"]
    assert "SHA-256" in words(open_link("dataset", cell=app.query_params["cell"]))
    files = open_link("dataset", view="Files", dataset="demo")
    assert "Images" in words(files) and files.session_state["view"] == "Files"


def test_a_link_shows_the_runs_in_the_same_order(workspace: Path) -> None:
    app = open_page("models", about="All runs")
    app.selectbox(key="sort").select("by name").run()
    twin = open_link("models", about="All runs", sort="by name")
    shown, again = (page.dataframe[0].value["Name"].tolist() for page in (app, twin))
    assert shown == again == sorted(shown, key=str.casefold) and len(shown) > 1


@pytest.mark.slow
def test_a_link_opens_the_same_cells_of_a_matrix(workspace: Path) -> None:
    counts = run_store.get("run-cnn-16").metrics.test.confusion.to_json()
    kind = max(counts, key=counts.__getitem__)
    app = open_page("compare")
    app.button(key=f"cells_run-cnn-16_{kind}").click().run()
    link = dict(app.query_params)
    assert link["cells"] == f"{kind} run-cnn-16"
    assert f"{counts[kind]} cells of" in words(open_link("compare", **link))
    assert "cells of ALL, " not in words(open_link("compare", cells="nothing run-cnn-16"))


@pytest.mark.slow
def test_a_link_shows_an_example_with_the_same_heat_map(workspace: Path) -> None:
    example = sorted((workspace / "examples").glob("*.png"))[0].name
    asked = {"example": example, "models": "run-cnn-16"}
    app = open_link("predict", **asked)
    heat_map, other = app.selectbox(key="heat_map_run-cnn-16"), METHODS["eigen-cam"].title
    assert "The model suggests" in words(app) and heat_map.value != "eigen-cam"
    twin = open_link("predict", **asked, **{"heat_map_run-cnn-16": other})
    assert twin.selectbox(key="heat_map_run-cnn-16").value == "eigen-cam"
    assert f"Drawn by {other}, as chosen" in words(twin)


@pytest.mark.parametrize(
    ("page", "asked", "said"),
    [
        ("dataset", {"dataset": "/etc"}, "the data set /etc, which is not here"),
        ("dataset", {"view": "Nothing"}, "the tab Nothing, which is not here"),
        ("dataset", {"cell": "gone.bmp"}, "no image gone.bmp"),
        ("compare", {"section": "Nothing"}, "the tab Nothing"),
        ("compare", {"runs": "gone"}, "the run gone, which is not here"),
        ("predict", {"models": "gone"}, "the run gone, which is not here"),
        ("models", {"model": "gone"}, "the run gone, which is not here"),
        ("train", {"run": "gone"}, "the run gone, which is not here"),
    ],
)
def test_what_an_address_asks_for_and_is_not_there_is_said_and_the_page_goes_on(
    workspace: Path, page: str, asked: dict[str, str], said: str
) -> None:
    app = open_link(page, **asked)
    assert said in words(app) and not app.error
    assert len(app.selectbox) + len(app.multiselect)


@pytest.mark.slow
def test_settings_of_a_training_outlive_a_page_switch(workspace: Path) -> None:
    app = open_page("train")
    app.number_input(key="epochs_cnn-16_recommended").set_value(7).run()
    visit(app, "home")
    visit(app, "train")
    assert app.number_input(key="epochs_cnn-16_recommended").value == 7
    twin = open_link("train", **app.query_params)
    assert twin.number_input(key="epochs_cnn-16_recommended").value == 7


@pytest.mark.slow
def test_chosen_runs_and_tab_make_a_link_in_names_and_in_ids(workspace: Path) -> None:
    app = open_page("compare")
    app.multiselect(key="runs").set_value(["run-cnn-dropout"]).run()
    app.session_state["section"] = "Learning"
    visit(app, "tune")
    visit(app, "compare")
    assert app.multiselect(key="runs").value == ["run-cnn-dropout"]
    about.change(run_store.get("run-cnn-dropout"), name="Second try")
    try:
        for asked in ("Second try", "run-cnn-dropout"):
            twin = open_link("compare", runs=asked, section="Learning")
            assert twin.multiselect(key="runs").value == ["run-cnn-dropout"]
            assert twin.session_state["section"] == "Learning"
        models = open_link("predict", models=["run-cnn-16", "Second try"])
        assert sorted(models.multiselect(key="models").value) == ["run-cnn-16", "run-cnn-dropout"]
        assert open_link("models", model="Second try").selectbox(key="model").value == (
            "run-cnn-dropout"
        )
        assert open_link("train", run="Second try").selectbox(key="run").value == "run-cnn-dropout"
    finally:
        (workspace / "runs" / "run-cnn-dropout" / about.FILE).unlink()


def test_an_archived_run_is_left_out_until_it_is_asked_for(workspace: Path) -> None:
    run = run_store.get("run-cnn-dropout")
    before = open_page("compare").multiselect(key="runs").options
    assert about.called(run) in before
    about.change(run, archived=True)
    try:
        now = open_page("compare").multiselect(key="runs").options
        assert now == [name for name in before if name != about.called(run)]
        asked = open_link("compare", runs=run.run_id).multiselect(key="runs")
        assert asked.value == [run.run_id]
    finally:
        (run.path / about.FILE).unlink()


def test_an_upload_outlives_a_page_switch_until_it_is_taken_away(
    workspace: Path, demo_root: Path
) -> None:
    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    app = open_page("predict")
    app.file_uploader[0].upload(cell.name, cell.read_bytes())
    app.run()
    visit(app, "tune")
    visit(app, "predict")
    assert f"Kept: {cell.name}" in words(app) and "The model suggests" in words(app)
    app.button(key="predict_forget").click().run()
    visit(app, "tune")
    visit(app, "predict")
    assert cell.name not in words(app)
