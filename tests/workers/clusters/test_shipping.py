"""Runs that are sent to a node and back, through queues of two threads."""

import queue
import threading
import time
from pathlib import Path

import pytest

from core.jobs.job import Status
from core.runs import config, run_store
from core.runs.run_store import Run
from core.settings import settings
from core.workers.clusters import shipping
from core.workers.clusters.shipping import Relay


class Counting(queue.Queue):
    """Notes the largest piece and the most items that it held."""

    largest = most = 0

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        self.largest = max(self.largest, len(getattr(item, "content", b"")))
        super().put(item, block, timeout)
        self.most = max(self.most, self.qsize())


@pytest.fixture
def relay() -> Relay:
    return Relay(Counting(2), Counting(2))


def files(folder: Path) -> dict[str, bytes]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def test_a_file_of_any_size_arrives_whole_and_only_when_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PIECE_BYTES", 4)
    for content in (b"", b"abc", b"abcd", b"abcdefghi"):
        (tmp_path / "here").write_bytes(content)
        sent = list(shipping.pieces(tmp_path, "here"))
        assert b"".join(piece.content for piece in sent) == content
        assert all(len(piece.content) <= 4 for piece in sent)
        there = tmp_path / "there" / "here"
        there.unlink(missing_ok=True)
        for piece in sent[:-1]:
            shipping.receive(tmp_path / "there", piece)
            assert not there.exists()
        shipping.receive(tmp_path / "there", sent[-1])
        assert there.read_bytes() == content
        assert list(there.parent.iterdir()) == [there]


def test_a_run_works_elsewhere_and_its_files_come_back(
    tmp_path: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PIECE_BYTES", 1000)
    data = tmp_path / "data"
    (data / "fold").mkdir(parents=True)
    (data / "fold" / "cell.bmp").write_bytes(bytes(range(256)) * 20)
    alike = ("stop", "stopped.bmp", "agent-1.bmp", "config.json", "worker.log", "a.lock")
    for name in (*alike, "dataset.json"):  # of which a run has its own, and a description
        (data / name).write_bytes(name.encode())
    run = run_store.create(config.create("cnn-16", data, "recommended"), "first")
    asked = run.config
    (run.path / "checkpoint.npz").write_bytes(b"of an earlier node")
    home = settings().artifacts
    ended = threading.Event()
    serving = threading.Thread(target=shipping.serve, args=(run, relay, ended.is_set))
    serving.start()
    with shipping.fetched(relay) as away:
        elsewhere = away.path
        assert run.path not in (elsewhere, *elsewhere.parents) and away.run_id == "first"
        assert files(Path(away.config.dataset)) == files(data)
        assert away.config.replace(dataset=asked.dataset) == asked
        assert (away.path / "checkpoint.npz").read_bytes() == b"of an earlier node"
        away.write_status(Status(state="running", phase="training"))
        away.log_file.write_text("epoch 1\n")
        wait_for(lambda: Run(run.path).status.phase == "training")
        run.request_stop()
        wait_for(lambda: away.stop_requested)
        (away.path / "model.keras").write_bytes(b"m" * 2500)
        (away.path / "checkpoint.npz").unlink()
        away.finish("cancelled")
    ended.set()
    serving.join(10)
    assert not serving.is_alive() and not elsewhere.exists()
    assert settings().artifacts == home
    assert run.status.state == "cancelled" and run_store.get("first").config == asked
    there = files(run.path)
    assert there["model.keras"] == b"m" * 2500 and there["worker.log"] == b"epoch 1\n"
    assert "checkpoint.npz" not in there
    for mailbox in (relay.down, relay.up):
        assert mailbox.largest <= 1000 and mailbox.most <= 2


def wait_for(true: object) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
