"""A folder becomes a data set on the Dataset page: its path, its classes, where they stand."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from core import storage
from core.data import datasets
from core.data.synthetic import dataset
from tests.factories.app import button, open_page, words


@pytest.mark.slow
def test_the_synthetic_sets_are_drawn_by_a_click_each_and_the_last_one_is_chosen(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in {"CELLS": 24, "SUBJECTS": 8, "CELLS_OF_FEW": 30, "FEW_SUBJECTS": 6}.items():
        monkeypatch.setattr(dataset, name, number)
    app = open_page("dataset")
    for label, name, root, cells in (
        ("Draw the synthetic demo set", "Synthetic demo set", storage.demo_dir(), 24),
        (
            "Draw one of few patients",
            "Synthetic cells of few patients",
            storage.demo_dir(datasets.FEW_PATIENTS),
            30,
        ),
    ):
        button(app, label).click().run()
        assert not app.exception and not app.error
        chosen = next(b for b in app.selectbox if b.label == "Data set")
        assert chosen.value == root and name in chosen.options
        assert f"{cells} of {cells} images" in words(app)
        assert label not in [b.label for b in app.button]
    assert datasets.known() == [storage.demo_dir(), storage.demo_dir(datasets.FEW_PATIENTS)]
    assert datasets.index(storage.demo_dir(datasets.FEW_PATIENTS)).cells["subject"].nunique() == 6


@pytest.mark.slow
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
    assert "Left out, never shown to a model: Other." in words(app)
    next(b for b in app.button if b.label == "Add this data set").click().run()
    assert not app.exception and not app.error
    assert "Early counts as ALL, the positive class; Benign as HEM. Left out: Other." in words(app)
    assert "The subjects of 4 labelled images are not known" in words(app)
    assert "C-NMC" not in words(app)  # whose citation other sets do not need
    found = datasets.index(tmp_path / "set").cells
    assert dict(zip(found["class_name"], found["label"].astype(object), strict=True)) == {
        "Early": 1,
        "Benign": 0,
        "Other": pd.NA,
    }


@pytest.mark.slow
def test_the_dialog_says_in_which_encoding_a_table_is_read_and_takes_another(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number, cell in enumerate(sorted(demo_root.rglob("*_all.bmp"))[:4]):
        shutil.copy(cell, folder / f"{number}.bmp")
    rows = [f"{n};{'Blästen' if n % 2 else 'Normal'}" for n in range(4)]
    (folder / "befunde.csv").write_bytes("\n".join(["file;class", *rows]).encode("macintosh"))
    app = open_page("dataset")
    app.text_input[0].set_value(str(folder))
    next(b for b in app.button if b.label == "Add").click().run()
    assert "befunde.csv is not Unicode; it is read as Windows-1252" in words(app)
    next(c for c in app.segmented_control if c.label.startswith("Where is")).select("A table").run()
    assert "BlŠsten (2)" in app.multiselect[0].options
    next(s for s in app.selectbox if s.label == "Encoding of the table").select("macintosh").run()
    assert "not Unicode" not in words(app) and "Blästen (2)" in app.multiselect[0].options
    app.multiselect[0].select("Blästen").run()
    next(b for b in app.button if b.label == "Add this data set").click().run()
    assert not app.exception and not app.error
    assert set(datasets.index(folder).cells["class_name"]) == {"Blästen", "Normal"}


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
    where = next(c for c in app.segmented_control if c.label.startswith("Where is"))
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


def test_a_set_of_one_class_is_told_that_nothing_can_be_trained_on_it(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set" / "WBC"
    folder.mkdir(parents=True)
    for cell in sorted(demo_root.rglob("*_all.bmp"))[:3]:
        shutil.copy(cell, folder / f"cell {cell.stem[4:-4]}.bmp")
    app = open_page("dataset")
    app.text_input[0].set_value(str(tmp_path / "set"))
    next(b for b in app.button if b.label == "Add").click().run()
    where = next(c for c in app.segmented_control if c.label.startswith("Where is"))
    where.select("Folders").run()
    assert "It has one class, and a data set needs ALL and HEM" in words(app)
    assert next(b for b in app.button if b.label == "Add this data set").disabled
    assert "listed images are missing" not in words(app) and not app.exception


@pytest.mark.slow
def test_a_folder_is_added_by_path_and_a_wrong_one_is_named(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    app = open_page("dataset")
    app.text_input[0].set_value(str(tmp_path / "nowhere"))
    next(b for b in app.button if b.label == "Add").click().run()
    assert "is not a folder" in app.error[0].value
    try:
        app.text_input[0].set_value(str(demo_root))
        next(b for b in app.button if b.label == "Add").click().run()
        assert not app.exception
        assert str(demo_root) in str(app.selectbox[0].options)
    finally:
        storage.sources_file().unlink(missing_ok=True)
