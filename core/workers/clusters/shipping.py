"""Takes a run to a node that shares no disk, and brings back what its worker writes.

Two bounded queues of the cluster join the node to the agent: `down` to the node, `up` from it.
Files go in pieces of `PIECE_BYTES`, a few at a time, so that neither side nor the cluster ever
holds more. A file takes its place on the other side when its last piece has come.
"""

import os
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core import storage
from core.data import datasets
from core.data.layouts import Labelling
from core.data.walk import DESCRIPTION
from core.runs.config import RunConfig
from core.runs.run_store import Run

PIECE_BYTES = 8 * 2**20
PIECES_ON_THE_WAY = 4
SEND, SENT, STOP = "send", "sent", "stop"  # messages beside pieces
_LOOK_EVERY_SECONDS = 0.25
_LOG, _CONFIG, _STATUS = "worker.log", "config.json", "status.json"
# What each side has for itself.
_OWN = {_CONFIG, _LOG, "stop"}


class Mailbox(Protocol):
    """A bounded queue that processes of a cluster share, such as `ray.util.queue.Queue`."""

    def put(self, item: object) -> None:
        """Adds an item; waits while the queue is full."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Takes the next item; raises `queue.Empty` if there is none."""


@dataclass(frozen=True)
class Relay:
    """The queues between an agent and a node."""

    down: Mailbox
    up: Mailbox


@dataclass(frozen=True)
class Piece:
    """Bytes of a file, named relative to its folder. `append`: they follow what is there."""

    name: str
    content: bytes
    last: bool = True
    append: bool = False


@dataclass(frozen=True)
class Gone:
    """A file that was removed."""

    name: str


@dataclass(frozen=True)
class Parcel:
    """What a node must know before files come: the run, its configuration, its data's labelling."""

    run_id: str
    config: RunConfig
    labelling: Labelling | None


def pieces(folder: Path, name: str) -> Iterator[Piece]:
    """The pieces of a file, at least one."""
    with (folder / name).open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        while True:
            content = file.read(min(PIECE_BYTES, left))
            left -= len(content)
            last = not left or not content
            yield Piece(name, content, last)
            if last:
                return


def receive(folder: Path, piece: Piece) -> None:
    """Adds a piece to its file; the file takes its place with the last one."""
    target = folder / piece.name
    target.parent.mkdir(parents=True, exist_ok=True)
    growing = target if piece.append else target.with_name(f".{target.name}.coming")
    with growing.open("ab") as file:
        file.write(piece.content)
    if piece.last and not piece.append:
        growing.replace(target)


def serve(run: Run, relay: Relay, ended: Callable[[], bool]) -> None:
    """The agent's side: sends the run to a node that asks, takes what comes, passes a stop on.

    Returns when the node's task has ended and all that it sent has come.
    """
    sent = stopped = False
    while True:
        over = ended()  # asked first, or what comes in between would be lost
        try:
            message = relay.up.get(timeout=_LOOK_EVERY_SECONDS)
        except queue.Empty:
            if over:
                return
            message = None
        if message == SEND:
            _send(run, relay.down)
            sent = True
        elif isinstance(message, Piece) and not run.deleted:
            receive(run.path, message)
        elif isinstance(message, Gone):
            (run.path / message.name).unlink(missing_ok=True)
        if sent and run.stop_requested and not stopped:
            stopped = True
            relay.down.put(STOP)


def _send(run: Run, down: Mailbox) -> None:
    root = datasets.resolve(run.config.dataset)
    down.put(Parcel(run.run_id, run.config, datasets.labelling(root)))
    for folder, names in ((run.path, _names(run)), (root, _data_names(root))):
        for name in names:
            for piece in pieces(folder, name):
                down.put(piece)
        down.put(SENT)


def _names(run: Run) -> list[str]:
    """The files of a run but for hidden ones, locks, and what each side has for itself."""
    names = sorted(file.name for file in run.path.iterdir() if file.is_file())
    kept = (name for name in names if not name.startswith((".", "agent-")))
    return [name for name in kept if not name.endswith(".lock") and name not in _OWN]


def _data_names(root: Path) -> list[str]:
    """The files of a data set, its description among them."""
    description = [DESCRIPTION] if (root / DESCRIPTION).is_file() else []
    return description + datasets.names(str(root))


@contextmanager
def fetched(relay: Relay) -> Iterator[Run]:
    """The node's side: the run in a folder of this node, which the block may have worked on.

    What the worker writes is sent back while the block runs and after it; the folder is removed.
    """
    relay.up.put(SEND)
    with storage.scratch(Path(tempfile.gettempdir())) as folder:
        before = os.environ.get("BLASTLENS_ARTIFACTS")
        os.environ["BLASTLENS_ARTIFACTS"] = str(folder)
        try:
            run = _unpack(relay.down)
            returning = _Returning(run, relay)
            returning.start()
            yield run
            returning.finish()
        finally:
            os.environ.pop("BLASTLENS_ARTIFACTS")
            if before is not None:
                os.environ["BLASTLENS_ARTIFACTS"] = before


def _unpack(down: Mailbox) -> Run:
    parcel: Parcel = down.get()
    run = Run(storage.runs_dir() / parcel.run_id)
    demo = parcel.config.dataset == datasets.DEMO
    root = storage.demo_dir() if demo else storage.datasets_dir() / "sent"
    for folder in (run.path, root):
        folder.mkdir(parents=True)
        while (piece := down.get()) != SENT:
            receive(folder, piece)
    config = parcel.config if demo else parcel.config.replace(dataset=str(root))
    config.write(run.path / _CONFIG)
    if parcel.labelling is not None:
        datasets.add(str(root), labelling=parcel.labelling)
    return run


@dataclass
class _Returning:
    """Sends what the worker writes, as long as it works; its status comes last."""

    run: Run
    relay: Relay
    sent: dict[str, tuple[int, int]] = field(default_factory=dict)
    logged: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self.sent = {name: self._state(name) for name in _names(self.run)}
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def finish(self) -> None:
        self.over.set()
        self.thread.join()
        self._send_changes()

    def _work(self) -> None:
        while not self.over.wait(_LOOK_EVERY_SECONDS):
            try:
                if self.relay.down.get(block=False) == STOP:
                    self.run.request_stop()
            except queue.Empty:
                pass
            self._send_changes()

    def _send_changes(self) -> None:
        self._send_log()
        names = sorted(_names(self.run), key=lambda name: name == _STATUS)
        for name in self.sent.keys() - set(names):
            del self.sent[name]
            self.relay.up.put(Gone(name))
        for name in names:
            with suppress(FileNotFoundError):  # removed since
                state = self._state(name)
                if state != self.sent.get(name):
                    for piece in pieces(self.run.path, name):
                        self.relay.up.put(piece)
                    self.sent[name] = state

    def _send_log(self) -> None:
        if self.run.log_file.exists():
            with self.run.log_file.open("rb") as log:
                log.seek(self.logged)
                content = log.read(PIECE_BYTES)
            if content:
                self.logged += len(content)
                self.relay.up.put(Piece(_LOG, content, append=True))

    def _state(self, name: str) -> tuple[int, int]:
        facts = (self.run.path / name).stat()
        return facts.st_size, facts.st_mtime_ns
