"""The Compare page, driven from app.py, over shipped, hand-written and freshly trained runs."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core import storage
from core.evaluation.test_set import TestSet
from core.report import comparison_tables
from core.runs import active_model, run_store
from tests.conftest import PROJECT
from tests.factories import invented
from tests.factories.app import downloads, open_page, words

SECTIONS = (
    "Accuracy",
    "Patients",
    "Curves",
    "For whom does it fail",
    "Learning",
    "Beside the literature",
)


@pytest.fixture
def shipped(artifacts: Path) -> Path:
    """The shipped runs alone; their data set is not drawn."""
    for name in ("demo-cnn-16", "demo-cnn-dropout"):
        shutil.copytree(PROJECT / "artifacts" / "runs" / name, artifacts / "runs" / name)
    return artifacts


def test_it_opens_with_the_verdict_and_a_table_with_protocol_and_always_all(shipped: Path) -> None:
    app = open_page("compare")
    assert not app.error
    said = words(app)
    cells = run_store.get("demo-cnn-16").metrics.test.images
    assert f"{cells} synthetic cells of held-out subjects" in said and "prove nothing" in said
    shown = app.dataframe[0].value
    assert set(shown["Run"]) == {"demo-cnn-16", "demo-cnn-dropout", ""}
    assert "All measured on held-out subjects, synthetic." in said and "Measured on" not in shown
    assert shown["Model"].iloc[-1] == comparison_tables.BASELINE
    assert {"Table as CSV", "Settings as CSV"} <= set(downloads(app))


@pytest.mark.parametrize("view", list(comparison_tables.VIEWS))
def test_each_view_shows_its_figures(shipped: Path, view: str) -> None:
    app = open_page("compare")
    app.segmented_control(key="figures").select(view).run()
    assert not app.exception and not app.error
    shown = app.dataframe[0].value
    assert {comparison_tables.LABELS[metric] for metric in comparison_tables.VIEWS[view]} <= set(
        shown
    )
    if view == "At your share of blasts":
        before = shown["PPV"].tolist()
        app.number_input(key="prevalence").set_value(0.01).run()
        after = app.dataframe[0].value["PPV"].tolist()
        assert after != before and after[-1] == "0.01"
    if view == "Cost":
        assert app.dataframe[0].value["Reading, ms"].isna().all()
        app.button(key="time_table").click().run()
        assert (app.dataframe[0].value["Reading, ms"] > 0).all()


@pytest.mark.parametrize("section", SECTIONS)
def test_each_section_opens_even_where_the_data_set_is_gone(shipped: Path, section: str) -> None:
    app = open_page("compare")
    app.session_state["section"] = section
    app.run()
    assert not app.exception
    said = words(app) + "".join(panel.label for panel in app.expander)
    expected = {
        "Accuracy": "What was called what",
        "Patients": "patients lie on the right side",
        "Curves": "Do the probabilities mean what they say?",
        "For whom does it fail": "worst for subject",
        "Learning": "the test part was not used",
        "Beside the literature": "split by image, with patients on both sides",
    }
    assert expected[section] in said
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))
    if section == "For whom does it fail":
        assert any("demo set is not drawn" in str(error.value) for error in app.error)
    else:
        assert not app.error


def test_it_says_for_which_cells_a_model_fails(workspace: Path) -> None:
    app = open_page("compare")
    app.session_state["section"] = "For whom does it fail"
    app.run()
    assert not app.exception and not app.error
    kinds = app.segmented_control(key="by").options
    assert len(kinds) > 1
    charts = len(app.get("plotly_chart"))
    app.segmented_control(key="by").select(kinds[-1]).run()
    app.segmented_control(key="of").select("Sensitivity").run()
    assert not app.exception and len(app.get("plotly_chart")) == charts == 2


@pytest.mark.slow
def test_the_cells_of_a_matrix_open_with_their_heat_maps(workspace: Path) -> None:
    app = open_page("compare")
    run = run_store.get("run-cnn-16")
    counts = run.metrics.test.confusion.to_json()
    kind = max(counts, key=counts.__getitem__)
    app.button(key=f"cells_run-cnn-16_{kind}").click().run()
    assert not app.exception and not app.error
    assert f"{counts[kind]} cells of" in words(app)
    said = [caption.value for caption in app.caption if "P(ALL)" in str(caption.value)]
    assert len(said) == min(12, counts[kind])
    assert len(app.get("image")) == len(said) + 1, [e.type for e in app.main]


def test_cells_of_unknown_subjects_are_called_by_their_files(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = TestSet.outcome
    unknown = lambda run, kind: outcome(run, kind).assign(subject=None)  # noqa: E731
    monkeypatch.setattr(TestSet, "outcome", unknown)
    counts = run_store.get("run-cnn-16").metrics.test.confusion.to_json()
    app = open_page("compare")
    app.button(key=f"cells_run-cnn-16_{max(counts, key=counts.__getitem__)}").click().run()
    said = [str(caption.value) for caption in app.caption if "P(ALL)" in str(caption.value)]
    assert said and all(one.replace("\\", "").startswith("UID_") for one in said), said


def test_cells_of_a_data_set_that_is_gone_are_not_shown_and_it_says_so(shipped: Path) -> None:
    app = open_page("compare")
    app.button(key="cells_demo-cnn-16_fn").click().run()
    assert not app.exception
    assert any("demo set is not drawn" in str(error.value) for error in app.error)


@pytest.mark.slow
def test_runs_of_every_kind_stand_side_by_side(artifacts: Path) -> None:
    cells = invented.cells(groups=24)
    sure = 3.0 * (2 * cells["label"].to_numpy() - 1)
    for seed in range(3):
        said = invented.logits(cells, 1, seed)
        invented.run(f"seed-{seed}", cells, said, architecture="compact", seed=seed)
    invented.run("leaky", cells, sure, leaking=True)
    blasts = cells[cells["label"] == 1]
    invented.run("one-class", blasts, np.ones(len(blasts)))
    unknown = cells.assign(group=None, subject=None)
    invented.run("unknown", unknown, sure, leaking=True)
    app = open_page("compare")
    repeated = next(f.value for f in app.dataframe if "Runs" in f.value)
    assert repeated["Runs"].tolist() == ["Compact CNN, 3 seeds"]
    assert len(app.multiselect[0].value) == 6
    for section in SECTIONS:
        app.session_state["section"] = section
        app.run()
        assert not app.exception, section
        said = words(app)
        assert "too good to be true?" in said and "The split is by image" in said
        assert "Not a fair comparison" in said


def test_a_damaged_run_is_told_and_the_others_stand(shipped: Path) -> None:
    (shipped / "runs" / "demo-cnn-16" / "predictions.parquet").write_bytes(b"")
    app = open_page("compare")
    assert any("demo-cnn-16" in str(error.value) for error in app.error)
    assert "demo-cnn-dropout" in app.dataframe[0].value["Run"].tolist()


def test_a_changed_threshold_is_measured_anew(shipped: Path) -> None:
    before = open_page("compare").dataframe[0].value
    file = shipped / "runs" / "demo-cnn-16" / "calibration.json"
    file.write_text(file.read_text().replace('"threshold": 0.5', '"threshold": 1e-9'))
    after = open_page("compare").dataframe[0].value
    row = after.set_index("Run").loc["demo-cnn-16"]
    assert row["Sensitivity"].startswith("1.00")
    assert not before.set_index("Run").loc["demo-cnn-16", "Sensitivity"].startswith("1.00")


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
