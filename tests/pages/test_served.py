"""What the server itself answers: to a disk that refuses, and to those who ask for its metrics."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks.visit import Visitor
from core import storage
from tests.factories.served import free_port, serve

pytestmark = pytest.mark.process


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_a_refusing_disk_is_a_sentence_on_the_page_and_metrics_are_hidden(
    artifacts: Path, demo_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(demo_root, storage.demo_dir())
    (artifacts / "cache").touch()  # where the folder of the caches is to be
    storage.active_file().mkdir()  # and the file of the active model
    port = free_port()
    base = {"STREAMLIT_SERVER_BASE_URL_PATH": "/lab"}
    with serve(tmp_path / "log", port, base) as url:
        assert status(f"{url}/lab/_stcore/health") == 200
        for path in ("/lab/_stcore/metrics", "/lab/_stcore/metrics/", "/_stcore/metrics"):
            assert status(url + path) == 404, path
        visitor = Visitor(port, "/lab")
        for page, words, place in (
            ("dataset", "A file stands where a folder is needed", artifacts / "cache"),
            ("", "A folder stands where a file is needed", storage.active_file()),
        ):
            visitor.open(page)
            (shown,) = visitor.alerts
            assert shown.startswith(words) and str(place) in shown.replace("\\", ""), shown
        visitor.close()
