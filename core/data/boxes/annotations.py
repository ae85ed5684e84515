"""Reads boxes: Pascal VOC, COCO, YOLO, or a CSV of boxes."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from xml.etree import ElementTree

import yaml

from core.data.images import size_of
from core.data.layouts.image_finder import ImageFinder
from core.data.layouts.layout import is_hidden, is_image
from core.data.layouts.tables import read_table
from core.errors import BlastLensError, DataError
from core.settings import settings
from core.untrusted.fields import shown
from core.untrusted.files import read_regular

_CORNERS = ("xmin", "ymin", "xmax", "ymax")  # of VOC
_MOST = 1e9  # pixels
_MOST_OF_A_LIST = 2**16  # bytes: YAML is read slowly
_CLASS_LISTS = ("classes.txt", "obj.names", "_darknet.labels", "data.yaml", "data.yml")


class Box(NamedTuple):
    """A box with its class: corner and size in pixels of its image."""

    class_name: str
    x: float
    y: float
    w: float
    h: float


def read_boxes(root: Path, names: Sequence[str]) -> dict[str, list[Box]]:
    """Reads the boxes of all images below `root`, by the image's path.

    `names` are the paths of its files, with "/". The formats are tried in turn: VOC (an XML file an
    image), COCO (JSON), YOLO (a text file an image beside a list of classes), CSV (columns file,
    class or kind, x, y, w, h). Raises `DataError` if there are none, or none is of an image here.
    """
    shown = [name for name in names if not is_hidden(name)]
    images = [name for name in shown if is_image(name)]
    finder = ImageFinder(images)
    for read in (_voc, _coco, _yolo, _csv):
        boxes: dict[str, list[Box]] = defaultdict(list)
        for listed, found in read(root, shown, finder):
            for path in finder.find(listed)[:1]:
                boxes[path] += found
        if boxes:
            return dict(sorted(boxes.items()))
    raise DataError(
        f"{root} holds no boxes of its images. Give a folder with images and Pascal VOC's XML, "
        "COCO's JSON, YOLO's text files with a list of classes, or a CSV with the columns file, "
        "class, x, y, w, h."
    )


def count_classes(root: Path, names: Sequence[str]) -> dict[str, int]:
    """The number of boxes of each class below `root`; empty if there are none."""
    try:
        boxes = read_boxes(root, names)
    except DataError:
        return {}
    return dict(Counter(box.class_name for found in boxes.values() for box in found).most_common())


_Found = Iterator[tuple[str, list[Box]]]


def _files(root: Path, names: Iterable[str], suffix: str) -> Iterator[tuple[str, bytes]]:
    most = settings().max_file_bytes
    for name in names:
        if name.lower().endswith(suffix):
            try:
                yield name, read_regular(root / name, most)
            except OSError:
                continue


def _voc(root: Path, names: Sequence[str], _: ImageFinder) -> _Found:
    for name, data in _files(root, names, ".xml"):
        try:
            tree = ElementTree.fromstring(data)
        except (ElementTree.ParseError, ValueError, LookupError):  # or an encoding it cannot read
            continue
        if tree.tag != "annotation":
            continue
        boxes = []
        for item in tree.iter("object"):
            # One path a box: paths cost more than all else in a file of many boxes.
            corners = {child.tag: child.text for child in item.iterfind("bndbox/*")}
            try:
                left, top, right, bottom = (_finite(corners[key]) for key in _CORNERS)
                name_of = item.findtext("name", "")
                boxes.append(_box(name_of, left, top, right - left, bottom - top))
            except (KeyError, TypeError, ValueError, OverflowError):
                continue
        # The file's own name is the surer one: <filename> is often that of an earlier export.
        yield PurePosixPath(name).stem, boxes


def _coco(root: Path, names: Sequence[str], _: ImageFinder) -> _Found:
    for _name, data in _files(root, names, ".json"):
        try:
            document = json.loads(data)
            files = {image["id"]: str(image["file_name"]) for image in document["images"]}
            classes = {item["id"]: str(item["name"]) for item in document["categories"]}
            for item in document["annotations"]:
                box = _box(classes[item["category_id"]], *item["bbox"])
                yield files[item["image_id"]], [box]
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError):
            continue


def _yolo(root: Path, names: Sequence[str], finder: ImageFinder) -> _Found:
    classes = _class_list(root, names)
    for name, data in _files(root, names, ".txt") if classes else ():
        stem = PurePosixPath(name).stem
        try:
            image = finder.find(stem)[0]
            height, width = size_of(root / image)
            rows = [[_finite(part) for part in line.split()] for line in data.decode().splitlines()]
            yield (
                stem,
                [
                    _box(
                        classes[_index(number)],
                        (x - w / 2) * width,
                        (y - h / 2) * height,
                        w * width,
                        h * height,
                    )
                    for number, x, y, w, h in rows
                ],
            )
        except (BlastLensError, ValueError, IndexError):
            continue  # a text of another kind, or without its image


def _class_list(root: Path, names: Sequence[str]) -> list[str]:
    """The classes of YOLO's numbers: lines of a text, or `names` of data.yaml."""
    for name in names:
        if PurePosixPath(name).name not in _CLASS_LISTS:
            continue
        try:
            text = read_regular(root / name, _MOST_OF_A_LIST).decode()
            if not name.endswith((".yaml", ".yml")):
                return [line.strip() for line in text.splitlines() if line.strip()]
            listed = _plain_yaml(text)["names"]
            return [str(listed[n]) for n in range(len(listed))]
        except (OSError, ValueError, TypeError, KeyError, RecursionError, yaml.YAMLError):
            continue
    return []


def _csv(root: Path, names: Sequence[str], _: ImageFinder) -> _Found:
    for name, data in _files(root, names, ".csv"):
        try:
            rows = read_table(data, name)
        except DataError:
            continue
        kind = next((column for column in ("class", "kind", "label") if column in rows), None)
        if kind is None or not {"file", "x", "y", "w", "h"} <= set(rows):
            continue
        for row in rows.to_dict("records"):
            try:
                yield row["file"], [_box(row[kind], *(_number(row[key]) for key in "xywh"))]
            except ValueError:
                continue


def _plain_yaml(text: str) -> Any:
    """YAML without references: a few of them make one line a text without end."""
    if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
        raise yaml.YAMLError("It has references.")
    return yaml.safe_load(text)


def _box(class_name: str, x: Any, y: Any, w: Any, h: Any) -> Box:
    """A box whose class shows. Raises `ValueError` or `TypeError` for numbers that are none."""
    return Box(shown(class_name).strip(), *map(_finite, (x, y, w, h)))


def _index(number: float) -> int:
    """The place of a class. Raises `IndexError` for what is none."""
    if number < 0 or number != int(number):
        raise IndexError(number)
    return int(number)


def _number(text: str) -> float:
    """A number with a decimal point or comma. Raises `ValueError` for anything else."""
    return _finite(text.replace(",", "."))


def _finite(number: Any) -> float:
    """A number of an annotation. Raises `ValueError` or `TypeError` for what is none."""
    value = float(number)
    if not abs(value) <= _MOST:  # nor NaN
        raise ValueError(number)
    return value
