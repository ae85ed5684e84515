"""Who is let in, and what a reader, a supervisor and an administrator find on the pages."""

import ast
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.data import datasets
from core.data.images import encode
from core.errors import ConfigError
from core.people import ADMINISTRATOR, READER, SUPERVISOR
from core.runs import active_model, run_store
from pages.ui.common import people, server
from tests.conftest import PROJECT
from tests.factories.app import AUTH, button, labels, logged_in, open_page, words
from tests.factories.archives import shipped_run
from tests.test_architecture import module_name, sources

# What core does on behalf of a page, and not everyone may have done.
ACTS = {
    *(f"launcher.{name}" for name in ("launch", "start", "start_audit", "resume")),
    *("active_model.promote", "active_model.undo", "archive.import_run", "operating_point.use"),
    *(f"request.{name}" for name in ("create", "delete", "repeat", "discard_original")),
    *("statement.state", "texts.write", "job.request_stop"),
    *("datasets.add", "datasets.forget", "dataset.write_dataset", "cut_cells"),
}
# The cells of a large image are searched for a reading; a map is drawn to be looked at.
FOR_ALL = {"pages.ui.reading.field", "pages.ui.common.cells.map_view"}
DRAW = "Draw the synthetic demo set"


@pytest.fixture(autouse=True)
def _roles_by_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLASTLENS_ROLES_CLAIM", "roles")


def visit(page: str, role: str) -> AppTest:
    """A page, at the views that are made the fastest."""
    views = {"about": "History", "view": "Files"}
    return open_page(page, logged_in(roles=[role]), **views)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]"])
def test_this_machines_own_addresses_are_local(address: str) -> None:
    assert server.is_loopback(address)


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.0.2.7", "lab.example"])
def test_all_others_are_not(address: str | None) -> None:
    assert not server.is_loopback(address)


def test_without_log_in_the_app_serves_other_machines_only_on_purpose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.require_safe(local=True)
    with pytest.raises(ConfigError, match="for this machine alone"):
        server.require_safe(local=False)
    monkeypatch.setenv("BLASTLENS_ALLOW_ANONYMOUS", "yes")
    with pytest.raises(ConfigError):
        server.require_safe(local=False)
    monkeypatch.setenv("BLASTLENS_ALLOW_ANONYMOUS", "1")
    server.require_safe(local=False)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ({"redirect_uri": "x"}, r"lacks \[auth\] cookie_secret, \[auth\] client_id"),
        ({**AUTH, "client_id": ""}, r"lacks \[auth\] client_id"),
        ({**AUTH, "lab": {"client_id": "x", "client_secret": "y"}}, r"\[auth.lab\] server_metad"),
        ({**AUTH, "cookie_secret": "short"}, "fewer than 32 characters"),
    ],
)
def test_an_incomplete_log_in_is_refused_by_the_name_of_what_lacks(
    monkeypatch: pytest.MonkeyPatch, auth: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(st, "secrets", {"auth": auth})
    with pytest.raises(ConfigError, match=said):
        server.require_safe(local=True)


def test_each_named_provider_is_offered() -> None:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    lab = {key: AUTH[key] for key in ("client_id", "client_secret", "server_metadata_url")}
    shared = {key: AUTH[key] for key in ("redirect_uri", "cookie_secret")}
    app.secrets["auth"] = {**shared, "lab": lab, "clinic": lab}
    app.user = {"is_logged_in": False}
    app.run()
    assert labels(app) == ["Log in with lab", "Log in with clinic"]


@pytest.mark.parametrize(
    "claims",
    [
        {"is_logged_in": False},
        {"aud": "another-app"},
        {"aud": ["another-app"], "azp": "blastlens"},
        {"iat": time.time() - 13 * 3600},
    ],
)
def test_without_a_fresh_log_in_for_this_app_nothing_but_the_way_in_is_shown(
    claims: dict[str, object],
) -> None:
    shipped_run()
    app = open_page("models", logged_in(roles=[ADMINISTRATOR], **claims))
    assert labels(app) == ["Log in"] and not app.selectbox and "reads now" not in words(app)


def test_someone_without_a_role_sees_that_and_nothing_else() -> None:
    shipped_run()
    app = open_page("models", logged_in(roles=["visitor"]))
    assert "Ada (u-1), who has no role here" in words(app)
    assert labels(app) == ["Log out"] and not app.selectbox


def test_a_supervisor_chooses_the_model_that_reads_and_a_reader_does_not() -> None:
    shipped_run(), shipped_run("demo-cnn-dropout")
    first = active_model.active().run_id
    other = next(run.run_id for run in run_store.models() if run.run_id != first)
    for role in (READER, SUPERVISOR):
        app = visit("models", role)
        said = "Only a supervisor or an administrator may choose the model" in words(app)
        app.selectbox(key="model").set_value(other).run()
        assert said == button(app, "Use for readings").disabled == (role == READER)
    button(app, "Use for readings").click().run()
    assert active_model.active().run_id == other


@pytest.mark.parametrize("role", [SUPERVISOR, ADMINISTRATOR])
def test_an_administrator_brings_models_and_a_supervisor_does_not(
    role: str, demo_root: Path
) -> None:
    datasets.add(str(demo_root))
    app, locked = visit("models", role), role == SUPERVISOR
    assert [upload.proto.disabled for upload in app.file_uploader] == [locked, locked]
    assert button(app, "Adopt").disabled == locked
    for action in ("import runs", "adopt models"):
        assert (f"Only an administrator may {action}." in words(app)) == locked


@pytest.mark.parametrize("role", [SUPERVISOR, ADMINISTRATOR])
def test_an_administrator_adds_data_and_a_supervisor_does_not(role: str, demo_root: Path) -> None:
    app, locked = visit("dataset", role), role == SUPERVISOR
    assert button(app, "Add").disabled == button(app, DRAW).disabled == locked
    assert ("Only an administrator may add data sets." in words(app)) == locked
    if not locked:
        app.text_input[0].set_value(str(demo_root))
        button(app, "Add").click().run()
    assert datasets.known() == ([] if locked else [demo_root])


@pytest.mark.parametrize("role", [READER, SUPERVISOR])
def test_a_supervisor_trains_and_a_reader_does_not(
    role: str, demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[object] = []
    monkeypatch.setattr("core.workers.launcher.launch", launched.append)
    datasets.add(str(demo_root))
    app = visit("train", role)
    assert button(app, "Start training").disabled == (role == READER)
    if role == SUPERVISOR:
        button(app, "Start training").click().run()
    assert len(launched) == len(run_store.runs()) == (role == SUPERVISOR)


def test_the_right_is_required_where_the_act_is() -> None:
    for file in sources("pages"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for scope in (tree, *scopes):
            calls = {
                ast.unparse(node.func) for node in ast.walk(scope) if isinstance(node, ast.Call)
            }
            if calls & ACTS and module_name(file) not in FOR_ALL:
                assert "people.require" in calls, f"{file}: {calls & ACTS}"


@pytest.fixture
def _nothing_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controls are open to everyone, as if a page had forgotten to disable them."""
    monkeypatch.setattr(people, "may", lambda _: True)
    monkeypatch.setattr(people, "lacks", lambda _: False)


@pytest.mark.usefixtures("_nothing_disabled")
def test_what_is_not_allowed_is_not_done_either(
    demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Cells that are measured meanwhile draw the page anew, and its message is gone.
    monkeypatch.setattr("pages.ui.dataset.measuring.show", lambda _: None)
    datasets.add(str(demo_root))
    for page, label in (
        ("train", "Start training"),
        ("tune", "Start"),
        ("models", "Import"),
        ("models", "Adopt"),
        ("dataset", DRAW),
        ("dataset", "Fetch C-NMC 2019 from Kaggle"),
    ):
        app = visit(page, READER)
        if label == "Import":
            app.file_uploader[0].upload("run.zip", b"no archive", "application/zip").run()
        else:
            button(app, label).click().run()
        assert "Ada (u-1) lacks the role for this" in app.error[0].value, label
    assert run_store.runs() == [] and datasets.known() == [demo_root]


@pytest.mark.usefixtures("_nothing_disabled")
def test_a_model_and_a_data_set_stay_as_they_are_without_the_right(
    demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.dataset.measuring.show", lambda _: None)
    shipped_run(), shipped_run("demo-cnn-dropout")
    datasets.add(str(demo_root))
    app, first = visit("models", READER), active_model.active().run_id
    other = next(run.run_id for run in run_store.models() if run.run_id != first)
    app.selectbox(key="model").set_value(other).run()
    button(app, "Use for readings").click().run()
    assert "lacks the role" in app.error[0].value and active_model.active().run_id == first
    app = visit("dataset", READER)
    button(app, "Forget this folder").click().run()
    assert "lacks the role" in app.error[0].value and datasets.known() == [demo_root]


def test_what_lies_outside_the_roots_gets_the_same_answer_whether_it_exists_or_not(
    demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_DATA_ROOTS", str(tmp_path / "open"))
    app = open_page("dataset")
    answers = set()
    for path in (demo_root, demo_root / "absent", tmp_path / "open" / ".." / "absent"):
        app.text_input[0].set_value(str(path))
        button(app, "Add").click().run()
        answers.add(app.error[0].value)
    (answer,) = answers
    assert "does not lie in a folder" in answer and datasets.known() == []


def test_a_model_outside_the_roots_is_not_opened(
    demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.add(str(demo_root))
    monkeypatch.setenv("BLASTLENS_DATA_ROOTS", str(demo_root))
    app = open_page("models")
    path = next(field for field in app.text_input if "on this machine" in field.label)
    path.set_value(str(tmp_path / "model.keras"))
    button(app, "Adopt").click().run()
    assert "does not lie in a folder" in words(app)


def test_a_table_outside_the_roots_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = tmp_path / "open" / "pictures"
    pictures.mkdir(parents=True)
    for number in range(3):
        (pictures / f"{number}.png").write_bytes(encode(np.zeros((40, 40, 3), np.uint8)))
    (tmp_path / "labels.csv").write_text("file,class\n0.png,blast\n", encoding="utf-8")
    monkeypatch.setenv("BLASTLENS_DATA_ROOTS", str(tmp_path / "open"))
    app = open_page("dataset")
    app.text_input[0].set_value(str(pictures))
    button(app, "Add").click().run()
    app.segmented_control[0].select("A table").run()
    table = next(field for field in app.text_input if "another file" in field.label)
    for path in (str(tmp_path / "labels.csv"), "../../labels.csv", "../../absent.csv"):
        table.set_value(path).run()
        assert "does not lie in a folder" in app.error[0].value
    assert not [box for box in app.selectbox if box.label.startswith("Column of")]


def test_a_typed_name_is_kept_as_one_that_nobody_verified() -> None:
    app = open_page("predict")
    assert "Keep it" not in labels(app)  # before it is opened
    app.session_state["person"] = True
    app.run()
    app.text_input[0].set_value("Ada\u202e")
    button(app, "Keep it").click().run()
    assert "cannot be recorded as a name" in app.error[0].value
    app.text_input[0].set_value("  Ada ")
    button(app, "Keep it").click().run()
    assert app.session_state["typed_name"] == "Ada" and not app.exception
