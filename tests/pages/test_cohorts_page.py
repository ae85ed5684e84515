"""The Cohorts page: started, followed, looked through."""

from pathlib import Path

import pytest

from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.data.images import encode
from core.data.synthetic.white_cell import draw_cell
from core.people import READER
from core.runs.run_store import Run
from pages.ui.common import people
from tests.factories import cohorts
from tests.factories.app import button, downloads, labels, logged_in, open_page, words
from tests.factories.archives import shipped_run


@pytest.fixture
def run(artifacts: Path) -> Run:
    return shipped_run()


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two cells of a patient and a file that is no picture, in a folder that pages may name."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(2):
        image = draw_cell(subject="1", cell=number, label=1)
        (folder / f"UID_1_1_{number}_all.bmp").write_bytes(encode(image, "BMP"))
    (folder / "broken.png").write_bytes(b"no picture")
    monkeypatch.setenv("BLASTLENS_DATA_ROOTS", str(folder))
    return folder


@pytest.fixture
def finished(run: Run, pictures: Path, tmp_path: Path) -> Cohort:
    cohort = cohorts.carry_out(cohorts.plan(run, pictures, tmp_path / "out"))
    assert cohort.status.state == "succeeded", cohort.status
    return cohort


def test_a_folder_is_scored_within_the_roots_alone(
    run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[Cohort] = []
    monkeypatch.setattr("core.workers.launcher.launch", launched.append)
    app = open_page("cohorts")
    for place, refused in (
        ("", "No pictures are named"),
        ("/etc", "does not lie in a folder"),
        (str(pictures / ".." / "absent"), "does not lie in a folder"),
        ("file:///etc", "A URL cannot be named here"),
        ("s3://bucket/cells", "A URL cannot be named here"),
    ):
        app.text_input[0].set_value(place)
        button(app, "Score").click().run()
        assert refused in app.error[0].value and not launched
    app.text_input[0].set_value(str(pictures))
    button(app, "Score").click().run()
    (cohort,) = launched
    assert not app.exception and not app.error
    assert cohort.plan.source.place == str(pictures) and cohort.plan.run == run.run_id
    assert cohort.plan.source.roots == (str(pictures),)
    assert cohort_store.cohorts() == [cohort] and "waiting for its turn" in words(app)


def test_the_encoding_of_a_table_that_is_not_unicode_is_asked_for(
    run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[Cohort] = []
    monkeypatch.setattr("core.workers.launcher.launch", launched.append)
    (pictures / "t.csv").write_bytes("file;patient\nbroken.png;Jürgen\n".encode("cp1252"))
    app = open_page("cohorts")
    app.text_input[0].set_value(str(pictures / "t.csv"))
    button(app, "Score").click().run()
    assert "t.csv is not Unicode; it is read as Windows-1252" in words(app) and not launched
    chosen = next(one for one in app.selectbox if one.label == "Encoding of the table")
    chosen.select("macintosh")
    button(app, "Score").click().run()
    (cohort,) = launched
    assert cohort.plan.source.labelling.encoding == "macintosh" and not app.exception


def test_a_reader_scores_nothing(run: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLASTLENS_ROLES_CLAIM", "roles")
    app = open_page("cohorts", logged_in(roles=[READER]))
    assert "Only a supervisor or an administrator may score cohorts." in words(app)
    assert button(app, "Score").disabled
    monkeypatch.setattr(people, "lacks", lambda _: False)  # a control that a page forgot
    app = open_page("cohorts", logged_in(roles=[READER]))
    app.text_input[0].set_value(str(pictures))
    button(app, "Score").click().run()
    assert "lacks the role" in app.error[0].value and cohort_store.cohorts() == []


def test_one_under_way_shows_rate_and_time_left_and_can_be_stopped(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    cohort = cohorts.plan(run, pictures, tmp_path / "out")
    status = cohort.status.replace(state="running", phase="scoring", done=1200, total=5000)
    counts = {"ALL": 400, "HEM": 650, "refused": 150}
    status = status.replace(images_per_second=38, seconds_left=100, outcomes=counts)
    cohort.write_status(status)
    app = open_page("cohorts")
    bar = app.get("progress")[0].proto
    assert bar.text == "Scoring · 1,200 of 5,000 pictures · 38 a second · 2 min left"
    assert bar.value == 24
    said = "So far 400 ALL, 650 HEM, 0 review, 150 refused, 0 cannot be read."
    assert said in words(app)
    button(app, "Stop").click().run()
    assert cohort.stop_requested
    cohort.write_status(status.replace(state="cancelled"))
    app.run()
    assert "Resume" in labels(app) and "Stop" not in labels(app)
    assert app.selectbox(key="cohort").value == cohort and not app.exception
    other = cohorts.plan(run, pictures, tmp_path / "other")
    other.write_status(status.replace(state="cancelled"))
    cohort.write_status(status)  # as a resume has it
    app.run()
    assert app.selectbox(key="cohort").value == other and not app.exception


def test_one_that_ends_while_it_is_followed_is_the_one_shown(
    finished: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = finished.status
    before = [ended.replace(state="running")] * 3  # until it is followed
    monkeypatch.setattr(Cohort, "status", property(lambda _: before.pop() if before else ended))
    # Streamlit refuses some keys that the script sets only in a server.
    monkeypatch.setattr("streamlit.elements.lib.policies.runtime.exists", lambda: True)
    app = open_page("cohorts")
    assert not before and not app.exception
    assert app.selectbox(key="cohort").value == finished


def test_a_finished_one_shows_counts_refusals_patients_and_files(finished: Cohort) -> None:
    app = open_page("cohorts")
    said = words(app)
    assert "3 pictures: 2 read as one cell, 1 refused." in said
    metrics = {one.label: one.value for one in app.metric}
    assert metrics["Refused"] == "1" and metrics["Patients"] == "1"
    (refused,) = app.dataframe[0].value.to_dict("records")
    assert refused["Reason"] == "The file cannot be read" and refused["Refused"] == 1
    app.segmented_control(key="show").select("Patients").run()
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["Patient"], row["Pictures"], row["Cells read"]) == ("1", 2, 2)
    assert 0 <= row["From"] <= row["Corrected"] <= row["To"] <= 1
    assert "As called" not in row  # of two cells it says nothing
    assert "Patients as CSV" in downloads(app)
    app.segmented_control(key="show").select("Files").run()
    assert finished.parts_place in words(app) and "Summary as JSON" in downloads(app)
    printed = app.session_state["printed_readings"]
    assert printed == {finished.name: {finished.plan.run: finished.plan.engine}}
    assert not app.exception and not app.error


def test_pictures_are_looked_through_by_order_and_call(finished: Cohort) -> None:
    app = open_page("cohorts", show="Pictures")
    assert "UID_1_1_0_all.bmp" in words(app) and "no picture" in words(app)
    app.segmented_control(key="call").select("refused").run()
    assert "broken.png" in words(app) and "UID_1_1_0_all.bmp" not in words(app)
    app.segmented_control(key="call").unselect("refused").run()
    app.selectbox(key="cohort_order").select("most likely blasts").run()
    shown = [text for text in words(app).splitlines() if "UID_1_1_" in text]
    rows = cohorts.by_path(finished).drop("broken.png").sort_values("probability", ascending=False)
    assert [text.split(" ")[0] for text in shown] == list(rows.index)
    assert "These as CSV" in downloads(app)
