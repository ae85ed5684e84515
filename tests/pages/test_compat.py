"""Each trick on Streamlit's insides works, and the pinned Streamlit still needs it."""

import copy
import copyreg
import re
from pathlib import Path

import pytest
import streamlit
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.testing.v1 import AppTest
from streamlit.typing import UploadedFile

from pages.ui.common import cache, compat
from tests.conftest import PROJECT

DATA = bytes(range(256)) * 4000


def _file() -> UploadedFile:
    return UploadedFile(UploadedFileRec("one", "scan.tif", "image/tiff", DATA), FileURLs())


def test_a_copy_of_an_upload_shares_its_bytes() -> None:
    compat.share_upload_bytes()
    file = _file()
    file.seek(3)
    (twin,) = copy.deepcopy([file])
    assert twin is not file and twin.getvalue() is DATA and file.getvalue() is DATA
    assert vars(twin) == vars(file)
    assert (twin.file_id, twin.name, twin.type, twin.size) == (
        "one",
        "scan.tif",
        "image/tiff",
        len(DATA),
    )
    assert twin.read(2) == b"\x03\x04" and file.tell() == 3


def test_streamlit_copies_an_upload_at_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []
    monkeypatch.setitem(
        copyreg.dispatch_table,
        UploadedFile,
        lambda file: copied.append(file) or file.__reduce_ex__(4),
    )
    app = AppTest.from_string("import streamlit as st; st.file_uploader('Scan', key='scan')").run()
    app.file_uploader[0].upload("scan.tif", DATA)
    app.run()
    assert copied and app.session_state["scan"].getvalue() == DATA


def test_the_digest_of_an_upload_leaves_its_bytes_shared() -> None:
    file = _file()
    assert len(cache.digest("test_compat", file)) == 64
    assert file.getvalue() is DATA


def test_streamlit_has_the_names_that_the_style_selects() -> None:
    style = Path(compat.__file__).with_name("streamlit.css").read_text(encoding="utf-8")
    scripts = (Path(streamlit.__file__).parent / "static/static/js").glob("*.js")
    code = "".join(file.read_text(encoding="utf-8") for file in scripts)
    names = set(re.findall(r'data-testid\^?="(\w+)', style))
    assert names and [name for name in names if name not in code] == []


@pytest.mark.parametrize("required", [True, False])
def test_the_first_address_runs_alone_unless_the_page_requires_the_app(
    required: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not required:
        monkeypatch.setattr(compat, "require_app", lambda: None)
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.switch_page("pages/train.py").run()
    assert [title.value for title in app.title] == ["Train"] and not app.exception
    assert (compat.ENTERED in app.session_state) == required


def test_streamlit_calls_its_folded_navigation_otherwise() -> None:
    """`compat.name_menu` finds the button by its test id; without the name it would be no need."""
    static = Path(streamlit.__file__).parent / "static" / "static" / "js"
    scripts = [file.read_text(encoding="utf-8") for file in static.glob("*.js")]
    named = [script for script in scripts if "stExpandSidebarButton" in script]
    assert named and any("Expand sidebar" in script for script in named)
