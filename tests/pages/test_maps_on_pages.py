"""Maps on Dataset and Compare: drawn by a worker, coloured, and picked from."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from core.data import datasets
from core.embedding import embedding_job, map_colours, picked
from core.jobs.job import Job
from core.jobs.reporter import Reporter
from core.runs.run_store import Run
from core.workers import embedding, launcher
from pages.ui.common.cells import map_chart
from tests.factories.app import button, open_link, open_page, words


@pytest.fixture
def _drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map is drawn by the time that its worker has been started."""

    def start(job: Job) -> None:
        assert isinstance(job, embedding_job.EmbeddingJob)
        with Reporter(job) as reporter:
            embedding.work(job, reporter)
        job.finish("succeeded")

    monkeypatch.setattr(launcher, "start", start)


@pytest.mark.usefixtures("_drawn_at_once")
def test_the_map_of_a_data_set_is_drawn_once_and_coloured(workspace: object) -> None:
    app = open_page("dataset")
    app.session_state["view"] = "Map"
    app.run()
    assert not app.exception and not app.error
    assert "The two axes show" in words(app) and "Draw around some" in words(app)
    index = datasets.index(datasets.resolve("demo"))
    assert embedding_job.of_data_set(index, "pca").status.state == "succeeded"
    for colouring in ("subject", "quality flag", "error of a model"):
        app.segmented_control(key="dataset_map_colour").select(colouring).run()
        assert not app.exception and not app.error


@pytest.mark.usefixtures("_drawn_at_once")
def test_a_link_shows_the_cells_that_were_picked_on_a_map(workspace: object) -> None:
    index = datasets.index(datasets.resolve("demo"))
    job = embedding_job.of_data_set(index, "pca")
    if job.map is None:
        launcher.start(job)
    assert job.map is not None
    placed = job.map.place(index.cells)
    left = placed["x"].to_numpy() < placed["x"].median()
    (x0, y0), (x1, y1) = placed[["x", "y"]].min(), placed[["x", "y"]].max()
    middle = placed["x"].median()
    around = np.array([(x0 - 1, y0 - 1), (middle, y0 - 1), (middle, y1 + 1), (x0 - 1, y1 + 1)])
    text = picked.drawn(job.name[:8], [around], placed).text
    app = open_link("dataset", view="Map", dataset_map_picked=text)
    assert not app.exception and x1 > middle
    assert f"{left.sum()} of {len(index.cells)} images" in words(app)
    button(app, "Pick none").click().run()
    assert "Draw around some" in words(app) and "dataset_map_picked" not in app.query_params
    other = open_link("dataset", view="Map", dataset_map_picked=f"x{text}")
    assert "picked on another map" in words(other) and "Draw around some" in words(other)


@pytest.mark.slow
@pytest.mark.usefixtures("_drawn_at_once")
def test_compare_shows_the_cells_as_a_model_sees_them(finished_run: Run) -> None:
    app = open_page("compare")
    app.session_state["section"] = "Map"
    app.run()
    assert not app.exception and not app.error
    assert "cells that the model sees alike" in words(app)


def test_a_point_names_its_cell_and_kinds_differ_in_colour_and_shape() -> None:
    placed = pd.DataFrame(
        {
            "image_id": [f"a/{n}.bmp" for n in range(6)],
            "subject": list("112233"),
            "label": [1, 0, 1, 0, 1, 0],
            "x": np.arange(6.0),
            "y": np.zeros(6),
        }
    )
    for kind in (map_colours.by_class, partial(map_colours.by_subject, chosen=["1", "2", "3"])):
        figure = map_chart.draw(placed, kind(placed), ("", ""))
        looks = {(trace.marker.color, trace.marker.symbol) for trace in figure.data}
        assert len({symbol for _, symbol in looks}) == len(looks) == len(figure.data)
        for trace in figure.data:
            assert trace.type == "scattergl"
            for row, x, text in zip(trace.customdata, trace.x, trace.text, strict=True):
                assert placed["x"].iloc[row] == x and f"{row}.bmp" in text
