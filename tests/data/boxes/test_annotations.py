"""Boxes are the same in each format that is read."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.data.boxes.annotations import Box, read_boxes
from core.data.walk import walk
from core.errors import DataError
from tests.factories.trees import save

BOXES = {
    "a.png": [Box("WBC", 10, 20, 40, 30), Box("RBC", 0, 0, 16, 20)],
    "b.png": [Box("RBC", 100, 50, 20, 40)],
}
CLASSES = ["RBC", "WBC"]
WIDTH, HEIGHT = 160, 100
# YAML whose one class has 9 to the power of 9 letters.
BILLIONS = (
    "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise("abcdefghi")
    )
    + "names: [*i]"
)


def _voc(root: Path) -> None:
    for name, boxes in BOXES.items():
        objects = "".join(
            f"<object><name>{b.class_name}</name><bndbox><xmin>{b.x}</xmin><ymin>{b.y}</ymin>"
            f"<xmax>{b.x + b.w}</xmax><ymax>{b.y + b.h}</ymax></bndbox></object>"
            for b in boxes
        )
        text = f"<annotation><filename>old.jpg</filename>{objects}</annotation>"
        (root / "Annotations" / name).with_suffix(".xml").write_text(text)


def _coco(root: Path) -> None:
    numbered = dict(enumerate(BOXES))
    document = {
        "images": [{"id": n, "file_name": name} for n, name in numbered.items()],
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES)],
        "annotations": [
            {"image_id": n, "category_id": CLASSES.index(b.class_name), "bbox": list(b[1:])}
            for n, name in numbered.items()
            for b in BOXES[name]
        ],
    }
    (root / "Annotations/instances.json").write_text(json.dumps(document))


def _yolo(root: Path, classes: str = "classes.txt", text: str = "RBC\nWBC\n") -> None:
    (root / classes).write_text(text)
    for name, boxes in BOXES.items():
        lines = [
            f"{CLASSES.index(b.class_name)} {(b.x + b.w / 2) / WIDTH} {(b.y + b.h / 2) / HEIGHT} "
            f"{b.w / WIDTH} {b.h / HEIGHT}"
            for b in boxes
        ]
        (root / "Annotations" / name).with_suffix(".txt").write_text("\n".join(lines))


def _yolo_in_yaml(root: Path) -> None:
    _yolo(root, "data.yaml", "nc: 2\nnames:\n  0: RBC\n  1: WBC\n")


def _csv(root: Path) -> None:
    rows = [
        ";".join([name, b.class_name, *(f"{v:.1f}".replace(".", ",") for v in b[1:])])
        for name, boxes in BOXES.items()
        for b in boxes
    ]
    (root / "boxes.csv").write_text("\n".join(["file;kind;x;y;w;h", *rows]))


def _read(root: Path) -> dict[str, list[Box]]:
    return read_boxes(root, [name for name, _, _ in walk(root)])


@pytest.fixture
def fields(tmp_path: Path) -> Path:
    for name in (*BOXES, "without.png"):
        save(tmp_path / "fields" / name, np.zeros((HEIGHT, WIDTH, 3), np.uint8), "PNG")
    (tmp_path / "Annotations").mkdir()
    return tmp_path


@pytest.mark.parametrize("write", [_voc, _coco, _yolo, _yolo_in_yaml, _csv])
def test_the_boxes_are_the_same_in_each_format(fields: Path, write: Callable[[Path], None]) -> None:
    write(fields)
    found = _read(fields)
    assert list(found) == ["fields/a.png", "fields/b.png"]
    for name, boxes in BOXES.items():
        for box, expected in zip(found[f"fields/{name}"], boxes, strict=True):
            assert box.class_name == expected.class_name
            assert box[1:] == pytest.approx(expected[1:])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xml", "<annotation><object/></annotation"),
        ("a.xml", "<kml><object/></kml>"),
        ("boxes.json", '{"images": [], "annotations": [{}], "categories": []}'),
        ("boxes.json", "[" * 100_000),
        ("a.txt", "0 0.5 0.5 1 1"),
        ("boxes.csv", "file,x,y\na.png,1,2\n"),
        ("boxes.csv", "file,kind,x,y,w,h\na.png,WBC,nan,1,2,3\n"),
        ("a.xml", "<?xml version='1.0' encoding='unheard-of'?><annotation/>"),
        ("a.xml", "<?xml version='1.0' encoding='utf-7'?><annotation/>"),
        ("data.yaml", BILLIONS),
        ("data.yaml", f"names: {'[' * 20_000}"),
        ("data.yaml", f"names: [{'a, ' * 400_000}]"),  # read slowly
    ],
)
def test_what_holds_no_boxes_is_refused_with_what_is_read(
    fields: Path, name: str, content: str
) -> None:
    (fields / name).write_text(content)
    if name == "data.yaml":
        (fields / "a.txt").write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match=r"holds no boxes.*VOC.*COCO.*YOLO.*CSV"):
        _read(fields)


@pytest.mark.parametrize(
    "row", ["-1 0.5 0.5 0.1 0.1", "0.5 0.5 0.5 0.1 0.1", "1e308 0.5 0.5 0.1 0.1", "0 1e308 0 0 0"]
)
def test_a_number_that_is_of_no_class_or_of_no_picture_makes_no_box(fields: Path, row: str) -> None:
    (fields / "classes.txt").write_text("RBC\nWBC\n")
    (fields / "a.txt").write_text(row)
    with pytest.raises(DataError, match="holds no boxes"):
        _read(fields)


def test_the_name_of_a_class_shows(fields: Path) -> None:
    name = r"W\u202eB\ud800C\u0000"
    (fields / "coco.json").write_text(
        '{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "'
        f'{name}"}}], "annotations": [{{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}}]}}'
    )
    assert _read(fields) == {"fields/a.png": [Box("WBC", 1, 2, 3, 4)]}


@pytest.mark.parametrize("number", ["nan", "inf", "-1e999"])
def test_a_box_without_finite_numbers_is_left_out(fields: Path, number: str) -> None:
    for name, text in {
        "Annotations/a.xml": "<annotation><object><name>WBC</name><bndbox><xmin>{}</xmin>"
        "<ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>",
        "a.txt": "1 {} 0.5 0.2 0.2",
        "classes.txt": "RBC\nWBC\n",
        "coco.json": '{{"images": [{{"id": 1, "file_name": "a.png"}}], "categories": [{{"id": 1, '
        '"name": "WBC"}}], "annotations": [{{"image_id": 1, "category_id": 1, "bbox": ["{}", 2, 3, '
        "4]}}]}}",
    }.items():
        (fields / name).parent.mkdir(exist_ok=True)
        (fields / name).write_text(text.format(number))
    try:
        assert not any(read_boxes(fields, [name for name, _, _ in walk(fields)]).values())
    except DataError as error:
        assert "holds no boxes" in str(error)
