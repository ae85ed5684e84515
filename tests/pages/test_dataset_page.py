"""The Dataset page: filters, views, the inspector, and cells that are still being measured."""

import re
import shutil
from pathlib import Path

import pytest

from core.data import datasets
from core.data.layouts import Labelling
from core.data.synthetic.smear_field import draw_field
from pages.ui.dataset import measuring
from tests.conftest import CELLS
from tests.factories import trees
from tests.factories.app import button, downloads, labels, open_page, tiles, words


def test_the_dataset_page_filters_pages_and_inspects(workspace: Path) -> None:
    app = open_page("dataset")
    assert f"{CELLS} of {CELLS} images" in words(app)
    app.segmented_control(key="class").select("HEM").run()
    shown = tiles(app)
    assert shown and all("HEM" in button.label for button in shown)
    shown[0].click().run()
    assert "SHA-256" in words(app) and not app.exception


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ("Counts", "Phases and folds"),
        ("Subjects", "Subjects as CSV"),
        ("Splits", "This split leaks"),
        ("Files", "Images as CSV"),
    ],
)
def test_each_view_of_a_data_set_shows_its_facts(workspace: Path, view: str, said: str) -> None:
    app = open_page("dataset")
    app.session_state["view"] = view
    app.run()
    assert not app.exception and not app.error
    shown = words(app) + " ".join(downloads(app))
    assert said in shown
    assert not tiles(app)  # only the open view


def test_rarer_filters_narrow_the_gallery(workspace: Path) -> None:
    app = open_page("dataset")

    def shown() -> int:
        found = re.search(rf"(\d+) of {CELLS} images", words(app))
        return int(found[1]) if found else 0

    app.segmented_control(key="fold").select(0).run()
    in_fold = shown()
    assert 0 < in_fold < CELLS
    by_label = {box.label: box for box in app.selectbox}
    by_label["Part"].select("test").run()
    assert 0 <= shown() < in_fold
    by_label["Copies"].select("identical copy").run()
    assert "No image matches" in words(app) and not app.exception


def test_the_inspector_shows_measures_and_leads_to_a_similar_cell(workspace: Path) -> None:
    app = open_page("dataset")
    tile = tiles(app)[0]
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


@pytest.mark.slow
def test_before_the_cells_are_measured_the_page_shows_them_and_says_what_is_to_come(
    slowly: None, demo_root: Path
) -> None:
    datasets.add(str(demo_root))
    app = open_page("dataset")
    (bar,) = app.get("progress")
    assert re.search(rf"Measuring .*: 10 of {CELLS} images, .* left", bar.proto.text)
    assert f"{CELLS} of {CELLS} images" in words(app) and "quality flag" not in words(app)
    order = next(box for box in app.selectbox if box.label == "Order")
    order.select("largest first").run()
    assert "works once all images are measured" in words(app) and not app.error
    order.select("file name").run()
    tiles(app)[0].click().run()
    table = next(frame.value for frame in app.dataframe if "measure" in frame.value)
    assert (table["cell"] != "").all() and (table["median"] == "").all()
    assert "stand here once all are measured" in words(app) and not app.error
    for view, said in (("Subjects", "once all are measured"), ("Files", "Images")):
        app.session_state["view"] = view
        app.run()
        assert said in words(app) and not app.error and not app.exception


@pytest.mark.slow
def test_measuring_is_stopped_and_goes_on_when_asked_to(
    slowly: None, demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.add(str(demo_root))
    app = open_page("dataset")
    app.button(key="measuring_stop").click().run()
    assert f"Measuring was stopped; {CELLS - 10} of {CELLS} images are left" in words(app)
    assert not app.get("progress")
    monkeypatch.setattr(measuring, "CELLS", CELLS)
    monkeypatch.setattr(measuring, "SECONDS", 60)
    button(app, "Go on measuring").click().run()
    assert not app.get("progress") and not app.exception
    next(box for box in app.selectbox if box.label == "Order").select("largest first").run()
    assert f"{CELLS} of {CELLS} images" in words(app)


@pytest.mark.slow
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
    assert f"{CELLS} of {CELLS} images" in words(app) and "Go on measuring" in labels(app)


@pytest.mark.slow
def test_a_cell_deleted_behind_the_gallery_is_named(
    demo_root: Path, artifacts: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    shutil.copytree(demo_root, root)
    datasets.add(str(root))
    app = open_page("dataset")
    tile = tiles(app)[0]
    (root / tile.key.removeprefix("tile_")).unlink()
    tile.click().run()
    assert not app.exception and any("cannot be opened" in e.value for e in app.error)


@pytest.mark.slow
def test_a_set_of_whole_pictures_is_shown_whole_by_its_publisher_s_classes(
    artifacts: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    for number, name in enumerate(("Benign", "Early", "Pre", "Pro") * 3):
        image = draw_field(seed=number, size=(160, 200), scale=0.4, blasts=1, lymphocytes=0).image
        trees.save(root / name / f"{name}{number}.png", image, "PNG")
    datasets.add(
        str(root), labelling=Labelling(positive=("Early", "Pre", "Pro"), negative=("Benign",))
    )
    app = open_page("dataset")
    said = words(app)
    assert "12 of 12 images are filled to their border" in said
    assert "What the network sees" in said
    assert sorted({one.label for one in tiles(app)}) == [
        "▲ ALL · Early",
        "▲ ALL · Pre",
        "▲ ALL · Pro",
        "● HEM · Benign",
    ]
    next(one for one in app.button if one.label == "▲ ALL · Pre").click().run()
    assert "publisher's class **Pre**" in words(app) and "A whole picture" in words(app)
    assert not any("measure" in frame.value for frame in app.dataframe)
    assert not any((one.key or "").startswith("like_") for one in app.button)
    app.session_state["view"] = "Counts"
    app.run()
    table = next(one.value for one in app.dataframe if "Publisher's class" in one.value)
    assert table["Images"].tolist() == [3, 3, 3, 3] and not app.exception
