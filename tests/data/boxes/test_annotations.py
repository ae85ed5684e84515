"""Boxes are the same in each format that is read."""

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.data.boxes.annotations import Annotations, Box, read_boxes
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


def _all(root: Path) -> Annotations:
    return read_boxes(root, [name for name, _, _ in walk(root)])


def _read(root: Path) -> Mapping[str, list[Box]]:
    return _all(root).boxes


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
        ("data.yaml", "names: {.inf: WBC}"),
        ("data.yaml", "names: [WBC]\nmade: !!timestamp never"),
        ("data.yaml", 'names: [WBC]\nnc: !!int ""'),
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
    with pytest.raises(DataError, match="holds no boxes"):
        _read(fields)


def _unread(root: Path) -> list[str]:
    return [it.reason for it in _all(root).unread]


def test_what_coco_says_of_crowds_polygons_and_nothing(fields: Path) -> None:
    one = {"image_id": 1, "category_id": 7}
    document = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 7, "name": "WBC"}],
        "annotations": [
            {**one, "bbox": [1, 2, 3, 4], "iscrowd": 1},
            {**one, "segmentation": {"size": [9, 9], "counts": "x"}},
            {**one, "category_id": 8, "bbox": [1, 2, 3, 4]},
            {**one, "segmentation": [[5, 6, 15, 6, 15, 26]]},
            {**one, "bbox": [1, 2, 3, 4], "iscrowd": 0},
        ],
    }
    (fields / "coco.json").write_text(json.dumps(document))
    assert _read(fields) == {"fields/a.png": [Box("WBC", 5, 6, 10, 20), Box("WBC", 1, 2, 3, 4)]}
    crowd, *others = _unread(fields)
    assert "a crowd (iscrowd)" in crowd and len(others) == 2
    assert others[0].startswith("Annotation 2 has no bbox") and "Annotation 3" in others[1]


def test_lines_of_yolo_with_probabilities_polygons_and_faults(fields: Path) -> None:
    (fields / "my set.yaml").write_text("names: {0: WBC, 4: RBC}\n")
    lines = ["0 .5 .5 .2 .2 0.9", "4 0 0 .5 0 .5 .5", "1 .5 .5 .1 .1", "0 .5 .5", "0 a b c d", ""]
    (fields / "a.txt").write_text("\ufeff" + "\n".join(lines), "utf-8")
    first, second = _read(fields)["fields/a.png"]
    assert first.class_name == "WBC" and first[1:] == pytest.approx((64, 40, 32, 20))
    assert second == Box("RBC", 0, 0, WIDTH / 2, HEIGHT / 2)
    assert [text.partition(";")[0] for text in _unread(fields)] == [
        "Line 3 is of class 1",
        "Line 4 is '0 .5 .5'",
        "Line 5 is '0 a b c d'",
    ]


def test_corners_in_a_csv_are_boxes_too(fields: Path) -> None:
    (fields / "_annotations.csv").write_text(
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,160,100,WBC,10,20,50,50\n"
        "a.png,160,100,WBC,10,,50,50\n"
    )
    assert _read(fields) == {"fields/a.png": [Box("WBC", 10, 20, 40, 30)]}
    assert _unread(fields) == ["Row 2 has no four numbers for its box."]


def test_of_images_with_one_name_that_beside_the_annotation_is_meant(tmp_path: Path) -> None:
    for part, width in (("train", 100), ("valid", 200)):
        save(tmp_path / part / "images/1.png", np.zeros((100, width, 3), np.uint8), "PNG")
        (tmp_path / part / "labels").mkdir()
        (tmp_path / part / "labels/1.txt").write_text("0 0.5 0.5 0.1 0.1")
    (tmp_path / "classes.txt").write_text("WBC")
    found = {name: [box.w for box in boxes] for name, boxes in _read(tmp_path).items()}
    assert found == {"train/images/1.png": [10.0], "valid/images/1.png": [20.0]}
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/1.txt").write_text("0 0.5 0.5 0.1 0.1")
    (reason,) = _unread(tmp_path)
    assert reason.startswith("'1' can be train/images/1.png or valid/images/1.png.")
