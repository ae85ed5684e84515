"""What stands around every page: the foot of the print, and the list of keys."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import storage
from core.runs import active_model
from core.settings import version
from pages.ui.common.frame.keys import KEYS
from tests.conftest import PROJECT
from tests.factories.app import open_page


@pytest.mark.slow
def test_the_foot_of_a_print_names_version_file_model_and_its_hash(artifacts: Path) -> None:
    for part in ("runs", "examples"):
        shutil.copytree(PROJECT / "artifacts" / part, artifacts / part)
    examples = [file.name for file in storage.examples_dir().glob("*.png")]
    run = active_model.active()
    app = open_page("home")
    foot = next(it.proto.body for it in app.get("html") if 'class="printed"' in it.proto.body)
    assert run.engine_digest is not None
    read = f": {run.run_id} (engine {run.engine_digest[:12]})"
    assert len([name for name in examples if name + read in foot]) == 1
    assert version() in foot and "research use only" in foot


def test_a_name_of_markup_is_no_markup_in_the_foot() -> None:
    def script() -> None:
        from pages.ui.common.frame import printed

        printed.begin()
        printed.shows_engines({"run": "0" * 64}, "<img src=x onerror=alert(1)>.png")
        printed.foot()

    app = AppTest.from_function(script).run(timeout=30)
    (foot,) = [it.proto.body for it in app.get("html")]
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in foot and "<img" not in foot


def test_the_keys_are_listed() -> None:
    def script() -> None:
        from pages.ui.common.frame import keys

        keys.offer()

    app = AppTest.from_function(script).run(timeout=30)
    app.button(key="show_keys").click().run(timeout=30)
    assert not app.exception
    assert app.table[0].value["Key"].tolist() == list(KEYS)
