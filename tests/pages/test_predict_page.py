"""The Predict page: many pictures as a table, several models side by side, what is folded away."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.data.images import decode, encode
from core.data.synthetic.smear_field import draw_field
from core.evaluation.staining import recolour
from core.explain.cam_methods import HiResCam
from core.explain.trust import UNRELIABLE, Figures, Judgement
from core.reading.reader import Reader
from core.report.cell.track_record import tell
from core.runs import run_store
from tests.factories.app import button, downloads, open_page, words
from tests.factories.bad_images import with_long_text

File = tuple[str, bytes, str]


@pytest.fixture(scope="module")
def cells(demo_root: Path) -> list[Path]:
    return sorted(demo_root.rglob("*.bmp"))[::20]


def given(*files: Path) -> list[File]:
    return [(file.name, file.read_bytes(), "image/bmp") for file in files]


def upload(files: list[File]) -> AppTest:
    app = open_page("predict")
    app.file_uploader[0].set_value(files).run()
    assert not app.exception
    return app


@pytest.mark.slow
def test_many_files_become_a_table_and_a_broken_one_stops_no_other(
    workspace: Path, cells: list[Path]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    field = draw_field(seed=3, blasts=3, lymphocytes=2, scale=0.25, size=(480, 640)).image
    files = [
        *given(*cells[:3]),
        ("broken.png", with_long_text(encode(noise)), "image/png"),
        ("photo.png", encode(noise), "image/png"),
        ("field.png", encode(field), "image/png"),
    ]
    app = upload(files)
    shown = app.dataframe[0].value
    assert shown["file"].tolist() == [name for name, _, _ in files]
    reader = Reader(run_store.get("run-cnn-16"))
    expected = [reader.read(file).cells[0] for file in cells[:3]]
    assert shown["probability_all"][:3].tolist() == pytest.approx(
        [round(cell.probability, 2) for cell in expected], abs=1e-5
    )
    assert [call.split()[-1] for call in shown["call"][:3]] == [cell.call for cell in expected]
    assert shown["read_as"].tolist()[3:] == ["nothing", "nothing", "whole field"]
    assert shown["reason"][3:].str.len().min() > 20
    assert [str(one).startswith("data:image/jpeg") for one in shown["picture"]] == [
        True, True, True, False, True, True,
    ]  # fmt: skip
    assert "The model suggests" in words(app) and "1 of 6" in words(app)
    app.button(key="predict_Next").click().run()
    assert f"**{cells[1].name}**, 2 of 6" in words(app)
    app.button_group(key="predict_calls").set_value(["not read"]).run()
    assert app.dataframe[0].value["file"].tolist()[:2] == ["broken.png", "photo.png"]
    said = words(app)
    assert "broken.png was not read" in said and "The model suggests" not in said
    assert {button.label for button in app.get("download_button")} >= {
        "Table (CSV)",
        "Pictures (ZIP)",
    }


@pytest.mark.slow
def test_two_models_read_one_cell_side_by_side_and_both_stand_in_the_table(
    workspace: Path, cells: list[Path]
) -> None:
    app = upload(given(cells[0]))
    app.multiselect(key="models").set_value(["run-cnn-16", "run-cnn-dropout"]).run()
    assert not app.exception
    said = words(app)
    assert said.count("The model suggests") == 2
    for name in ("run-cnn-16", "run-cnn-dropout"):
        call = Reader(run_store.get(name)).read(cells[0]).cells[0].call
        assert tell(run_store.get(name)).calls[call] in said
    assert "run-cnn-16" in said and "run-cnn-dropout" in said and "the 2 models" in said
    for name, bar in zip(("run-cnn-16", "run-cnn-dropout"), app.get("progress"), strict=True):
        expected = Reader(run_store.get(name)).read(cells[0]).cells[0].probability
        assert f"ALL **{expected:.0%}**" in bar.proto.text
    app.file_uploader[0].set_value(given(*cells[:2])).run()
    shown = app.dataframe[0].value
    assert shown["model"].tolist() == ["run-cnn-16", "run-cnn-dropout"] * 2
    app.multiselect(key="models").set_value([]).run()
    assert "Choose a model" in words(app) and not app.exception


def test_all_examples_are_read_at_once(workspace: Path) -> None:
    app = open_page("predict")
    app.button(key="predict_all").click().run()
    assert len(app.dataframe[0].value) == 6 and not app.exception


@pytest.mark.slow
def test_a_map_that_is_not_supported_is_folded_away_until_asked_for(
    workspace: Path, cells: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Reader.judge

    def unreliable(self: Reader, cell) -> Judgement:
        found = judge(self, cell)
        figures = found.figures or Figures(1, 0, 0, None)  # type: ignore[arg-type]
        return Judgement(found.method, UNRELIABLE, "It glows elsewhere.", figures)

    monkeypatch.setattr(Reader, "judge", unreliable)
    st.cache_data.clear()  # of true judgements
    drawn = next(
        file
        for file in cells
        if Reader(run_store.get("run-cnn-16")).read(file).cells[0].heat is not None
    )
    app = upload([("unlike.bmp", drawn.read_bytes() + b"\0", "image/bmp")])
    assert "do not rely on it" in words(app) and "It glows elsewhere." in words(app)
    assert not app.slider and picture_view(app).value == "Cell"
    assert "Drawn by HiResCAM: " in words(app) and "rim of the cell" in words(app)
    picture_view(app).set_value("Heat map").run()
    assert app.slider[0].label == "Opacity" and not app.exception
    app.slider[0].set_value(0.2).run()
    assert not app.exception
    button(app, "Blink").click().run()
    assert picture_view(app).value == "Cell"
    button(app, "Blink").click().run()
    assert picture_view(app).value == "Heat map"
    next(box for box in app.selectbox if box.label == "Heat map").select("layer-cam").run()
    next(box for box in app.toggle if box.label.startswith("Stability")).set_value(True).run()
    assert not app.exception and "correlate by" in words(app)
    assert "LayerCAM, as chosen. HiResCAM suits it" in words(app)
    st.cache_data.clear()


@pytest.mark.slow
def test_where_features_have_no_places_a_map_is_drawn_by_occlusion_if_asked_for(
    workspace: Path, cells: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HiResCam, "evidence", lambda *_: np.ones((1, 1)))
    st.cache_data.clear()  # of maps with places
    app = upload([("without.bmp", cells[0].read_bytes() + b"\0\0", "image/bmp")])
    assert "There is no heat map." in words(app) and "have no places" in words(app)
    assert "Heat map" not in picture_view(app).options
    assert not any(box.label == "Heat map" for box in app.selectbox)
    assert "Download the overlay" not in downloads(app)
    button(app, "Draw a map by occlusion").click().run()
    assert not app.exception and "There is no heat map." not in words(app)
    assert "Heat map" in picture_view(app).options
    assert "Drawn by Occlusion, as chosen:" in words(app)
    assert "Download the overlay" in downloads(app)
    st.cache_data.clear()


def picture_view(app: AppTest) -> Any:
    return next(one for one in app.get("button_group") if one.label == "Picture")


def row_of(app: AppTest, name: str) -> "pd.Series[Any]":
    found = app.dataframe[0].value
    (row,) = [row for _, row in found.iterrows() if row["file"] == name]
    return row


def read_cells(app: AppTest) -> int:
    return counts_of(app, "Read")[-1]


def counts_of(app: AppTest, label: str) -> list[int]:
    """The counts of all fields together, where there are several, and of the one shown."""
    return [int(one.value) for one in app.metric if one.label == label]


@pytest.mark.slow
def test_the_table_says_of_a_field_what_is_shown_below_it(
    workspace: Path, cells: list[Path]
) -> None:
    """Also with two models, after an edit, and where the user has it read as one cell."""
    pictures = {
        f"field_{scale}.png": draw_field(
            seed=3, blasts=3, lymphocytes=3, size=(480, 640), scale=scale
        ).image
        for scale in (0.3, 0.4)
    }
    fields = [(name, encode(image), "image/png") for name, image in pictures.items()]
    app = upload([*fields, *given(cells[0])])
    models = next(one for one in app.multiselect if one.label.startswith("Models"))
    models.set_value(["run-cnn-16", "run-cnn-dropout"]).run()
    for number, name in enumerate(pictures):
        if number:
            app.button(key="predict_Next").click().run()
        assert f"**{name}**, {number + 1} of 3" in words(app)
        row, read = row_of(app, name), read_cells(app)
        assert row["read_as"] == "whole field"
        assert row["call"] == ("▦ field" if read else "⊘ not read")
        together, found = counts_of(app, "Cells found")
        assert row["reason"].startswith(f"{found} white cell")
    assert "2 fields together" in words(app)
    assert together == sum(int(row_of(app, one)["reason"].split()[0]) for one in pictures)
    before = row_of(app, name)["reason"]
    button(app, "No. 1").click().run()
    shortcuts = [one.proto.shortcut for one in app.button if one.proto.shortcut]
    assert len(set(shortcuts)) == len(shortcuts) and {"left", "right"} <= set(shortcuts)
    button(app, "Remove No. 1").click().run()
    after = row_of(app, name)["reason"]
    assert before != after and after.startswith(f"{found - 1} white cell")
    toggle = next(one for one in app.toggle if one.label == "Read it as a whole field")
    toggle.set_value(False).run()
    rows = app.dataframe[0].value.query("file == @name")
    assert set(rows["call"]) == {"⊘ not read"} and len(rows) == 2
    assert f"{name} was not read" in words(app)


def test_a_picture_with_red_and_blue_swapped_can_be_swapped_beside_its_refusal(
    workspace: Path, cells: list[Path]
) -> None:
    image = decode(cells[0])
    app = upload([("bgr.png", encode(np.ascontiguousarray(image[:, :, ::-1])), "image/png")])
    assert "red and blue are swapped" in words(app) and "The model suggests" not in words(app)
    (offer,) = [toggle for toggle in app.toggle if "Swap red and blue" in toggle.label]
    offer.set_value(True).run()
    assert not app.exception
    assert "The model suggests" in words(app) and "swapped, as told" in words(app)


def test_the_table_has_what_was_read_after_red_and_blue_were_swapped(
    workspace: Path, cells: list[Path]
) -> None:
    swapped = encode(np.ascontiguousarray(decode(cells[0])[:, :, ::-1]))
    app = upload([("bgr.png", swapped, "image/png"), *given(cells[1])])
    assert row_of(app, "bgr.png")["call"] == "⊘ not read"
    (offer,) = [toggle for toggle in app.toggle if "Swap red and blue" in toggle.label]
    offer.set_value(True).run()
    assert not app.exception
    assert row_of(app, "bgr.png")["call"] != "⊘ not read"


def other_stain(cell: Path) -> bytes:
    """A cell whose dyes let twice as much of the blue light through."""
    return encode(recolour(decode(cell), np.diag([1.0, 1.0, 0.5]), np.zeros(3)))


def test_a_cell_of_another_stain_can_be_read_as_if_stained_like_the_training_cells(
    workspace: Path, cells: list[Path]
) -> None:
    app = upload([("other.png", other_stain(cells[0]), "image/png")])
    assert "another stain, another camera" in words(app)
    assert "The model suggests" not in words(app)
    (offer,) = [toggle for toggle in app.toggle if "as if stained like" in toggle.label]
    offer.set_value(True).run()
    assert not app.exception
    shown = words(app)
    assert "The model suggests" in shown and "Read as if stained like the reference cells" in shown
    said = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert len(said) == 2 and said[0].endswith(": as it came")
    assert picture_view(app).options == ["Heat map", "Outline", "Cell"]
    picture_view(app).set_value("Outline").run()
    said = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert [alt.rpartition(": ")[2] for alt in said] == ["as it came", "outline"]
    assert "no interval is given" in shown  # the small run has too few groups for a cost


def test_the_table_reads_all_cells_of_another_stain_at_once(
    workspace: Path, cells: list[Path]
) -> None:
    others = [(f"other_{n}.png", other_stain(cells[0]), "image/png") for n in (1, 2)]
    app = upload([*others, *given(cells[1])])
    assert row_of(app, "other_1.png")["call"] == "⊘ not read"
    offers = [toggle for toggle in app.toggle if "cells of another stain" in toggle.label]
    assert len(offers) == 1
    offers[0].set_value(True).run()
    assert not app.exception
    for name in ("other_1.png", "other_2.png"):
        row = row_of(app, name)
        assert row["call"] != "⊘ not read" and row["adapted_stain"]
    assert not row_of(app, cells[1].name)["adapted_stain"]


def test_a_frame_made_smaller_can_be_read_at_its_scale(workspace: Path, cells: list[Path]) -> None:
    small = cv2.resize(decode(cells[0]), (224, 224), interpolation=cv2.INTER_AREA)
    app = upload([("half.png", encode(small), "image/png")])
    assert "smaller than any cell" in words(app) and "The model suggests" not in words(app)
    (offer,) = [toggle for toggle in app.toggle if "made smaller" in toggle.label]
    offer.set_value(True).run()
    assert not app.exception
    assert "The model suggests" in words(app) and "Scaled by 2.01" in words(app)
