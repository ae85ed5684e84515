"""Fetching, with the real kagglehub against a stand-in for Kaggle on this machine."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import storage
from core.data import fetch_job
from core.data import kaggle as kaggle_release
from core.data.fetch_job import Fetch
from core.errors import ConfigError, DataError
from core.jobs.job import Status
from core.settings import settings
from tests.factories.kaggle_server import FILES, Kaggle, isolate, serving


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    with serving() as server:
        isolate(monkeypatch, tmp_path, server.address)
        yield server
    for thread in threading.enumerate():
        if thread.name == "kagglehub":
            thread.join(5)


def quiet(_: Status) -> None:
    pass


def partial() -> Path:
    return fetch_job.cache_dir() / "datasets" / fetch_job.DATASET / "2.archive"


def test_the_release_is_fetched_unpacked_and_the_archive_is_gone(kaggle: Kaggle) -> None:
    root = kaggle_release.download(quiet)
    assert root.name == kaggle_release.TOP_FOLDER
    for name, content in FILES.items():
        assert (root.parent / name).read_bytes() == content
    assert not partial().exists()
    assert kaggle_release.download(quiet) == root
    assert kaggle.ranges == [None]


def test_progress_counts_bytes_and_a_second_call_resumes_where_the_first_was_cut(
    kaggle: Kaggle,
) -> None:
    kaggle.cut_after = len(kaggle.content) // 2
    with pytest.raises(DataError, match=r"broke .* goes on from there"):
        kaggle_release.download(quiet)
    had = partial().stat().st_size
    assert 0 < had <= kaggle.cut_after
    kaggle.cut_after, kaggle.hold_after = None, 3 * len(kaggle.content) // 4
    seen: list[Status] = []

    def tell(status: Status) -> None:
        seen.append(status)
        if status.done >= had + 2**20:
            kaggle.go.set()

    root = kaggle_release.download(tell)
    assert kaggle.ranges == [None, None, f"bytes={had}-"]
    assert all((root.parent / name).read_bytes() == content for name, content in FILES.items())
    downloading = [status for status in seen if status.phase == "downloading"]
    assert {status.total for status in downloading} == {len(kaggle.content)}
    assert downloading[0].done >= had


def test_rate_and_time_left_follow_from_the_growing_archive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 0.0, 1.0, 2.0, 3.0])
    times = SimpleNamespace(monotonic=lambda: next(clock), time=time.time)
    monkeypatch.setattr(kaggle_release, "time", times)
    announced = [0, 1000]
    monkeypatch.setattr(kaggle_release, "_announced_length", lambda: announced.pop(0))
    partial().parent.mkdir(parents=True)
    partial().write_bytes(bytes(100))
    watch = kaggle_release._Watch()
    assert watch.look().phase == "connecting" and not watch.arrived
    assert watch.look().rate is None and watch.arrived
    partial().write_bytes(bytes(400))
    seen = watch.look()
    assert (seen.rate, seen.seconds_left, seen.total) == (300.0, 2.0, 1000)
    partial().write_bytes(bytes(900))
    seen = watch.look()  # the bar is gone, the length is remembered
    assert (seen.rate, seen.seconds_left, seen.share_done) == (400.0, 0.25, 0.9)


def test_unpacking_is_counted_file_by_file(kaggle: Kaggle) -> None:
    partial().parent.mkdir(parents=True)
    partial().write_bytes(kaggle.content)
    watch = kaggle_release._Watch()
    folder = partial().parent / "versions" / "2"
    folder.mkdir(parents=True)
    assert watch.look().phase == "unpacking"
    for number, (name, content) in enumerate(FILES.items(), 1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        seen = watch.look()
        assert (seen.done, seen.total) == (number * 10**6, len(FILES) * 10**6)
    partial().unlink()
    seen = watch.look()
    assert (seen.phase, seen.share_done) == ("unpacking", 1.0)


def test_what_was_half_unpacked_is_unpacked_again(kaggle: Kaggle) -> None:
    half = partial().parent / "versions" / "2" / "half"
    half.mkdir(parents=True)
    partial().write_bytes(kaggle.content)
    root = kaggle_release.download(quiet)
    assert root.name == kaggle_release.TOP_FOLDER and not half.exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [(404, "no data set"), (403, "refuses"), (401, "refuses"), (429, "too often"), (503, "fault")],
)
def test_a_refusal_is_a_sentence_with_its_code_and_a_way_out(
    kaggle: Kaggle, code: int, words: str
) -> None:
    kaggle.code = code
    with pytest.raises(DataError, match=rf"{words}.*{code}.*by hand and give its folder"):
        kaggle_release.download(quiet)


def test_a_sign_in_page_in_kaggles_place_is_named(kaggle: Kaggle) -> None:
    kaggle.page = b"<html>Welcome to the hotel</html>"
    with pytest.raises(DataError, match="sign in first"):
        kaggle_release.download(quiet)


def test_a_damaged_archive_is_deleted_so_that_another_try_can_work(kaggle: Kaggle) -> None:
    whole, kaggle.content = kaggle.content, b"no archive" * 1000
    with pytest.raises(DataError, match="damaged and was deleted"):
        kaggle_release.download(quiet)
    assert not partial().exists()
    kaggle.content = whole
    assert kaggle_release.download(quiet).is_dir()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named(kaggle: Kaggle) -> None:
    partial().parent.mkdir(parents=True)
    partial().symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"is full\. Free some space"):
        kaggle_release.download(quiet)


def test_a_full_disk_gives_a_little_back_for_the_report(kaggle: Kaggle) -> None:
    partial().parent.mkdir(parents=True)
    partial().write_bytes(bytes(3 * 2**20))
    kaggle_release.make_room()
    assert partial().stat().st_size == 2 * 2**20


def test_a_dead_connection_is_given_up(kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kaggle_release, "_STALLED_SECONDS", 0.3)
    kaggle.hold_after = 2 * 2**20
    with pytest.raises(DataError, match="broke 2 MB into the archive"):
        kaggle_release.download(quiet)


def test_too_small_a_disk_is_refused_before_and_when_the_length_is_known(
    kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(storage.downloads_dir().anchor)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**6))
    words = r"has 1 MB free; .* needs 20 MB more.*BLASTLENS_ARTIFACTS"
    with pytest.raises(DataError, match=words):
        Fetch().queue()
    assert Fetch().status.state == "none"
    kaggle.hold_after = 2**20
    with pytest.raises(DataError, match=r"needs [678] MB more"):
        kaggle_release.download(quiet)


def test_the_status_is_none_interrupted_or_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Fetch().status.state == "none"
    running = Status(state="running", phase="downloading", done=5, total=10)
    Fetch().write_status(running)
    assert Fetch().status == running and running.share_done == 0.5
    Fetch().write_status(running.replace(heartbeat=running.heartbeat - 100))
    assert Fetch().status.state == "interrupted"
    assert "Try again" in (Fetch().status.error or "")
    (tmp_path / "data").mkdir()
    done = Status(state="succeeded", root=tmp_path / "data")
    Fetch().write_status(done)
    assert Fetch().status == done
    (tmp_path / "data").rmdir()
    assert Fetch().status.state == "none"
    (storage.downloads_dir() / "status.json").write_text("{")
    assert Fetch().status.state == "none"
    assert settings().artifacts in storage.downloads_dir().parents


def test_a_stop_request_is_taken_back_by_the_next_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_job, "UNPACKED_BYTES", 0)
    Fetch().request_stop()
    assert Fetch().stop_requested
    assert Fetch().queue() and Fetch().status.state == "queued"
    assert not Fetch().stop_requested
    assert [file.name for file in storage.downloads_dir().iterdir()] == ["status.json"]


def test_without_kagglehub_the_way_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.extras.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs kagglehub.*pip install 'blastlens\[fetch\]'"):
        Fetch().queue()
    assert Fetch().status.state == "none"
