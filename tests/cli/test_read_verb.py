"""The verb that reads cells: one entry a picture, what is told of it, overlays."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.data.images import decode, encode
from core.evaluation.staining import recolour
from tests.factories.bad_images import write_bad_images
from tests.factories.command import document, run, run_process


def test_read_gives_a_list_with_one_entry_an_image(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = sorted(demo_root.rglob("*_hem.bmp"))[0]
    text = tmp_path / "text.bmp"
    text.write_text("no image")
    overlays = tmp_path / "overlays"
    options = ("--run", "run-cnn-16", "--cam", "layer-cam", "--overlay", str(overlays))
    read = document("read", str(cell), str(text), *options)
    assert [entry["kind"] for entry in read] == ["cell", "refused"]
    assert set(read[0]) >= {"image", "kind", "reason", "cells"}
    (found,) = read[0]["cells"]
    assert set(found) >= {"bbox", "probability", "interval", "call", "gate", "cam"}
    assert set(found["cam"]) == {"method", "inside_cell", "trusted", "reason"}
    assert found["cam"]["method"] == "layer-cam"
    called = read[0]["track_record"]["calls"]
    assert list(called) == [found["call"]] and "synthetic cells of unseen" in called[found["call"]]
    assert read[1]["track_record"]["calls"] == {}
    assert "not measured on real ones" in read[0]["track_record"]["real_cells"]
    assert "LayerCAM, as chosen. HiResCAM suits it" in read[0]["heat_map"]
    assert found["cam"]["trusted"] is (found["trust"]["badge"] == "supported")
    assert found["call"] in {"ALL", "HEM"} and 0 <= found["probability"] <= 1
    assert read[1]["cells"] == [] and "not an image" in read[1]["reason"]
    assert decode(overlays / f"{cell.stem}_overlay.png").shape == (448, 448, 3)


def test_read_takes_what_is_told_of_a_picture(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = decode(sorted(demo_root.rglob("*_hem.bmp"))[0])
    swapped, small = tmp_path / "bgr.png", tmp_path / "half.png"
    swapped.write_bytes(encode(np.ascontiguousarray(cell[:, :, ::-1])))
    small.write_bytes(encode(cv2.resize(cell, (224, 224), interpolation=cv2.INTER_AREA)))
    options = ("--run", "run-cnn-16")
    for file, told in ((swapped, ["--swap-red-blue"]), (small, ["--um-per-px", "0.1205"])):
        assert told[0] in run("read", str(file), *options, status=2).stderr
        (entry,) = document("read", str(file), *options, *told)
        assert entry["kind"] == "cell" and "told" in entry["prepared"][0]
        assert entry["cells"][0]["doubts"] == []


def test_read_adapts_a_cell_of_another_stain_if_told_to(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = decode(sorted(demo_root.rglob("*_all.bmp"))[0])
    file = tmp_path / "other.png"
    file.write_bytes(encode(recolour(cell, np.diag([1.0, 1.0, 0.5]), np.zeros(3))))
    options = ("--run", "run-cnn-16", "--overlay", str(tmp_path))
    assert "--adapt-stain" in run("read", str(file), *options, status=2).stderr
    (entry,) = document("read", str(file), *options, "--adapt-stain")
    (found,) = entry["cells"]
    assert found["adapted_stain"] is True and "Its colours were adapted" in entry["prepared"][0]
    assert Path(entry["overlay"]).name == "other_adapted_overlay.png"
    measured = document("evaluate", "run-cnn-16", "--stain")
    assert measured["normalisation"] == "none" and measured["groups"] > 3


@pytest.mark.parametrize(
    "name", ["text.bmp", "truncated.bmp", "empty.bmp", "bomb.png", "animated.gif"]
)
def test_an_unreadable_image_is_one_line_on_standard_error(
    name: str, workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = decode(sorted(demo_root.rglob("*.bmp"))[0])
    file = write_bad_images(tmp_path, cell)[name]
    done = (run_process if name == "text.bmp" else run)("read", str(file), status=2)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert name in done.stderr


def test_overlays_of_one_name_do_not_overwrite_each_other(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cells = sorted(demo_root.rglob("*.bmp"))[:2]
    for number, file in enumerate(cells):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cell.bmp").write_bytes(file.read_bytes())
    read = document(
        "read", *(str(tmp_path / f"{n}/cell.bmp") for n in (0, 1)), "--overlay", str(tmp_path / "o")
    )
    assert len({entry["overlay"] for entry in read}) == len(list((tmp_path / "o").iterdir())) == 2
