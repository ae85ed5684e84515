"""Reads boxes: Pascal VOC, COCO, YOLO, or a CSV of boxes."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
_CLASS_LISTS = ("classes.txt", "obj.names", "_darknet.labels")
_NO_BBOX = (
    "has no bbox of four numbers and no polygon, or is of an image or a category that the file "
    "does not list."
)
_MOST = 1e9  # pixels
_MOST_OF_A_LIST = 2**16  # bytes: YAML is read slowly
_MOST_BRACKETS = 200  # of it
# What reading YAML ends in; beside its own error others, such as for a date that is none.
_OF_YAML = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
_SHOWN = 40  # characters of a value in a message


class Box(NamedTuple):
    """A box with its class: corner and size in pixels of its image."""

    class_name: str
    x: float
    y: float
    w: float
    h: float


class Unread(NamedTuple):
    """What an annotation file says that is no box of an image here, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Annotations:
    """The boxes of each image, by its path, and what could not be read."""

    boxes: Mapping[str, list[Box]]
    unread: tuple[Unread, ...]


def read_boxes(root: Path, names: Sequence[str]) -> Annotations:
    """Reads the boxes of all images below `root`.

    `names` are the paths of its files, with "/". The formats are tried in turn: VOC (an XML file an
    image), COCO (JSON), YOLO (a text file an image beside a list of classes), CSV (columns file,
    class or kind, and x, y, w, h or xmin, ymin, xmax, ymax). Of images with one name, that in the
    folder nearest to the annotation is meant. Raises `DataError` if there are none, or none is of
    an image here.
    """
    seen = [name for name in names if not is_hidden(name)]
    finder = ImageFinder(name for name in seen if is_image(name))
    for read in (_voc, _coco, _yolo, _csv):
        boxes: dict[str, list[Box]] = defaultdict(list)
        unread: list[Unread] = []
        for file, listed, found in read(root, seen, finder):
            if isinstance(found, str):
                unread.append(Unread(file, found))
                continue
            image = _nearest(finder.find(listed), file)
            if image is not None:
                boxes[image].append(found)
            else:
                unread.append(Unread(file, _which(finder.find(listed), listed)))
        if boxes:
            return Annotations(dict(sorted(boxes.items())), tuple(unread))
    raise DataError(
        f"{root} holds no boxes of its images. Give a folder with images and Pascal VOC's XML, "
        "COCO's JSON, YOLO's text files with a list of classes, or a CSV with the columns file, "
        "class, x, y, w, h."
    )


def _nearest(images: Sequence[str], file: str) -> str | None:
    """The one of several images that shares most folders with an annotation file; None if none."""
    if len(images) < 2:
        return images[0] if images else None
    own = file.split("/")[:-1]

    def shared(image: str) -> int:
        pairs = zip(own, image.split("/")[:-1], strict=False)
        return next(
            (n for n, (a, b) in enumerate(pairs) if a != b), min(len(own), image.count("/"))
        )

    best, second = sorted(images, key=shared, reverse=True)[:2]
    return best if shared(best) > shared(second) else None


def _which(images: Sequence[str], listed: str) -> str:
    name = shown(listed)[:_SHOWN]
    if not images:
        return f"There is no image {name!r}."
    return f"{name!r} can be {images[0]} or {images[1]}. Name the folder too."


def count_classes(root: Path, names: Sequence[str]) -> dict[str, int]:
    """The number of boxes of each class below `root`; empty if there are none."""
    try:
        boxes = read_boxes(root, names).boxes
    except DataError:
        return {}
    return dict(Counter(box.class_name for found in boxes.values() for box in found).most_common())


# An annotation file, the image that it means, and a box of that, or why one cannot be read.
_Found = Iterator[tuple[str, str, Box | str]]


def _files(root: Path, names: Iterable[str], *suffixes: str) -> Iterator[tuple[str, bytes]]:
    most = settings().max_file_bytes
    for name in names:
        if name.lower().endswith(suffixes):
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
        # The file's own name is the surer one: <filename> is often that of an earlier export.
        image = PurePosixPath(name).stem
        for number, item in enumerate(tree.iter("object"), start=1):
            # One path a box: paths cost more than all else in a file of many boxes.
            corners = {child.tag: child.text for child in item.iterfind("bndbox/*")}
            try:
                left, top, right, bottom = (_finite(corners[key]) for key in _CORNERS)
                kind = item.findtext("name", "")
                yield name, image, _box(kind, left, top, right - left, bottom - top)
            except (KeyError, TypeError, ValueError, OverflowError):
                yield name, image, f"Object {number} has no bndbox of four numbers."


def _coco(root: Path, names: Sequence[str], _: ImageFinder) -> _Found:
    for name, data in _files(root, names, ".json"):
        try:
            document = json.loads(data)
            files = {image["id"]: str(image["file_name"]) for image in document["images"]}
            classes = {item["id"]: str(item["name"]) for item in document["categories"]}
            annotations = list(document["annotations"])
        except (ValueError, TypeError, LookupError, RecursionError):
            continue
        for number, item in enumerate(annotations, start=1):
            try:
                yield name, files[item["image_id"]], _of_coco(item, classes)
            except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
                yield name, "", f"Annotation {number} {_NO_BBOX}"


def _of_coco(item: dict[str, Any], classes: dict[object, str]) -> Box | str:
    kind = classes[item["category_id"]]
    if item.get("iscrowd"):
        return f"A box of {kind!r} is around a crowd (iscrowd), not around one cell."
    if "bbox" in item:
        return _box(kind, *(item["bbox"][n] for n in range(4)))
    points = [_finite(value) for polygon in item["segmentation"] for value in polygon]
    return _around(kind, points[::2], points[1::2])


def _around(kind: str, x: Sequence[float], y: Sequence[float]) -> Box:
    """The box around a polygon. Raises `ValueError` for one without points."""
    return _box(kind, min(x), min(y), max(x) - min(x), max(y) - min(y))


def _yolo(root: Path, names: Sequence[str], finder: ImageFinder) -> _Found:
    classes = _class_list(root, names)
    lists = [name for name in names if PurePosixPath(name).name.lower() in _CLASS_LISTS]
    for name, data in _files(root, names, ".txt") if classes else ():
        stem = PurePosixPath(name).stem
        image = _nearest(finder.find(stem), name)
        if name in lists or (image is None and not finder.find(stem)):
            continue  # a text of another kind, or without its image
        try:
            height, width = size_of(root / image) if image else (1, 1)
            lines = data.decode("utf-8-sig").splitlines()
        except (BlastLensError, ValueError):
            continue
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield name, stem, _of_yolo(line, f"Line {number}", classes, (width, height))


def _of_yolo(line: str, place: str, classes: Mapping[int, str], size: tuple[int, int]) -> Box | str:
    """A line of YOLO: class, centre, size and perhaps a probability; or class and a polygon."""
    try:
        number, *values = map(_finite, line.split())
        if len(values) not in (4, 5) and (len(values) < 6 or len(values) % 2):
            raise ValueError(line)
    except (ValueError, OverflowError):
        return f"{place} is {shown(line)[:_SHOWN]!r}; it must be class, x, y, w, h."
    kind = classes.get(int(number)) if number.is_integer() else None
    if kind is None:
        return f"{place} is of class {number:g}; the list of classes has {sorted(classes)}."
    width, height = size
    try:
        if len(values) > 5:
            x, y = values[::2], values[1::2]
            return _around(kind, [at * width for at in x], [at * height for at in y])
        x_mid, y_mid, w, h = values[:4]
        return _box(kind, (x_mid - w / 2) * width, (y_mid - h / 2) * height, w * width, h * height)
    except ValueError:
        return f"{place} is of a box over {_MOST:g} pixels."


def _class_list(root: Path, names: Sequence[str]) -> Mapping[int, str]:
    """The classes by YOLO's numbers: lines of a text, or `names` of a YAML file."""
    for name in names:
        of_yaml = name.lower().endswith((".yaml", ".yml"))
        if not of_yaml and PurePosixPath(name).name.lower() not in _CLASS_LISTS:
            continue
        try:
            text = read_regular(root / name, _MOST_OF_A_LIST).decode("utf-8-sig")
            if not of_yaml:
                return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
            listed = _plain_yaml(text)["names"]
            pairs = listed.items() if isinstance(listed, dict) else enumerate(list(listed))
            return {int(number): str(kind) for number, kind in pairs}
        except (OSError, RecursionError, *_OF_YAML):
            continue
    return {}


def _csv(root: Path, names: Sequence[str], _: ImageFinder) -> _Found:
    for name, data in _files(root, names, ".csv"):
        try:
            rows = read_table(data, name)
        except DataError:
            continue
        kind = next((column for column in ("class", "kind", "label") if column in rows), None)
        file = next((column for column in ("file", "filename", "image") if column in rows), None)
        corners = set(_CORNERS) <= set(rows)
        if kind is None or file is None or not (corners or {"x", "y", "w", "h"} <= set(rows)):
            continue
        keys = _CORNERS if corners else tuple("xywh")
        for number, row in enumerate(rows.to_dict("records"), start=1):
            try:
                x, y, w, h = (_number(row[key]) for key in keys)
                size = (w - x, h - y) if corners else (w, h)
                yield name, row[file], _box(row[kind], x, y, *size)
            except ValueError:
                yield name, row[file], f"Row {number} has no four numbers for its box."


def _plain_yaml(text: str) -> Any:
    """YAML without references: a few of them make one line a text without end.

    Nor many lists within lists, whose reading takes the square of their number.
    """
    if text.count("[") + text.count("{") > _MOST_BRACKETS or any(
        isinstance(token, yaml.AliasToken) for token in yaml.scan(text)
    ):
        raise yaml.YAMLError("It is no plain list.")
    return yaml.safe_load(text)


def _box(class_name: str, x: Any, y: Any, w: Any, h: Any) -> Box:
    """A box whose class shows. Raises `ValueError` or `TypeError` for numbers that are none."""
    return Box(shown(class_name).strip(), *map(_finite, (x, y, w, h)))


def _number(text: str) -> float:
    """A number with a decimal point or comma. Raises `ValueError` for anything else."""
    return _finite(text.replace(",", "."))


def _finite(number: Any) -> float:
    """A number of an annotation. Raises `ValueError` or `TypeError` for what is none."""
    value = float(number)
    if not abs(value) <= _MOST:  # nor NaN
        raise ValueError(number)
    return value
