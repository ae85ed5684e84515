"""Checks, without OpenVINO, that an engine is a graph of standard operations with its weights.

The runtime that reads an engine is native code, so the file is checked first.
"""

import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

from core.errors import ModelError

_STANDARD = re.compile(r"opset\d{1,2}")


def require_plain(file: Path, side: int) -> None:
    """Raises `ModelError` unless `file` (.xml, .bin beside it) is a graph that a run may have.

    It must declare no document type and no entity, take pixels uint8 (N, side, side, 3), use only
    operation sets of OpenVINO, and have its constants within the .bin.
    """
    checker = _Checker(file.name, file.with_suffix(".bin").stat().st_size)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = checker.refuse_declaration
    parser.EntityDeclHandler = checker.refuse_declaration
    parser.StartElementHandler = checker.start
    parser.EndElementHandler = checker.end
    try:
        with file.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise ModelError(f"{file.name} is not XML ({error}). Export the run again.") from None
    pixels = rf"(\?|-1|\d+),{side},{side},3"
    if len(checker.inputs) != 1 or not re.fullmatch(pixels, checker.inputs[0].replace(" ", "")):
        raise ModelError(
            f"{file.name} takes {' and '.join(checker.inputs) or 'nothing'}; an engine of this "
            f"architecture takes one batch of pixels, (N, {side}, {side}, 3). Export the run "
            "again."
        )


class _Checker:
    """The state of `require_plain` while it parses the graph."""

    def __init__(self, name: str, weights: int) -> None:
        self._name, self._weights = name, weights
        self._open: list[str] = []
        self._layer = ""
        self.inputs: list[str] = []

    def refuse_declaration(self, name: str, *_: Any) -> None:
        raise ModelError(
            f"{self._name} declares {name!r} as document type or entity; an engine has no need "
            "of that. Do not use it."
        )

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._open and tag != "net":
            raise ModelError(
                f"{self._name} begins with <{tag}>; an engine begins with <net>. Export the run "
                "again."
            )
        self._open.append(tag)
        if tag == "layer":
            self._layer = attributes.get("type", "")
            version = attributes.get("version", "")
            if not _STANDARD.fullmatch(version):
                raise ModelError(
                    f"{self._name} has a layer {self._layer} of {version or 'no set'!r}; an engine "
                    "has operations of OpenVINO's own sets (opset1, opset2, …) alone. Do not use "
                    "it."
                )
        if tag == "data" and self._layer == "Const":
            self._require_inside(attributes)
        if tag == "data" and self._layer == "Parameter" and self._open.count("layers") == 1:
            self.inputs.append(attributes.get("shape", ""))

    def end(self, _tag: str) -> None:
        self._open.pop()

    def _require_inside(self, attributes: dict[str, str]) -> None:
        try:
            offset, size = int(attributes["offset"]), int(attributes["size"])
        except (KeyError, ValueError):
            offset = size = -1
        if offset < 0 or size < 0 or offset + size > self._weights:
            raise ModelError(
                f"{self._name} has a constant outside its weights of {self._weights:,} bytes. "
                "Export the run again."
            )
