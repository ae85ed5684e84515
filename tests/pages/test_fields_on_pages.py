"""A whole field on the Predict page: what it says, and what can be done with it."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data.images import encode
from core.data.synthetic.smear_field import draw_field
from core.runs.run_store import Run
from tests.factories.app import words
from tests.pages.test_similar_on_pages import upload


@pytest.fixture(scope="module")
def picture() -> bytes:
    drawn = draw_field(seed=3, blasts=3, lymphocytes=3, size=(480, 640), scale=0.4)
    return encode(drawn.image)


@pytest.fixture
def app(finished_run: Run, picture: bytes) -> AppTest:
    app = upload("field.png", picture)
    assert any(toggle.label == "Read it as a whole field" for toggle in app.toggle)
    return app


def metric(app: AppTest, label: str) -> str:
    return next(one.value for one in app.metric if one.label == label)


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def numbers(app: AppTest) -> list[int]:
    return sorted(int(b.label[4:]) for b in app.button if b.label.startswith("No. "))


@pytest.mark.slow
def test_a_field_is_counted_warned_of_and_its_cells_can_be_looked_at(app: AppTest) -> None:
    found = int(metric(app, "Cells found"))
    parts = ("Read", "Refused", "Cut by the border")
    assert found == sum(int(metric(app, part)) for part in parts) > 0
    assert numbers(app) == list(range(1, found + 1))
    said = words(app)
    assert "a differential of blood counts 200" in said or "No cell was read" in said
    assert "never a diagnosis" in said and "real cell means nothing" in said
    press(app, "No. 1")
    assert "Cell No. 1" in words(app) and numbers(app) == []
    said = words(app)
    assert ("The model suggests" in said) != ("No. 1 of field.png was not read" in said)


def test_a_removed_cell_is_gone_and_comes_back(app: AppTest) -> None:
    before = numbers(app)
    press(press(app, "No. 1"), "Remove No. 1")
    assert numbers(app) == before[1:]
    press(app, "Undo")
    assert numbers(app) == before


def test_a_box_on_glass_is_refused_in_words(app: AppTest) -> None:
    before = numbers(app)
    for name, value in zip(("Left", "Top", "Width", "Height"), (0, 0, 4, 4), strict=True):
        next(one for one in app.number_input if one.label == name).set_value(value)
    press(app, "Add this box")
    assert "draw it around a whole cell" in words(app) and numbers(app) == before


def test_fields_of_one_patient_are_added_up(app: AppTest) -> None:
    press(app, "Add this field")
    assert len([one for one in app.metric if one.label == "Cells found"]) == 2
    press(app, "Start a new patient")
    assert len([one for one in app.metric if one.label == "Cells found"]) == 1


def test_without_red_cells_the_magnification_is_asked_for(finished_run: Run) -> None:
    drawn = draw_field(seed=3, blasts=3, lymphocytes=3, size=(480, 640), scale=0.4)
    # Red cells painted over: glass wherever no white cell is.
    glass = np.median(drawn.image[drawn.mask == 0], axis=0).astype(np.uint8)
    app = upload("bare.png", encode(np.where((drawn.mask > 0)[:, :, None], drawn.image, glass)))
    assert "How large is a pixel?" in words(app)
    assert not [one for one in app.metric if one.label == "Read"]
    next(one for one in app.number_input if one.label == "Micrometres a pixel").set_value(0.15)
    press(app, "Read at this scale")
    assert int(metric(app, "Cells found")) > 0
    assert "the magnification given" in words(app)


@pytest.mark.slow
def test_a_scale_bar_in_the_picture_is_a_ruler(finished_run: Run) -> None:
    image = draw_field(seed=3, blasts=3, lymphocytes=3, size=(480, 640), scale=0.4).image
    image[450:456, 500:600] = 0
    app = upload("bar.png", encode(image))
    label = "The scale bar in the picture, 100 px long, stands for (µm)"
    next(one for one in app.number_input if one.label == label).set_value(15.0)
    press(app, "Read at this scale")
    assert "One pixel covers **0.15 µm**, by the magnification given" in words(app)


@pytest.mark.slow
def test_a_cell_of_a_field_is_shown_like_one_that_was_uploaded_alone(finished_run: Run) -> None:
    drawn = draw_field(seed=3, blasts=2, lymphocytes=1, size=(900, 1200), scale=0.9)
    app = upload("large.png", encode(drawn.image))
    assert int(metric(app, "Read")) > 0
    first = next(button.label for button in app.button if button.label.startswith("No. "))
    shown = words(press(app, first))
    assert "The model suggests" in shown and "The cell in words" in shown
    assert shown.count("; distance ") == 3 and "eat map" in shown
    assert [one.label for one in app.expander].count("Why") == 1


def test_the_only_cell_of_a_field_is_shown_at_once(finished_run: Run) -> None:
    drawn = draw_field(seed=4, blasts=1, lymphocytes=0, size=(480, 640), scale=0.25)
    app = upload("one.png", encode(drawn.image))
    assert metric(app, "Cells found") == "1" and "Cell No. 1" in words(app)
    assert not numbers(app) and not [one for one in app.button if one.label == "All cells"]
    toggle = next(one for one in app.toggle if one.label == "Read it as a whole field")
    assert toggle.value
