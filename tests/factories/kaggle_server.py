"""A stand-in for Kaggle on this machine, which the real kagglehub talks to.

kagglehub has no setting for a port, but it has one for a plain-HTTP service on `localhost` and it
keeps to `http_proxy`: as that proxy, this server gets every request, and none leaves the machine.
"""

import io
import json
import random
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.data import fetch_job
from core.data import kaggle as kaggle_release

FILES = {
    "C-NMC_Leukemia/training_data/fold_0/all/UID_1_1_1_all.bmp": random.Random(1).randbytes(10**6),
    "C-NMC_Leukemia/training_data/fold_0/hem/UID_H2_1_1_hem.bmp": random.Random(2).randbytes(10**6),
    "C-NMC_Leukemia/training_data/fold_1/all/UID_3_1_1_all.bmp": random.Random(3).randbytes(10**6),
    "C-NMC_Leukemia/training_data/fold_1/all/UID_3_1_2_all.bmp": random.Random(4).randbytes(10**6),
}


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in FILES.items():
            file.writestr(name, content)
    return stream.getvalue()


@dataclass
class Kaggle:
    """What the server hands out, and what it was asked."""

    content: bytes = field(default_factory=archive)
    code: int = 200
    page: bytes | None = None  # what the service answers instead of JSON
    cut_after: int | None = None  # bytes of the archive after which the connection is cut
    hold_after: int | None = None  # bytes of the archive after which nothing comes until `go`
    go: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    ranges: list[str | None] = field(default_factory=list)  # the Range of each archive request


def _handler(kaggle: Kaggle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if kaggle.page is not None:
                self._answer(200, kaggle.page, {"Content-Type": "text/html"})
            elif kaggle.code != 200:
                self._answer(kaggle.code, b"no", {})
            elif self.path.endswith("/GetDataset"):
                facts = json.dumps({"currentVersionNumber": 2}).encode()
                self._answer(200, facts, {"Content-Type": "application/json"})
            else:
                self._answer(302, b"", {"Location": "http://storage.invalid/archive.zip?signed=1"})

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            kaggle.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            total = len(kaggle.content)
            headers = {"Accept-Ranges": "bytes", "Content-Type": "application/zip"}
            if wanted:
                headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
            self._answer(206 if wanted else 200, kaggle.content[start:], headers, start)

        def _answer(self, code: int, body: bytes, headers: dict[str, str], start: int = 0) -> None:
            self.close_connection = True
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            stops = [n for n in (kaggle.cut_after, kaggle.hold_after) if n is not None]
            first = max(0, min(stops) - start) if stops and self.command == "GET" else len(body)
            try:
                self.wfile.write(body[:first])
                if kaggle.hold_after is not None and self.command == "GET":
                    kaggle.go.wait(20)
                if kaggle.cut_after is None or self.command != "GET":
                    self.wfile.write(body[first:])
            except OSError:
                pass  # the other side has had enough

    return Handler


@contextmanager
def serving() -> Iterator[Kaggle]:
    """Runs the stand-in on a free port."""
    kaggle = Kaggle()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(kaggle))
    server.daemon_threads = True
    kaggle.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield kaggle
    finally:
        kaggle.cut_after = 0  # whoever still waits gets no more
        kaggle.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def isolate(monkeypatch: pytest.MonkeyPatch, home: Path, proxy: str) -> None:
    """Lets kagglehub see `proxy` only, no credentials of this machine, and a small data set."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(fetch_job.cache_dir()))
    monkeypatch.setattr(fetch_job, "UNPACKED_BYTES", 10**7)
    monkeypatch.setattr(kaggle_release, "_LOOK_EVERY_SECONDS", 0.05)
