"""Every page, driven from app.py as a person would: what they see, click and upload."""

import re
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import storage
from core.data import sources
from core.data.images import decode
from core.jobs import local
from core.reading.reader import Reader
from core.runs import config, store
from tests.bad_images import write_bad_images
from tests.conftest import CELLS, PROJECT

PAGES = ("home", "dataset", "train", "compare", "predict")


def open_page(name: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60).run()
    assert not app.exception
    if name != "home":
        app.switch_page(f"pages/{name}.py").run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.success, app.title)
    text = "\n".join(str(element.value) for kind in kinds for element in kind)
    return re.sub(r"\\(.)", r"\1", text)  # as it is shown, without Markdown's escapes


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
    if name in ("home", "predict"):
        assert "research use only" in words(app)


@pytest.mark.parametrize("name", ["home", "predict"])
def test_an_uploaded_cell_is_read_with_call_probability_and_explanation(
    name: str, workspace: Path, demo_root: Path
) -> None:
    app = open_page(name)
    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    app.file_uploader[0].upload(cell.name, cell.read_bytes())
    app.run()
    said = words(app)
    assert not app.exception and not app.error
    assert "The model suggests" in said and ("ALL" in said or "HEM" in said)
    assert "eat" in said and "balanced accuracy" in said.lower()


def test_every_bad_upload_gets_one_sentence_and_the_page_goes_on(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = sorted(demo_root.rglob("*_hem.bmp"))[0]
    app = open_page("predict")
    for name, file in write_bad_images(tmp_path, decode(cell)).items():
        if file.suffix == ".gif":
            continue  # the uploader itself takes only the suffixes that are read
        app.file_uploader[0].set_value((name, file.read_bytes(), "image/x"))
        app.run()
        assert not app.exception and not app.error, name
        said = words(app)
        assert ("was not read" in said) != ("The model suggests" in said), name
    app.file_uploader[0].set_value((cell.name, cell.read_bytes(), "image/bmp"))
    assert "The model suggests" in words(app.run())


def test_a_shipped_example_is_read_at_a_click(workspace: Path) -> None:
    examples = sorted(storage.examples_dir().glob("*.png"))
    assert len(examples) == 6
    app = open_page("predict")
    app.button(key=f"predict_{examples[0].stem}").click().run()
    assert "The model suggests" in words(app)


def test_the_dataset_page_filters_pages_and_inspects(workspace: Path) -> None:
    app = open_page("dataset")
    assert f"{CELLS} of {CELLS} cells" in words(app)
    app.segmented_control(key="gallery_class").select("HEM").run()
    tiles = [button for button in app.button if "No." in button.label]
    assert tiles and all("HEM" in button.label for button in tiles)
    tiles[0].click().run()
    assert "SHA-256" in words(app) and not app.exception


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ("Counts", "Phases and folds"),
        ("Subjects", "Subjects as CSV"),
        ("Splits", "This split leaks"),
        ("Files", "Manifest as CSV"),
    ],
)
def test_each_view_of_a_data_set_shows_its_facts(workspace: Path, view: str, said: str) -> None:
    app = open_page("dataset")
    app.session_state["dataset_view"] = view
    app.run()
    assert not app.exception and not app.error
    shown = words(app) + " ".join(b.proto.label for b in app.get("download_button"))
    assert said in shown
    assert not [button for button in app.button if "No." in button.label]  # only the open view


def test_rarer_filters_narrow_the_gallery(workspace: Path) -> None:
    app = open_page("dataset")

    def shown() -> int:
        found = re.search(rf"(\d+) of {CELLS} cells", words(app))
        return int(found[1]) if found else 0

    app.segmented_control(key="gallery_fold").select(0).run()
    in_fold = shown()
    assert 0 < in_fold < CELLS
    by_label = {box.label: box for box in app.selectbox}
    by_label["Part"].select("test").run()
    assert 0 <= shown() < in_fold
    by_label["Copies"].select("identical copy").run()
    assert "No cell matches" in words(app) and not app.exception


def test_the_inspector_shows_measures_and_leads_to_a_similar_cell(workspace: Path) -> None:
    app = open_page("dataset")
    tile = next(button for button in app.button if "No." in button.label)
    tile.click().run()
    table = next(frame.value for frame in app.dataframe if "measure" in frame.value)
    assert {"Area, pixels", "Roundness (disc 1)"} <= set(table["measure"])
    like = next(button for button in app.button if button.key.startswith("like_"))
    assert like.key != tile.key


def test_two_class_folders_ask_which_is_positive(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    cells = sorted(demo_root.rglob("*_all.bmp"))[:4]
    for number, cell in enumerate(cells):
        folder = tmp_path / "set" / ("lymphoblast" if number % 2 else "mature")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(cell, folder / f"{number}.bmp")
    app = open_page("dataset")
    app.text_input[0].set_value(str(tmp_path / "set"))
    next(b for b in app.button if b.label == "Add").click().run()
    choice = next(c for c in app.segmented_control if "holds ALL" in c.label)
    assert set(choice.options) == {"lymphoblast", "mature"}
    choice.select("lymphoblast").run()
    next(b for b in app.button if b.label == "Add with this class").click().run()
    assert not app.exception and not app.error
    assert "Folder lymphoblast counts as ALL" in words(app)
    assert "The subjects of 4 labelled cells are not known" in words(app)
    found = sources.index(tmp_path / "set")
    assert sorted(found.cells["label"]) == [0, 0, 1, 1]


def test_a_split_that_cannot_be_made_stops_training_before_it_starts(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    for name in ("all", "hem"):
        folder = tmp_path / "set" / name
        folder.mkdir(parents=True)
        for cell in sorted(demo_root.rglob(f"*_{name}.bmp"))[:6]:
            shutil.copy(cell, folder / f"cell {cell.stem[4:]}.bmp")
    sources.add(str(tmp_path / "set"))
    app = open_page("train")
    assert any("none can be held out" in error.value for error in app.error)
    assert not [b for b in app.button if b.label == "Start training" and not b.disabled]
    next(box for box in app.selectbox if box.label == "Split").select("image").run()
    assert "may be on both sides" in words(app)
    assert not next(b for b in app.button if b.label == "Start training").disabled


def test_a_folder_is_added_by_path_and_a_wrong_one_is_named(
    workspace: Path, demo_root: Path
) -> None:
    app = open_page("dataset")
    app.text_input[0].set_value("/nowhere/at/all")
    app.button[0].click().run()
    assert "is not a folder" in app.error[0].value
    try:
        app.text_input[0].set_value(str(demo_root))
        app.button[0].click().run()
        assert not app.exception
        assert str(demo_root) in str(app.selectbox[0].options)
    finally:
        storage.sources_file().unlink(missing_ok=True)


def test_training_starts_shows_progress_survives_a_page_switch_and_stops(workspace: Path) -> None:
    app = open_page("train")
    app.number_input(key="epochs_recommended").set_value(500).run()
    before = {run.run_id for run in store.runs()}
    next(button for button in app.button if button.label == "Start training").click().run()
    (run,) = [run for run in store.runs() if run.run_id not in before]
    try:
        assert run.config.epochs == 500
        app.switch_page("pages/predict.py").run()
        app.switch_page("pages/train.py").run()
        assert run.run_id in words(app) and run.status.unfinished
        stop = next(button for button in app.button if button.label == "Stop")
        stop.click().run()
        assert local.follow(run).state == "cancelled"
        app.run()
        assert "stopped" in words(app) and not app.exception
    finally:
        run.request_stop()
        local.follow(run)
        shutil.rmtree(run.path)


def test_two_unfinished_runs_can_each_be_stopped(workspace: Path) -> None:
    runs = [
        store.create(config.create("cnn-16", storage.demo_dir(), "recommended"), name)
        for name in ("waiting-1", "waiting-2")
    ]
    try:
        app = open_page("train")
        app.button(key="stop_waiting-2").click().run()
        assert not app.exception
        assert [run.stop_requested for run in runs] == [False, True]
    finally:
        for run in runs:
            shutil.rmtree(run.path)


def test_a_deleted_active_model_leaves_a_way_to_choose_another(workspace: Path) -> None:
    storage.write_json(storage.active_file(), {"run": "deleted"})
    try:
        assert "choose another on the compare page" in words(open_page("home")).lower()
        app = open_page("predict")
        assert app.file_uploader and not app.exception
        open_page("compare").button(key="use_run-cnn-16").click().run()
        assert store.active().run_id == "run-cnn-16"
        storage.active_file().write_text("{")
        assert not open_page("home").exception
    finally:
        storage.active_file().unlink(missing_ok=True)


def test_a_run_replaced_under_its_name_is_read_anew(workspace: Path) -> None:
    copy = store.runs()[0].path.with_name("copy")
    example = sorted(storage.examples_dir().glob("*.png"))[0]

    def probability(source: str) -> str:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(workspace / "runs" / source, copy, copy_function=shutil.copy)
        app = open_page("predict")
        next(box for box in app.selectbox if box.label == "Model").select("copy").run()
        app.button(key=f"predict_{example.stem}").click().run()
        (bar,) = app.get("progress")
        return bar.proto.text

    try:
        for name in ("run-cnn-16", "run-cnn-dropout"):
            expected = Reader(store.get(name)).read(example).cells[0].probability
            assert f"ALL **{expected:.0%}**" in probability(name)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def test_a_cell_deleted_behind_the_gallery_is_named(
    demo_root: Path, artifacts: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    shutil.copytree(demo_root, root)
    sources.add(str(root))
    app = open_page("dataset")
    tile = next(button for button in app.button if "No." in button.label)
    (root / tile.key.removeprefix("tile_")).unlink()
    tile.click().run()
    assert not app.exception and any("cannot be opened" in e.value for e in app.error)


def test_too_few_cells_are_said_before_the_form(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    for file in sorted(demo_root.rglob("*.bmp"))[:3]:
        shutil.copy(file, tmp_path)
    sources.add(str(tmp_path))
    app = open_page("train")
    assert "needs at least 6" in words(app)
    assert next(b for b in app.button if b.label == "Start training").disabled


def test_missing_weights_are_told_before_training(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    app = open_page("train")
    architecture = next(box for box in app.selectbox if box.label == "Architecture")
    architecture.select("vgg16").run()
    assert "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5" in words(app)
    assert next(b for b in app.button if b.label == "Start training").disabled
    app.toggle[1].set_value(True).run()
    assert not next(b for b in app.button if b.label == "Start training").disabled


def test_a_file_name_is_shown_as_it_is(workspace: Path) -> None:
    app = open_page("predict")
    app.file_uploader[0].upload("n_*b*_ $x$ :red[y] _z_.bmp", b"text")
    app.run()
    assert r"n\_\*b\*\_ \$x\$ \:red\[y\] \_z\_.bmp" in app.warning[0].value


def test_comparing_gives_a_verdict_a_table_and_promotes(workspace: Path) -> None:
    app = open_page("compare")
    assert "balanced accuracy" in words(app).lower()
    assert {"run-cnn-16", "run-cnn-dropout"} <= set(app.dataframe[0].value["Run"])
    try:
        app.button(key="use_run-cnn-dropout").click().run()
        assert store.active().run_id == "run-cnn-dropout"
        app.multiselect[0].set_value(["run-cnn-16"]).run()
        assert "run-cnn-16" in words(app) and not app.exception
        app.multiselect[0].set_value([]).run()
        assert not app.exception
    finally:
        storage.active_file().unlink(missing_ok=True)


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
    assert {"demo-cnn-16", "demo-cnn-dropout"} <= {run.run_id for run in store.finished()}
    app = open_page("home")
    for example in sorted(storage.examples_dir().glob("*.png")):
        app.button(key=f"home_{example.stem}").click().run()
        assert "The model suggests" in words(app), example
    assert "balanced accuracy" in words(open_page("compare")).lower()
