"""What the server itself answers: whom it serves pictures and uploads, and on a broken disk."""

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from benchmarks.visit import Visitor
from tests.conftest import PROJECT
from tests.factories.served import free_port, serve

pytestmark = pytest.mark.process
BASE = "/lab"  # as behind a proxy that serves other apps too
RUN = "demo-colour-bands"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "artifacts"
    shutil.copytree(PROJECT / "artifacts" / "runs" / RUN, folder / "runs" / RUN)
    shutil.copytree(PROJECT / "artifacts" / "examples", folder / "examples")
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    port = free_port()
    environment = {
        "BLASTLENS_ARTIFACTS": str(folder),
        "STREAMLIT_SERVER_BASE_URL_PATH": BASE,
        "STREAMLIT_BROWSER_SERVER_ADDRESS": "lab.example",
    }
    with serve(folder.parent / "log", port, environment):
        yield port


def status(port: int, path: str, method: str = "GET", **headers: str) -> int:
    data = b"picture" if method == "PUT" else None
    address = f"http://localhost:{port}{path}"
    request = urllib.request.Request(address, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_metrics_are_hidden_with_and_without_a_base_path(port: int) -> None:
    assert status(port, f"{BASE}/_stcore/health") == 200
    for path in ("/_stcore/metrics", "/_stcore/metrics/", "/_stcore/metrics?families=x"):
        assert {status(port, path), status(port, BASE + path)} == {404}, path


def test_a_picture_is_served_by_an_address_that_only_who_has_it_knows(port: int) -> None:
    """It is named by the hash of its content, and other sessions are not told."""
    first, second = Visitor(port, BASE), Visitor(port, BASE)
    first.open("")
    assert first.addresses
    for address in first.addresses:
        assert re.fullmatch(r"/media/[0-9a-f]{32,}\.\w+", address), address
        name = address.rpartition("/")[2]
        assert status(port, f"{BASE}{address}") == 200
        other = name.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
        assert status(port, f"{BASE}/media/{other}") == 404
    second.open("cases")
    assert not first.addresses & second.addresses
    for folder in ("/media/", "/media/../app.py", "/media/..%2f..%2fapp.py"):
        assert status(port, BASE + folder) in (400, 404), folder
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        ("https://lab.example", True),
        ("https://elsewhere.example", False),
        ("https://lab.example.elsewhere.example", False),
        ("null", False),
    ],
)
def test_a_page_elsewhere_cannot_speak_to_the_app(port: int, origin: str, let_in: bool) -> None:
    """Whatever a proxy, or who poses as one, says in other headers."""
    forged = {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-For": "127.0.0.1"}
    for headers in ({}, forged):
        with nullcontext() if let_in else pytest.raises(InvalidStatus, match="403"):
            connect(
                f"ws://localhost:{port}{BASE}/_stcore/stream",
                subprotocols=["streamlit"],
                origin=origin,
                additional_headers=headers,
                legacy=True,
            ).close()


def test_an_upload_is_taken_from_its_session_alone_and_given_to_nobody(port: int) -> None:
    path = f"{BASE}/_stcore/upload_file/some-session/some-file"
    with urllib.request.urlopen(f"http://localhost:{port}{path}") as answer:
        assert b"<html" in answer.read()  # the app itself, as for any address
    assert status(port, path, "PUT") == 403  # a page elsewhere has no token of this browser
    assert status(port, path, "DELETE") == 403


def test_a_refusing_disk_is_a_sentence_on_the_page(folder: Path, port: int) -> None:
    (folder / "sources.json").mkdir()
    visitor = Visitor(port, BASE)
    for page in ("dataset", ""):
        visitor.open(page)
        shown = visitor.alerts[-1].replace("\\", "")
        words = f"A folder stands where a file is needed ({folder / 'sources.json'})."
        assert shown.startswith(words), (page, shown)
    visitor.close()
