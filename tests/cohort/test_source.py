"""What is scored: folders, tables and URLs, with subjects; and that it has not changed."""

import shutil
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest

from core.cohort import cohort_store, picture_files
from core.cohort.cohort import Cohort
from core.cohort.plan import Manifest, write_manifest
from core.cohort.scoring import score_chunk
from core.cohort.source import ListedPicture, Source, pictures
from core.data.layouts import Labelling
from core.errors import ConfigError, DataError, RunError
from core.runs.run_store import Run
from tests.factories.cohorts import by_path, finish, plan, score


def listed(place: object, **said: object) -> list[tuple[str, str | None]]:
    source = Source(place=str(place), labelling=Labelling(**said))
    return sorted((one.path, one.subject) for one in pictures(source))


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_folder_gives_its_images_with_subjects(tmp_path: Path) -> None:
    touch(tmp_path, "UID_h7_1_1_hem.bmp", "a/p1/x.png", "a/p1/x.txt", ".hidden/y.png", "a/.z.png")
    assert listed(tmp_path) == [("UID_h7_1_1_hem.bmp", "H7"), ("a/p1/x.png", None)]
    assert listed(tmp_path, subject_folder=2) == [
        ("UID_h7_1_1_hem.bmp", None),
        ("a/p1/x.png", "p1"),
    ]
    assert listed(tmp_path, pattern=r"(?P<subject>p\d+)/")[1] == ("a/p1/x.png", "p1")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "u.csv"])
def test_a_table_gives_paths_and_subjects(tmp_path: Path, name: str) -> None:
    table = pd.DataFrame(
        {"Age": [3, 4, 5], "Photo": ["a.png", "b/c.tif", " d.bmp "], "Patient ID": ["1.0", "x", ""]}
    )
    file = tmp_path / name
    if name.endswith("parquet"):
        table.to_parquet(file)
    elif name == "u.csv":
        table.to_csv(file, sep=";", index=False, encoding="utf-16")
    else:
        table.to_csv(file, sep="\t" if name == "t.tsv" else ",", index=False)
    assert listed(file) == [("a.png", "1"), ("b/c.tif", "x"), ("d.bmp", None)]
    assert listed(file, columns={"file": "Photo", "subject": "Age"})[0] == ("a.png", "3")
    with pytest.raises(DataError, match="has no column 'Name' for file"):
        listed(file, columns={"file": "Name"})


def test_a_table_without_pictures_or_rows_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match="none is recognised as that of the pictures"):
        listed(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("file\n")
    with pytest.raises(DataError, match="holds no row"):
        listed(tmp_path / "b.csv")
    for gone in (tmp_path / "gone", tmp_path / "gone.csv"):
        with pytest.raises(DataError, match="neither a folder nor a table"):
            pictures(Source(place=str(gone)))


def test_the_manifest_is_read_a_chunk_at_a_time(tmp_path: Path) -> None:
    names = [f"{number:04}.png" for number in range(1000)]
    (tmp_path / "t.csv").write_text("\n".join(["file", *names, ""]))
    file = tmp_path / "manifest.parquet"
    write_manifest(file, Source(place=str(tmp_path / "t.csv")), 100, lambda done, total: None)
    manifest = Manifest(file)
    sizes = [manifest.size(chunk) for chunk in range(manifest.chunks)]
    assert sum(sizes) == manifest.pictures == 1000
    assert set(sizes[:32]) == {16} and set(sizes[32:-1]) == {100}
    read = [one for chunk in range(manifest.chunks) for one in manifest.read(chunk)]
    assert read == [(number, ListedPicture(name, None)) for number, name in enumerate(names)]


def test_an_empty_folder_is_no_cohort(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cohort = plan(run, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(DataError, match="holds no picture"):
        finish(cohort)
    assert not cohort.listed


@pytest.mark.parametrize("change", ["new", "gone", "other"])
def test_a_source_that_changed_is_refused_by_name(
    run: Run, drawn: Path, tmp_path: Path, change: str
) -> None:
    cells = tmp_path / "cells"
    cells.mkdir()
    for file in sorted(drawn.iterdir())[:5]:
        shutil.copy(file, cells)
    touched = sorted(cells.iterdir())[2]
    cohort = plan(run, cells, tmp_path / "out")
    cohort.list_pictures(lambda done, total: None)
    if change == "new":
        touched = cells / "new.png"
        shutil.copy(drawn / "UID_1_1_0_all.bmp", touched)
    elif change == "gone":
        touched.unlink()
    else:
        touched.write_bytes(touched.read_bytes() + b"\0")
    with pytest.raises(DataError, match=f"changed since .* and {touched.name} is not as it was"):
        finish(Cohort(cohort.path))


@pytest.mark.slow
def test_a_model_that_changed_is_refused_by_name(run: Run, drawn: Path, tmp_path: Path) -> None:
    cohort = plan(run, drawn, tmp_path / "out")
    calibration = run.calibration
    calibration.replace(threshold=calibration.threshold / 2).write(run.path / "calibration.json")
    with pytest.raises(RunError, match=r"calibration\.json of run .* changed"):
        finish(cohort)
    calibration.write(run.path / "calibration.json")
    assert len(by_path(finish(cohort))) == 60


@pytest.mark.slow
def test_urls_are_read_and_written(run: Run, drawn: Path, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    few = sorted(drawn.iterdir())[:4]
    for file in few:
        memory.pipe(f"/bucket/cells/{file.name}", file.read_bytes())
    remote = score(run, "memory://bucket/cells", "memory://bucket/out")
    assert remote.parts_place == "memory://bucket/out"
    assert [Path(name).suffix for name in memory.ls("/bucket/out", detail=False)] == [".parquet"]
    local = tmp_path / "cells"
    local.mkdir()
    for file in few:
        shutil.copy(file, local)
    for source in (local, local.as_uri()):
        here = by_path(score(run, source, tmp_path / f"out{len(str(source))}"))
        there = by_path(remote)
        assert sorted(here.index) == sorted(there.index)
        assert (here["sha256"] == there["sha256"].reindex(here.index)).all()
        same = there["probability"].reindex(here.index).astype(float)
        assert np.allclose(here["probability"].astype(float), same, equal_nan=True)
    memory.rm("/bucket", recursive=True)


class Failing:
    """A file system whose network fails a number of times."""

    def __init__(self, real: object, times: int) -> None:
        self._real, self.left = real, times

    def open_input_stream(self, path: str) -> object:
        if self.left:
            self.left -= 1
            raise ConnectionError("the network is down")
        return self._real.open_input_stream(path)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@pytest.mark.parametrize("times", [2, 3])
def test_a_network_that_fails_refuses_no_picture(
    run: Run, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    memory = fsspec.filesystem("memory")
    cell = sorted(drawn.iterdir())[0]
    memory.pipe(f"/bucket/{cell.name}", cell.read_bytes())
    cohort = plan(run, "memory://bucket", tmp_path / "out")
    system, _ = picture_files.file_system("memory://bucket/x")
    failing = Failing(system, times)
    monkeypatch.setattr(
        picture_files, "file_system", lambda place: (failing, f"/bucket/{cell.name}")
    )
    monkeypatch.setattr(picture_files, "RETRY_SECONDS", (0, 0))
    if times == 3:
        with pytest.raises(DataError, match=r"the network is down.* then resume"):
            finish(cohort)
    assert by_path(finish(cohort))["kind"].to_list() == ["cell"]
    memory.rm("/bucket", recursive=True)


def test_a_folder_that_is_unmounted_refuses_no_picture(
    run: Run, drawn: Path, tmp_path: Path
) -> None:
    cells = tmp_path / "cells"
    shutil.copytree(drawn, cells)
    cohort = plan(run, cells, tmp_path / "out")
    cohort.list_pictures(lambda done, total: None)
    cells.rename(tmp_path / "away")
    with pytest.raises(DataError, match="is not there any more"):
        score_chunk(str(cohort.path), 0)
    (tmp_path / "away").rename(cells)
    assert score_chunk(str(cohort.path), 0).pictures == 16


def test_a_url_that_cannot_be_opened_says_what_to_install(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="s3fs"):
        cohort_store.planned(run, "s3://bucket/cells")
    with pytest.raises(ConfigError, match="Protocol not known"):
        cohort_store.planned(run, str(tmp_path), "nowhere://bucket/out")


def test_cohorts_are_found_by_folder_and_name(run: Run, drawn: Path, tmp_path: Path) -> None:
    named = cohort_store.planned(run, str(drawn))
    inside = cohort_store.create(named)
    assert inside.name.startswith(f"{drawn.name}-20")  # what is scored, and when
    elsewhere = cohort_store.create(named, str(tmp_path / "elsewhere"))
    assert {one.path for one in cohort_store.cohorts()} == {inside.path, elsewhere.path}
    assert cohort_store.get(inside.name) == inside
    assert cohort_store.get(str(elsewhere.path)) == elsewhere
    assert cohort_store.find(named, str(elsewhere.path)) == elsewhere
    fewer = cohort_store.with_workers(elsewhere, 3)
    assert fewer.plan.workers == 3 and cohort_store.find(named, str(elsewhere.path)) == elsewhere
    with pytest.raises(RunError, match="workers is 0"):
        cohort_store.with_workers(elsewhere, 0)
    other = named.replace(adapt_stain=True)
    with pytest.raises(ConfigError, match="whose adapt_stain is False, not True"):
        cohort_store.find(other, str(elsewhere.path))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(ConfigError, match="holds other files"):
        cohort_store.create(named, str(tmp_path / "full"))
    with pytest.raises(RunError, match="There is no cohort 'nothing'"):
        cohort_store.get("nothing")
