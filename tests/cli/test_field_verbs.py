"""Fields from the command line: drawn, cut into cells, and searched for white cells."""

import csv
import json
from pathlib import Path

import pytest

from core.cells.detection.detect import detect
from core.data.images import decode
from tests.cli.test_command_line import document, run


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "fields"
    told = document("fields", str(folder), "--fields", "2", "--seed", "4")
    assert told == {"folder": str(folder), "synthetic": True, "fields": 2}
    return folder


def test_fields_are_drawn_with_their_boxes(drawn: Path, tmp_path: Path) -> None:
    assert len(list(drawn.glob("field_00?.png"))) == 2 and (drawn / "boxes.csv").is_file()
    again = tmp_path / "again"
    document("fields", str(again), "--fields", "2", "--seed", "4")
    for file in drawn.glob("field_*.png"):
        assert (again / file.name).read_bytes() == file.read_bytes()
    refused = run("fields", str(again), "--fields", "0", status=2).stderr
    assert len(refused.splitlines()) == 1


def test_the_cells_in_boxes_are_cut_and_counted(drawn: Path, tmp_path: Path) -> None:
    cells = tmp_path / "cells"
    told = document("cut", str(drawn), str(cells), "--classes", "blast, lymphocyte")
    assert told["dataset"] == str(cells) and told["fields"] == 2
    files = list(cells.rglob("*.png"))
    assert sum(told["cells"].values()) == len(files) > 0
    assert set(told["cells"]) <= {"blast", "lymphocyte"}
    assert sum(row["boxes"] for row in told["reasons"]) <= told["left_out"]
    assert "is not empty" in run("cut", str(drawn), str(cells), status=2).stderr


def test_white_cells_are_found_and_written_in_every_form(drawn: Path, tmp_path: Path) -> None:
    file = drawn / "field_000.png"
    asked = ("--mask", "--overlay", "--csv", "--coco")
    places = [tmp_path / name for name in ("masks", "overlays", "cells.csv", "cells.json")]
    options = [part for pair in zip(asked, map(str, places), strict=True) for part in pair]
    (told,) = document("cells", str(file), *options)
    found = detect(decode(file))
    assert [cell["bbox"] for cell in told["cells"]] == [
        list(found.frame(cell)) for cell in found.cells
    ]
    for folder in places[:2]:
        (written,) = folder.iterdir()
        assert decode(written).shape[:2] == found.shape
    rows = list(csv.reader(places[2].read_text(encoding="utf-8").splitlines()))
    coco = json.loads(places[3].read_text(encoding="utf-8"))
    assert len(rows) - 1 == len(coco["annotations"]) == len(found.cells) > 0
    refused = run("cells", str(file), "--um-per-px", "99", status=2).stderr
    assert "--um-per-px is 99" in refused
