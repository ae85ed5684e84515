"""A run travels whole; an archive that was changed, or holds what could run, never gets in."""

import io
import shutil
import stat
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import storage
from core.archive import archive, checks
from core.data.geometry import Geometry
from core.errors import BlastLensError, RunError
from core.jobs.job import Status
from core.models import catalog
from core.runs import run_store
from core.runs.run_store import Run
from core.settings import settings
from tests.factories.archives import entry, files_of, nothing_left, pack, refused


def test_a_run_comes_back_byte_for_byte(run: Run, tmp_path: Path) -> None:
    (run.path / "worker.log").write_text("of this machine")
    cells = run.metrics.parts["train"].images
    np.savez(run.path / "reference.npz", features=np.zeros((cells, 3), np.float32), ids=["a", "b"])
    storage.write_json(run.path / "card.json", {"contact": "the laboratory"})
    listed = archive.export(run, tmp_path / "run.zip")
    before = files_of(run)
    assert set(listed) == set(before) and "worker.log" not in listed
    back = archive.import_run(tmp_path / "run.zip", "back")
    assert files_of(back) == before
    assert {path.name for path in back.path.iterdir()} == {*before, "import.json"}
    assert run_store.get("back").status.state == "succeeded" and back.imported is not None
    assert back.imported.run == "demo-cnn-16"
    assert nothing_left("demo-cnn-16", "back")


def test_a_run_fed_otherwise_than_its_network_is_by_now_comes_back(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(catalog.ARCHITECTURES["cnn-16"], geometry=Geometry(window=300, size=112))
    monkeypatch.setitem(catalog.ARCHITECTURES, "cnn-16", changed)
    archive.export(run, tmp_path / "run.zip")
    assert archive.import_run(tmp_path / "run.zip", "back").geometry == run.geometry


def test_one_run_gives_one_archive(run: Run, tmp_path: Path) -> None:
    archive.export(run, tmp_path / "a.zip")
    for file in run.path.iterdir():
        file.touch()
    archive.export(run, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert archive.packed(run) == (tmp_path / "a.zip").read_bytes()
    shutil.rmtree(run.path)
    again = archive.import_run(tmp_path / "a.zip")
    assert again.run_id == "demo-cnn-16"
    assert archive.packed(again) == (tmp_path / "a.zip").read_bytes()


def test_a_run_that_is_not_whole_is_not_exported(run: Run, tmp_path: Path) -> None:
    (run.path / "engine.bin").unlink()
    with pytest.raises(RunError, match=r"has lost engine\.bin"):
        archive.export(run, tmp_path / "run.zip")
    run.write_status(Status(state="failed"))
    with pytest.raises(RunError, match="is failed"):
        archive.export(run, tmp_path / "run.zip")
    assert not list(tmp_path.glob("*.zip"))


def test_a_taken_name_leaves_both_runs_alone(run: Run, tmp_path: Path) -> None:
    archive.export(run, tmp_path / "run.zip")
    refused(tmp_path / "run.zip", "a run demo-cnn-16 already.*--as NAME")
    with pytest.raises(RunError, match="is not a run name"):
        archive.import_run(tmp_path / "run.zip", "../elsewhere")
    pack(tmp_path / "odd.zip", files_of(run), manifest={"run": "../../odd"})
    refused(tmp_path / "odd.zip", "is not a run name")


def test_a_file_changed_after_the_export_is_named(run: Run, tmp_path: Path) -> None:
    files = files_of(run)
    said = {name: entry(data) for name, data in files.items()}
    weights = bytearray(files["engine.bin"])
    weights[1000] ^= 1
    files["engine.bin"] = bytes(weights)
    pack(tmp_path / "run.zip", files, manifest={"files": said})
    refused(tmp_path / "run.zip", r"engine\.bin is not what was exported")
    files["engine.bin"] = bytes(weights) + b"more"
    pack(tmp_path / "run.zip", files, manifest={"files": said})
    refused(tmp_path / "run.zip", r"engine\.bin has 1,398,840 bytes.*says 1,398,836")


@pytest.mark.parametrize(
    "name",
    ["setup.py", "../outside.json", "/etc/passwd", "sub/config.json", "C:\\x.json", "import.json"],
)
def test_what_is_no_file_of_a_run_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    pack(tmp_path / "run.zip", files_of(run) | {name: b"{}"})
    refused(tmp_path / "run.zip", "is no file of a run")
    assert not (tmp_path / "outside.json").exists()


def test_an_unlisted_a_missing_and_a_double_file_are_refused(run: Run, tmp_path: Path) -> None:
    files = files_of(run)
    listed = {name: entry(data) for name, data in files.items() if name != "card.json"}
    pack(tmp_path / "run.zip", files | {"card.json": b"{}"}, manifest={"files": listed})
    refused(tmp_path / "run.zip", r"disagree on card\.json")
    pack(tmp_path / "run.zip", {n: data for n, data in files.items() if n != "engine.xml"})
    refused(tmp_path / "run.zip", r"lacks engine\.xml")
    pack(tmp_path / "run.zip", files)
    with (
        zipfile.ZipFile(tmp_path / "run.zip", "a") as more,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        more.writestr("config.json", b"{}")
    refused(tmp_path / "run.zip", r"config\.json twice")


def test_a_link_is_refused(run: Run, tmp_path: Path) -> None:
    pack(tmp_path / "run.zip", files_of(run))
    with zipfile.ZipFile(tmp_path / "run.zip", "a") as more:
        link = zipfile.ZipInfo("card.json")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        more.writestr(link, "/etc/passwd")
    refused(tmp_path / "run.zip", r"card\.json is a link")


def test_a_zip_bomb_is_stopped_before_it_unpacks(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = bytes(64 * 2**20)
    pack(tmp_path / "run.zip", files_of(run) | {"engine.bin": zeros}, method=zipfile.ZIP_DEFLATED)
    assert (tmp_path / "run.zip").stat().st_size < len(zeros) // 10
    limited = settings().__class__(
        artifacts=settings().artifacts,
        weights=settings().weights,
        max_archive_bytes=32 * 2**20,
    )
    monkeypatch.setattr("core.archive.archive.settings", lambda: limited)
    refused(tmp_path / "run.zip", "unpack to 68,.* bytes; the limit is 33,554,432")


def test_a_file_that_unpacks_to_more_than_it_says_is_stopped(run: Run, tmp_path: Path) -> None:
    files = files_of(run)
    full, short = files["history.csv"] * 1000, files["history.csv"][:100]
    said = {name: entry(data) for name, data in files.items()} | {"history.csv": entry(short)}
    file = pack(
        tmp_path / "run.zip",
        files | {"history.csv": full},
        manifest={"files": said},
        method=zipfile.ZIP_DEFLATED,
    )
    size, data = struct.pack("<I", len(full)), file.read_bytes()
    assert data.count(size) == 2  # beside the file, and in the directory
    file.write_bytes(data.replace(size, struct.pack("<I", len(short))))
    refused(file, "is damaged")


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_archive_is_damaged(run: Run, tmp_path: Path, kept: float) -> None:
    whole = archive.packed(run)
    (tmp_path / "run.zip").write_bytes(whole[: int(len(whole) * kept)])
    refused(tmp_path / "run.zip", "is damaged")


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"format": "other"}, "of the format 'other'"),
        ({"version": 99}, "version '99'"),
        ({"files": []}, "is damaged"),
        ({"files": {"config.json": {}}}, "is damaged"),
    ],
)
def test_a_manifest_of_another_kind_is_told(
    run: Run, tmp_path: Path, manifest: dict[str, object], words: str
) -> None:
    pack(tmp_path / "run.zip", files_of(run), manifest=manifest)
    refused(tmp_path / "run.zip", words)


def test_an_import_that_is_interrupted_leaves_nothing(run: Run, tmp_path: Path) -> None:
    archive.export(run, tmp_path / "run.zip")
    left = storage.imports_dir() / ".scratch-of-a-killed-import" / "demo"
    left.mkdir(parents=True)

    def interrupted(unpacked: Run) -> None:
        assert unpacked.path.is_dir() and run_store.runs() == [run]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.import_run(tmp_path / "run.zip", "again", check=interrupted)
    assert nothing_left("demo-cnn-16")
    with pytest.raises(RunError, match="not this one"):
        archive.import_run(tmp_path / "run.zip", "again", check=_refuse)
    assert nothing_left("demo-cnn-16")


def _refuse(_: Run) -> None:
    raise RunError("not this one")


def test_what_was_packed_by_another_tool_is_taken_too(run: Run, tmp_path: Path) -> None:
    pack(tmp_path / "run.zip", files_of(run), method=zipfile.ZIP_DEFLATED)
    back = archive.import_run(io.BytesIO((tmp_path / "run.zip").read_bytes()))
    assert back.run_id == "stranger" and files_of(back) == files_of(run)


def test_all_that_a_reading_needs_is_required() -> None:
    assert set(checks.REQUIRED) < set(checks.FILES)
    assert issubclass(archive.ArchiveError, BlastLensError)
