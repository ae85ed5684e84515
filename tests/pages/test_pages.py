"""Every page, driven from app.py as a person would: what they see, click and upload."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from core import storage
from core.data import datasets
from core.data.images import decode
from core.models.architecture import Pretrained
from core.reading.reader import Reader
from core.report.tuning import describe
from core.runs import about, active_model, config, presets, run_store
from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan, Sweep
from core.workers import launcher
from pages.ui.dataset import measuring
from tests.conftest import CELLS, PROJECT
from tests.factories import executor
from tests.factories.app import button, downloads, labels, open_page, words
from tests.factories.bad_images import write_bad_images

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


def test_home_opens_with_an_example_read(workspace: Path, demo_root: Path) -> None:
    first, second = sorted(storage.examples_dir().glob("*.png"))[:2]
    app = open_page("home")
    said = words(app)
    assert "The model suggests" in said and "heat map" in said and "Balanced accuracy" in said
    assert app.button(key=f"home_{first.stem}").label == "Read 1 ✓"
    app.button(key=f"home_{second.stem}").click().run()
    assert app.button(key=f"home_{first.stem}").label == "Read 1"
    assert app.button(key=f"home_{second.stem}").label == "Read 2 ✓"
    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    app.file_uploader[0].upload(cell.name, cell.read_bytes())
    app.run()
    assert "synthetic cell, is read below" not in words(app) and not app.exception


def test_the_dataset_page_filters_pages_and_inspects(workspace: Path) -> None:
    app = open_page("dataset")
    assert f"{CELLS} of {CELLS} cells" in words(app)
    app.segmented_control(key="class").select("HEM").run()
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
        ("Files", "Cells as CSV"),
    ],
)
def test_each_view_of_a_data_set_shows_its_facts(workspace: Path, view: str, said: str) -> None:
    app = open_page("dataset")
    app.session_state["view"] = view
    app.run()
    assert not app.exception and not app.error
    shown = words(app) + " ".join(downloads(app))
    assert said in shown
    assert not [button for button in app.button if "No." in button.label]  # only the open view


def test_rarer_filters_narrow_the_gallery(workspace: Path) -> None:
    app = open_page("dataset")

    def shown() -> int:
        found = re.search(rf"(\d+) of {CELLS} cells", words(app))
        return int(found[1]) if found else 0

    app.segmented_control(key="fold").select(0).run()
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
    like = next(button for button in app.button if (button.key or "").startswith("like_"))
    assert like.key != tile.key


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch, artifacts: Path) -> None:
    """Ten cells are measured each time that a page is drawn."""
    monkeypatch.setattr(measuring, "SECONDS", 0)
    monkeypatch.setattr(measuring, "CELLS", 10)


def test_before_the_cells_are_measured_the_page_shows_them_and_says_what_is_to_come(
    slowly: None, demo_root: Path
) -> None:
    datasets.add(str(demo_root))
    app = open_page("dataset")
    (bar,) = app.get("progress")
    assert re.search(rf"Measuring .*: 10 of {CELLS} cells, .* left", bar.proto.text)
    assert f"{CELLS} of {CELLS} cells" in words(app) and "quality flag" not in words(app)
    order = next(box for box in app.selectbox if box.label == "Order")
    order.select("largest first").run()
    assert "works once all cells are measured" in words(app) and not app.error
    order.select("file name").run()
    next(button for button in app.button if "No." in button.label).click().run()
    table = next(frame.value for frame in app.dataframe if "measure" in frame.value)
    assert (table["cell"] != "").all() and (table["median"] == "").all()
    assert "stand here once all are measured" in words(app) and not app.error
    for view, said in (("Subjects", "once all are measured"), ("Files", "Cells")):
        app.session_state["view"] = view
        app.run()
        assert said in words(app) and not app.error and not app.exception


def test_measuring_is_stopped_and_goes_on_when_asked_to(
    slowly: None, demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.add(str(demo_root))
    app = open_page("dataset")
    app.button(key="measuring_stop").click().run()
    assert f"Measuring was stopped; {CELLS - 10} of {CELLS} cells are left" in words(app)
    assert not app.get("progress")
    monkeypatch.setattr(measuring, "CELLS", CELLS)
    monkeypatch.setattr(measuring, "SECONDS", 60)
    button(app, "Go on measuring").click().run()
    assert not app.get("progress") and not app.exception
    next(box for box in app.selectbox if box.label == "Order").select("largest first").run()
    assert f"{CELLS} of {CELLS} cells" in words(app)


def test_a_file_that_cannot_be_measured_is_named_and_the_gallery_stays(
    slowly: None, demo_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    shutil.copytree(demo_root, root)
    datasets.add(str(root))
    app = open_page("dataset")
    gone = sorted(root.rglob("*.bmp"))[15]
    gone.unlink()
    app.run()
    assert f"{gone.name} cannot be read" in words(app) and not app.exception
    assert f"{CELLS} of {CELLS} cells" in words(app) and "Go on measuring" in labels(app)


def test_the_classes_of_a_folder_are_asked_for_and_those_not_named_are_left_out(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    for number, cell in enumerate(sorted(demo_root.rglob("*_all.bmp"))[:6]):
        folder = tmp_path / "set" / ("Early", "Benign", "Other")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(cell, folder / f"{number}.bmp")
    app = open_page("dataset")
    app.text_input[0].set_value(str(tmp_path / "set"))
    next(b for b in app.button if b.label == "Add").click().run()
    sides = {select.label: select for select in app.multiselect}
    assert sides["Positive: ALL, blasts"].options == ["Benign (2)", "Early (2)", "Other (2)"]
    add = next(b for b in app.button if b.label == "Add this data set")
    assert add.disabled
    sides["Positive: ALL, blasts"].select("Early").run()
    sides = {select.label: select for select in app.multiselect}
    sides["Negative: HEM, healthy"].select("Benign").run()
    assert "Left out, which no model sees: Other." in words(app)
    next(b for b in app.button if b.label == "Add this data set").click().run()
    assert not app.exception and not app.error
    assert "Early counts as ALL, the positive class; Benign as HEM. Left out: Other." in words(app)
    assert "The subjects of 4 labelled cells are not known" in words(app)
    found = datasets.index(tmp_path / "set").cells
    assert dict(zip(found["class_name"], found["label"].astype(object), strict=True)) == {
        "Early": 1,
        "Benign": 0,
        "Other": pd.NA,
    }


@pytest.mark.parametrize(
    ("source", "shown"),
    [("Folders", "Folder of the class"), ("File names", "File names of"), ("A table", None)],
)
def test_the_dialog_asks_where_the_classes_stand(
    artifacts: Path, demo_root: Path, tmp_path: Path, source: str, shown: str | None
) -> None:
    for number, cell in enumerate(sorted(demo_root.rglob("*_all.bmp"))[:4]):
        folder = tmp_path / "set/pictures"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(cell, folder / f"{'ab'[number % 2]}_{number}.bmp")
    rows = [f"{'ab'[n % 2]}_{n};{'blast' if n % 2 else 'no blast'};p{n}" for n in range(4)]
    (tmp_path / "set/findings.csv").write_text("\n".join(["name;finding;patient", *rows]))
    app = open_page("dataset")
    app.text_input[0].set_value(str(tmp_path / "set"))
    next(b for b in app.button if b.label == "Add").click().run()
    where = next(c for c in app.segmented_control if c.label.startswith("Where does"))
    assert where.value == "A table"  # it lists the images, and its classes are not recognised
    where.select(source).run()
    if shown:
        assert shown in [select.label for select in app.selectbox]
        if source == "File names":
            next(s for s in app.selectbox if s.label == shown).select("PBC").run()
    else:
        columns = {select.label: select for select in app.selectbox}
        assert columns["Column of the subject"].value == "patient"
        columns["Column of the class"].select("finding").run()
    sides = {select.label: select.options for select in app.multiselect}
    expected = {
        "Folders": ["pictures (4)"],
        "File names": ["a (2)", "b (2)"],
        "A table": ["blast (2)", "no blast (2)"],
    }
    assert sides["Positive: ALL, blasts"] == expected[source]
    assert not app.exception and not app.error


def test_a_split_that_cannot_be_made_stops_training_before_it_starts(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    for name in ("all", "hem"):
        folder = tmp_path / "set" / name
        folder.mkdir(parents=True)
        for cell in sorted(demo_root.rglob(f"*_{name}.bmp"))[:6]:
            shutil.copy(cell, folder / f"cell {cell.stem[4:]}.bmp")
    datasets.add(str(tmp_path / "set"))
    app = open_page("train")
    assert any("none can be held out" in error.value for error in app.error)
    assert not [b for b in app.button if b.label == "Start training" and not b.disabled]
    next(box for box in app.selectbox if box.label == "Split").select("image").run()
    assert "may be on both sides" in words(app)
    assert not next(b for b in app.button if b.label == "Start training").disabled


def test_a_folder_is_added_by_path_and_a_wrong_one_is_named(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    app = open_page("dataset")
    app.text_input[0].set_value(str(tmp_path / "nowhere"))
    app.button[0].click().run()
    assert "is not a folder" in app.error[0].value
    try:
        app.text_input[0].set_value(str(demo_root))
        app.button[0].click().run()
        assert not app.exception
        assert str(demo_root) in str(app.selectbox[0].options)
    finally:
        storage.sources_file().unlink(missing_ok=True)


@pytest.mark.process
def test_training_starts_shows_progress_survives_a_page_switch_and_stops(workspace: Path) -> None:
    app = open_page("train")
    app.number_input(key="epochs_cnn-16_recommended").set_value(500).run()
    before = {run.run_id for run in run_store.runs()}
    next(button for button in app.button if button.label == "Start training").click().run()
    (run,) = [run for run in run_store.runs() if run.run_id not in before]
    try:
        assert run.config.epochs == 500
        app.switch_page("pages/predict.py").run()
        app.switch_page("pages/train.py").run()
        assert run.run_id in words(app) and run.status.unfinished
        stop = next(button for button in app.button if button.label == "Stop")
        stop.click().run()
        assert launcher.follow(run).state == "cancelled"
        app.run()
        assert "stopped" in words(app) and not app.exception
        next(button for button in app.button if button.label == "Resume").click().run()
        assert run.status.unfinished and not app.exception
    finally:
        run.request_stop()
        launcher.follow(run)
        shutil.rmtree(run.path)


def test_two_unfinished_runs_can_each_be_stopped(workspace: Path) -> None:
    runs = [
        run_store.create(config.create("cnn-16", storage.demo_dir(), "recommended"), name)
        for name in ("waiting-1", "waiting-2")
    ]
    try:
        app = open_page("train")
        assert "Queue of 2 runs" in words(app)
        app.button(key="stop_queue_waiting-2").click().run()
        assert not app.exception
        assert [run.stop_requested for run in runs] == [False, True]
        next(button for button in app.button if button.label == "Stop all").click().run()
        assert [run.stop_requested for run in runs] == [True, True]
    finally:
        for run in runs:
            shutil.rmtree(run.path)


@pytest.fixture
def launched(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a page launches, noted instead; the demo set is there, and no run."""
    storage.demo_dir().parent.mkdir(parents=True)
    storage.demo_dir().symlink_to(demo_root, target_is_directory=True)
    noted: list[str] = []
    monkeypatch.setattr(launcher, "launch", lambda job: noted.append(job.name))
    return noted


def made(kind: str, name: str, **settings: object) -> Sweep:
    base = executor.base(storage.demo_dir(), epochs=2, **settings)
    if kind == "search":
        return sweep_store.create(
            Plan(kind=kind, base=base, trials=7, space=search.choose(base)), name
        )
    return sweep_store.create(Plan(kind=kind, base=base), name)


def test_a_cross_validation_is_started_shown_live_stopped_and_resumed(launched: list[str]) -> None:
    app = open_page("tune")
    assert "Nothing crosses" in words(app) and "5 runs on 120 cells" in words(app)
    next(n for n in app.number_input if n.label == "Folds").set_value(3).run()
    button(app, "Start").click().run()
    (sweep,) = sweep_store.sweeps()
    assert launched == [sweep.name] and not app.exception
    assert (sweep.plan.kind, sweep.plan.base.folds) == ("cross-validation", 3)
    assert sweep.plan.base == config.create("cnn-16", storage.demo_dir(), "recommended", folds=3)
    assert sweep.name in words(app) and "waiting for its turn" in words(app)
    button(app, "Stop").click().run()
    assert sweep.stop_requested and "Stopping…" in labels(app)
    executor.work(sweep)  # the worker takes it up, and finds the request
    app.run()
    assert "stopped" in words(app) and not app.exception
    button(app, "Resume").click().run()
    assert launched == [sweep.name] * 2 and sweep.status.state == "queued"
    assert not app.exception and not app.error


def test_a_finished_cross_validation_is_a_sentence_a_chart_and_tables(launched: list[str]) -> None:
    sweep = made("cross-validation", "cv", folds=3)
    executor.work(sweep)
    app = open_page("tune")
    said = words(app)
    assert not app.exception and not app.error
    assert re.search(r"Balanced accuracy 0\.\d\d \(95% interval over folds", said)
    assert "Over all 60 cells together" in said and "Nadeau and Bengio" in said
    (chart,) = app.get("plotly_chart")
    assert "each fold" in chart.proto.spec
    summary, folds = (frame.value for frame in app.dataframe)
    assert "Mean over folds" in summary and list(folds["Fold"]) == [1, 2, 3]
    assert downloads(app) == ["Table as CSV"] * 2


def test_a_failed_one_says_why_and_shows_what_it_has(launched: list[str]) -> None:
    sweep = made("cross-validation", "cv", folds=3)
    executor.work(sweep, executor.Executor(fails=lambda wanted: wanted.fold == 2))
    app = open_page("tune")
    assert "Fold 3 failed. It was told to fail." in app.error[0].value
    assert "the mean of 2 of 3 folds so far" in words(app) and "Resume" in labels(app)


def test_a_search_is_started_over_the_chosen_settings(launched: list[str]) -> None:
    app = open_page("tune")
    app.segmented_control[0].select("search").run()
    next(n for n in app.number_input if n.label == "Trials").set_value(4).run()
    app.pills[0].set_value(["learning_rate", "l2"]).run()
    assert "4 runs on 120 cells" in words(app) and not app.exception
    button(app, "Start").click().run()
    (sweep,) = sweep_store.sweeps()
    plan = sweep.plan
    assert (plan.kind, plan.trials, list(plan.space)) == ("search", 4, ["learning_rate", "l2"])
    assert plan.base.folds == 0 and plan.pruning and launched == [sweep.name]


def test_a_finished_search_shows_what_it_found_and_trains_the_best(launched: list[str]) -> None:
    sweep = made("search", "tuned", learning_rate=1e-4, sample=60)
    executor.work(sweep)
    found = sweep.results
    assert found is not None
    best = found.best
    app = open_page("tune")
    said = words(app)
    assert not app.exception and not app.error
    assert f"Trial {best.trial} of 7 has the lowest prediction error on the validation part" in said
    assert describe(best.settings) in said and "the test part has no say" in said
    history, importance = app.get("plotly_chart")
    assert "best so far" in history.proto.spec and "learning rate" in importance.proto.spec
    assert len(app.dataframe[0].value) == 7
    button(app, "Train it with these settings").click().run()
    (run_id,) = launched
    run = run_store.get(run_id)
    wanted = search.trial_config(sweep.plan.base, best.settings)
    assert (run.config.epochs, run.config.sample) == (20, None)
    assert run.config.learning_rate == wanted.learning_rate
    assert run.config.augmentation == wanted.augmentation
    assert f"{about.called(run_store.get(run_id))} is queued" in words(app) and not app.exception


def test_folds_that_the_data_cannot_give_stop_it_before_it_starts(launched: list[str]) -> None:
    app = open_page("tune")
    next(n for n in app.number_input if n.label == "Folds").set_value(9).run()
    assert any("needs at least 9" in error.value for error in app.error)
    assert button(app, "Start").disabled and not app.exception


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


def test_a_run_replaced_under_its_name_is_read_anew(workspace: Path) -> None:
    copy = run_store.runs()[0].path.with_name("copy")
    example = sorted(storage.examples_dir().glob("*.png"))[0]

    def probability(source: str) -> str:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(workspace / "runs" / source, copy, copy_function=shutil.copy)
        app = open_page("predict")
        app.multiselect(key="models").set_value(["copy"]).run()
        app.button(key=f"predict_{example.stem}").click().run()
        (bar,) = app.get("progress")
        return bar.proto.text

    try:
        for name in ("run-cnn-16", "run-cnn-dropout"):
            expected = Reader(run_store.get(name)).read(example).cells[0].probability
            assert f"ALL **{expected:.0%}**" in probability(name)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def test_a_cell_deleted_behind_the_gallery_is_named(
    demo_root: Path, artifacts: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    shutil.copytree(demo_root, root)
    datasets.add(str(root))
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
    datasets.add(str(tmp_path))
    app = open_page("train")
    assert "needs at least 6" in words(app)
    assert next(b for b in app.button if b.label == "Start training").disabled


def test_missing_weights_are_told_before_training(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_weights_anywhere(tmp_path, monkeypatch)
    app = open_page("train")
    architecture = next(box for box in app.selectbox if box.label == "Architecture")
    architecture.select("vgg16").run()
    assert "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5" in words(app)
    assert next(b for b in app.button if b.label == "Start training").disabled
    app.toggle(key="random_vgg16_recommended").set_value(True).run()
    assert not next(b for b in app.button if b.label == "Start training").disabled


def no_weights_anywhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: home)
    # Port 9 of this machine: nothing answers.
    monkeypatch.setattr(Pretrained, "url", property(lambda self: f"http://127.0.0.1:9/{self.file}"))


def test_the_original_study_is_queued_whole_once_its_weights_are_settled(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_weights_anywhere(tmp_path, monkeypatch)
    launched: list[str] = []
    monkeypatch.setattr(launcher, "launch", lambda run: launched.append(run.run_id))
    app = open_page("train")
    app.segmented_control[0].select("original-study").run()
    assert "This split leaks" in words(app) and "efficientnetb3_notop.h5" in words(app)
    assert all(b.disabled for b in app.button if b.label == "Start training")
    app.toggle(key="preset_random").set_value(True).run()
    before = {run.run_id for run in run_store.runs()}
    next(b for b in app.button if b.label == "Queue 5 runs").click().run()
    queued = [run_store.get(run_id) for run_id in launched]
    try:
        assert not app.exception and "Queue of 5 runs" in words(app)
        assert [run.config.architecture for run in queued] == list(presets.STUDY_ARCHITECTURES)
        assert {run.run_id for run in run_store.runs()} - before == set(launched)
        weights = {run.config.architecture: run.config.weights for run in queued}
        assert weights["vgg16"] == weights["efficientnet-b3"] == "random"
        assert weights["cnn-32"] == "imagenet"  # of no effect there, and so not changed
    finally:
        for run in queued:
            shutil.rmtree(run.path)


def test_every_setting_of_a_run_can_be_chosen(workspace: Path) -> None:
    app = open_page("train")
    app.selectbox[1].select("densenet-121").run()
    labels = {w.label for kind in ("number_input", "selectbox", "toggle") for w in app.get(kind)}
    assert labels >= {
        "Epochs", "Batch size", "Learning rate", "Over the epochs", "Keep", "Arithmetic",
        "Stop after epochs without a better one", "Label smoothing", "Unequal classes",
        "Strength (1 is usual)", "Views computed of each cell", "Dropout", "L2 penalty",
        "Random instead of ImageNet weights", "Fine-tune top blocks", "Fine-tuning epochs",
        "Fine-tuning rate", "Split", "Seed", "Cells", "Classes",
    }  # fmt: skip


def test_curves_of_other_runs_are_laid_over_and_the_loss_is_taken_apart(workspace: Path) -> None:
    app = open_page("train")
    next(box for box in app.selectbox if box.label == "Run").select("run-cnn-16").run()
    app.multiselect(key="overlay").select("run-cnn-dropout").run()
    assert not app.exception and not app.error
    assert "finished" in words(app) and len(app.get("plotly_chart")) == 4
    assert {"cross_entropy", "penalty", "learning_rate"} <= set(app.dataframe[0].value.columns)


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
        assert active_model.active().run_id == "run-cnn-dropout"
        app.multiselect[0].set_value(["run-cnn-16"]).run()
        assert "run-cnn-16 reaches" in words(app) and not app.exception
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
    shipped = {run.run_id for run in run_store.finished()}
    assert {"demo-colour-bands", "demo-cnn-16", "demo-cnn-dropout"} <= shipped
    assert active_model.active().run_id == "demo-colour-bands"
    app = open_page("home")
    assert "passed its checks" in words(app) and "real blasts" in words(app)
    for example in sorted(storage.examples_dir().glob("*.png")):
        app.button(key=f"home_{example.stem}").click().run()
        assert "The model suggests" in words(app), example
    assert "balanced accuracy" in words(open_page("compare")).lower()
