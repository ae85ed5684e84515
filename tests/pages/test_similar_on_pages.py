"""What stands beside a reading on the Predict page: similar cells, words, what was cut out."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import storage
from core.data.images import encode
from core.data.synthetic.smear_field import draw_field
from core.ood import reference
from core.runs.run_store import Run
from tests.factories.app import open_page, words


def upload(name: str, data: bytes) -> AppTest:
    app = open_page("predict")
    app.file_uploader[0].upload(name, data, "image/png").run()
    assert not app.exception
    return app


@contextmanager
def aside(file: Path) -> Iterator[None]:
    """A file put away for a while, from a workspace that tests share."""
    away = file.with_suffix(".away")
    file.rename(away)
    try:
        yield
    finally:
        away.rename(file)


@pytest.fixture
def training_cell(finished_run: Run) -> Path:
    split = pd.read_parquet(finished_run.path / "split.parquet")
    return storage.demo_dir() / split.loc[split["split"] == "train", "image_id"].iloc[0]


def test_a_reading_shows_three_training_cells_and_words_and_warns_of_one_that_was_trained_on(
    finished_run: Run, training_cell: Path
) -> None:
    app = upload(training_cell.name, training_cell.read_bytes())
    said = words(app)
    assert "trained on this very picture" in said and training_cell.name in said
    assert said.count("; distance ") == 3 and "labels do not decide the call" in said
    assert "px across" in said and "of ALL" in said and "of HEM reference cells" in said


def test_a_run_that_kept_nothing_says_what_was_not_checked(
    finished_run: Run, training_cell: Path
) -> None:
    st.cache_resource.clear()
    st.cache_data.clear()
    with aside(finished_run.path / reference.FILE):
        said = words(upload("older.bmp", training_cell.read_bytes() + b" "))
    assert "Not all was checked" in said and "did not keep its reference cells" in said
    st.cache_resource.clear()
    assert "Train it again to see them" in said and "; distance " not in said


@pytest.mark.slow
def test_a_whole_field_is_no_cell_and_is_read_as_what_it_is(workspace: Path) -> None:
    drawn = draw_field(seed=3, blasts=3, lymphocytes=2, scale=0.25, size=(480, 640))
    app = upload("field.png", encode(drawn.image))
    assert "Cells found" in [metric.label for metric in app.metric]
    assert "The model suggests" not in words(app)
    next(one for one in app.toggle if one.label == "Read it as a whole field").set_value(False)
    said = words(app.run())
    assert "field.png was not read" in said and "whole field" in said
    assert "The model suggests" not in said
