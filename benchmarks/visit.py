"""A Streamlit server in a process of its own, and a visitor who speaks to it as a browser does."""

import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

from benchmarks.workbench import repeatedly
from core.errors import RunError

SECONDS_TO_START = 60
SECONDS_TO_RUN = 120


@dataclass
class Server:
    """A running server: its port, and the most memory it was seen to hold so far."""

    port: int
    peak_bytes: int = 0


@contextmanager
def serve(script: Path) -> Iterator[Server]:
    """Runs `streamlit run script` on a free port, in the script's folder, watching its memory.

    Raises `RunError` if it does not start.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script.name]
    command += ["--server.headless=true", f"--server.port={port}", "--server.fileWatcherType=none"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=script.parent, stdout=log, stderr=subprocess.STDOUT)
        server = Server(port)

        def watch() -> None:
            first = psutil.Process(process.pid)
            family = [first, *first.children(recursive=True)]
            resident = sum(member.memory_info().rss for member in family)
            server.peak_bytes = max(server.peak_bytes, resident)

        try:
            with repeatedly(watch, 0.05):
                _await(process, port)
                yield server
        finally:
            process.terminate()
            process.wait(20)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RunError(f"The app did not start on port {port}.") from None
            time.sleep(0.2)


@dataclass(frozen=True)
class Widget:
    """A widget that can be set, as it came: its kind, its message and the fragment it stands in."""

    kind: str
    message: Any
    fragment: str

    @property
    def label(self) -> str:
        """What it is called; a pagination has no label, so its kind."""
        return str(getattr(self.message, "label", "")) or self.kind

    @property
    def options(self) -> list[str]:
        """What can be chosen, as it is shown."""
        if self.kind == "pagination":
            return [str(page + 1) for page in range(self.message.num_pages)]
        offered = getattr(self.message, "options", ())
        return [getattr(option, "content", option) for option in offered]


class Visitor:
    """One session. Each call runs the script once and returns the seconds until it had finished.

    Raises `RunError` when the script raises or does not finish.
    """

    def __init__(self, port: int, base: str = ""):
        """Connects to the server on `port`, below the path `base`; nothing is run yet."""
        self.widgets: dict[str, Widget] = {}
        self.pictures = 0
        self.addresses: set[str] = set()  # of pictures, of the last run
        self.alerts: list[str] = []  # of the last run
        self._url = f"http://localhost:{port}{base}"
        self._page = ""
        self._states: dict[str, WidgetState] = {}
        self._socket = connect(
            f"ws://localhost:{port}{base}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            compression=None,
            max_size=None,
        )

    def close(self) -> None:
        """Ends the session."""
        self._socket.close()

    def open(self, page: str) -> float:
        """Goes to a page by its name in the address; "" is the first one."""
        self._page, self._states = "", {}
        return self._run(page=page)

    def find(self, label: str) -> Widget | None:
        """The widget of that label, as the page drew it last."""
        return next((it for it in self.widgets.values() if it.label == label), None)

    def look(self) -> float:
        """Runs the page again as it stands."""
        return self._run()

    def choose(self, widget: Widget, option: str | list[str] | None) -> float:
        """Sets a widget to one of its options, or several, or back to how it came with None."""
        identity = widget.message.id
        state = WidgetState(id=identity)
        single = option[0] if isinstance(option, list) else option
        if widget.kind == "pagination":
            state.int_value = int(single or 1)
        elif widget.kind == "selectbox":
            if single is None and widget.message.HasField("default"):
                single = widget.options[widget.message.default]
            if single is not None:
                state.string_value = single
        else:
            first = [widget.options[place] for place in widget.message.default]
            several = [option] if isinstance(option, str) else option
            state.string_array_value.data.extend(first if several is None else several)
        self._states[identity] = state
        return self._run(fragment=widget.fragment)

    def press(self, button: Widget) -> float:
        """Presses a button once."""
        identity = button.message.id
        self._states[identity] = WidgetState(id=identity, trigger_value=True)
        try:
            return self._run(fragment=button.fragment)
        finally:
            self._states.pop(identity, None)

    def _run(self, page: str = "", fragment: str = "") -> float:
        message = BackMsg()
        request = message.rerun_script
        request.page_name, request.page_script_hash = page, self._page
        request.fragment_id = fragment
        request.widget_states.widgets.extend(self._states.values())
        pictures: set[str] = set()
        started = time.perf_counter()
        self._socket.send(message.SerializeToString())
        while not self._take(pictures):
            pass
        seconds = time.perf_counter() - started
        self.addresses = pictures
        self._states = {name: s for name, s in self._states.items() if name in self.widgets}
        for address in pictures:  # a browser asks for them, so they are served, but not timed
            with urllib.request.urlopen(f"{self._url}{address}") as picture:
                self.pictures += bool(picture.read())
        return seconds

    def _take(self, pictures: set[str]) -> bool:
        """Takes one message of the server's; True if the script has finished with it."""
        try:
            received = self._socket.recv(SECONDS_TO_RUN)
        except TimeoutError:
            raise RunError(f"The page did not finish in {SECONDS_TO_RUN} s.") from None
        message = ForwardMsg.FromString(received)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            renewed = set(message.metadata.run.fragment_ids)
            self.alerts = []
            self.widgets = {
                name: widget
                for name, widget in self.widgets.items()
                if renewed and widget.fragment not in renewed
            }
        elif kind == "navigation":
            self._page = message.navigation.page_script_hash
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            name = element.WhichOneof("type") or ""
            body = getattr(element, name, None)
            if name == "exception":
                raise RunError(
                    f"The page raised {element.exception.type}: {element.exception.message}"
                )
            if name in ("button", "button_group", "selectbox", "multiselect", "pagination"):
                widget = Widget(name, body, message.delta.fragment_id)
                self.widgets[widget.message.id] = widget
            elif name == "alert":
                self.alerts.append(element.alert.body)
            elif name == "imgs":
                pictures |= {i.url for i in element.imgs.imgs if i.url.startswith("/media/")}
        return kind == "script_finished" and message.script_finished in (
            ForwardMsg.FINISHED_SUCCESSFULLY,
            ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
        )
