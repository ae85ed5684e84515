"""The Models page, driven from app.py as a person would."""

import io
import tomllib
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.archive import archive
from core.data import datasets
from core.report.card import texts
from core.runs import about, active_model, run_store
from core.runs.adoption import Wanted
from core.runs.run_store import Run
from core.settings import settings
from tests.conftest import PROJECT
from tests.factories.app import button, labels, open_page, words
from tests.factories.archives import SHIPPED, adopted_run, files_of, pack, shipped_run


def tab(app: AppTest, name: str) -> AppTest:
    app.session_state["about"] = name
    return app.run()


def test_the_active_model_comes_first_and_another_is_chosen_and_undone() -> None:
    runs = {name: shipped_run(name) for name in ("demo-cnn-16", "demo-cnn-dropout")}
    first = active_model.active().run_id
    other = next(name for name in runs if name != first)
    app = open_page("models")
    assert f"{about.called(run_store.get(first))} reads now" in words(app).replace("**", "")
    assert "Balanced accuracy" in words(app) and "95% interval" in words(app)
    assert button(app, "Used for readings").disabled and "Undo" not in labels(app)
    app.selectbox(key="model").set_value(other).run()
    button(app, "Use for readings").click().run()
    assert active_model.active().run_id == other
    assert f"{about.called(run_store.get(other))} reads now" in words(app).replace("**", "")
    assert any("Chosen for readings on" in (said.help or "") for said in app.markdown)
    tab(app, "History")
    assert app.dataframe[0].value["Model"].tolist() == [other]
    button(app, "Undo").click().run()
    assert active_model.active().run_id == first and not app.exception


def test_an_engine_that_changed_is_said_and_a_lost_model_leaves_a_way_out() -> None:
    run = shipped_run()
    active_model.promote(run)
    text = run.engine_file.read_text(encoding="utf-8")
    run.engine_file.write_text(text + "\n", encoding="utf-8")
    app = open_page("models")
    assert "Changed since: engine." in app.warning[0].value
    button(app, "Use for readings").click().run()
    assert not app.warning and not app.exception
    shipped_run("demo-cnn-dropout")
    (run.path / "config.json").unlink()
    app = open_page("models")
    assert "is gone" in app.error[0].value
    button(app, "Undo").click().run()
    assert not app.error and active_model.active().run_id == "demo-cnn-dropout"


def test_a_gap_is_filled_in_and_the_card_shows_it() -> None:
    run = shipped_run()
    app = open_page("models")
    assert "gaps, each marked as one" in words(app)
    assert "*GAP.*" in words(app)
    assert any("Always ALL" in table.value.columns for table in app.table)
    tab(app, "Fill in")
    app.selectbox(key="field_demo-cnn-16").set_value("contact").run()
    app.text_area[0].set_value("ask <b>the</b> laboratory")
    button(app, "Save").click().run()
    assert texts.read(run) == {"contact": "ask <b>the</b> laboratory"}
    tab(app, "Card")
    assert "(user's words): ask <b>the</b> laboratory" in words(app) and not app.exception


def test_an_archive_is_taken_in_on_an_empty_disk() -> None:
    run = shipped_run()
    data, before = archive.packed(run), files_of(run)
    (run.path / "config.json").unlink()
    app = open_page("models")
    assert "No run has finished yet" in words(app)
    app.text_input[0].set_value("taken-in").run()
    app.file_uploader[0].upload("run.zip", data, "application/zip").run()
    assert not app.error and not app.exception
    assert files_of(run_store.get("taken-in")) == before
    assert app.selectbox(key="model").value == "taken-in"


def test_an_archive_that_was_changed_is_refused_on_the_page() -> None:
    run = shipped_run()
    stream = io.BytesIO()
    pack(stream, files_of(run) | {"setup.py": b"import os"})  # type: ignore[arg-type]
    assert zipfile.is_zipfile(stream)
    app = tab(open_page("models"), "Import")
    app.file_uploader[0].upload("run.zip", stream.getvalue(), "application/zip").run()
    assert "setup.py" in app.error[0].value and not app.exception
    app.run()
    assert "setup.py" in app.error[0].value  # and it was not tried again
    assert [run.run_id for run in run_store.runs()] == ["demo-cnn-16"]


def test_the_server_lets_a_whole_run_through() -> None:
    server = tomllib.loads((PROJECT / ".streamlit/config.toml").read_text())["server"]
    assert server["maxUploadSize"] * 2**20 >= settings().max_archive_bytes


def test_a_model_from_elsewhere_is_asked_for_with_what_the_user_knows(
    demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[Run] = []
    monkeypatch.setattr("core.workers.launcher.launch", launched.append)
    datasets.add(str(demo_root))
    shipped_run()
    (tmp_path / "notes.keras").write_text("just some words", encoding="utf-8")
    app = tab(open_page("models"), "Adopt")
    button(app, "Adopt").click().run()
    assert "Choose a model file" in words(app)
    fields = {field.label: field for field in app.text_input}
    fields["or a file or folder on this machine"].set_value(str(tmp_path / "notes.keras"))
    button(app, "Adopt").click().run()
    assert "not a model that BlastLens can open" in words(app) and not launched
    fields = {field.label: field for field in app.text_input}
    model = SHIPPED / "demo-cnn-16" / "model.keras"
    fields["or a file or folder on this machine"].set_value(str(model))
    fields["Name here"].set_value("theirs")
    fields["Trained elsewhere, on"].set_value("cells of Lyon")
    fields["Outputs that mean a blast"].set_value("1")
    next(box for box in app.selectbox if box.label == "Pixels").set_value("0..255")
    button(app, "Adopt").click().run()
    (run,) = launched
    assert run.run_id == "theirs" and run.adoption is not None and not app.exception
    assert run.adoption.statement == "cells of Lyon"
    assert run.adoption.wanted == Wanted(pixels="0..255", positive=(1,))
    assert (run.path / "original.keras").read_bytes() == model.read_bytes()
    assert ": waiting for its turn" in words(app)


@pytest.mark.slow
def test_how_a_model_is_fed_is_overruled_before_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, demo_root: Path
) -> None:
    launched: list[Run] = []
    monkeypatch.setattr("core.workers.launcher.launch", launched.append)
    datasets.add(str(demo_root))
    shipped_run("demo-cnn-dropout")
    run = adopted_run()
    (run.path / "original.keras").write_bytes(b"the model file")
    app = tab(open_page("models"), "Adopt")
    assert "Pixels 0 to 1, RGB" in words(app)
    box = next(box for box in app.selectbox if box.label == "Pixels")
    assert box.value == "0..1"  # as it was found
    box.set_value("-1..1")
    button(app, "Adopt it so").click().run()
    assert launched == [run] and run.status.state == "queued" and not app.exception
    assert run.adoption is not None and not run.adoption.trials
    assert run.adoption.wanted == Wanted(pixels="-1..1", channels="rgb", positive=(1,))
    run.finish("failed", "It has 3 outputs.")
    button(tab(app, "Adopt"), "Delete it").click().run()
    assert not run.path.exists() and not app.exception
    run = adopted_run()
    (run.path / "original.keras").write_bytes(b"the model file")
    button(tab(app, "Adopt"), "Keep it so").click().run()
    assert not (run.path / "original.keras").exists() and not app.exception
    assert app.session_state["model"] == run.run_id


def test_an_adopted_model_is_not_believed_until_its_user_says_more() -> None:
    run = adopted_run()
    app = open_page("models")
    assert words(app).count("may have trained on") >= 2 and "Pixels 0 to 1, RGB" in words(app)
    app.text_area[0].set_value("cells of Lyon")
    button(app, "State it").click().run()
    assert not app.exception and run.metrics is not None and not run.metrics.protocol.leaking
    assert "cells of Lyon" in words(app) and "may have trained on" not in words(app)
