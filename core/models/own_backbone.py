"""Backbones that a user brings: an ONNX or OpenVINO file in the weights folder, a JSON beside it.

`NAME.json` describes `NAME.onnx`, or `NAME.xml` with its `NAME.bin`, and the architecture is
`own-NAME`. `NAME.npz`, if there, has the head that it comes with. This module reads descriptions
and heads only, without OpenVINO.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field

from core import storage
from core.data.geometry import Geometry
from core.documents import Choices, Document
from core.errors import ConfigError, ModelError
from core.models.architecture import Architecture, Pretrained
from core.models.inputs import CHANNELS
from core.settings import settings
from core.untrusted import arrays
from core.untrusted.fields import Line

PREFIX = "own-"
FEATURES = ("map", "output")
NEW_HEAD, KNOWN_HEAD = 1e-3, 5e-2  # learning rates; what a head knows, it is reminded of
OF_RUN = "the features of run"  # begins the source of one that was made of a run here
_SUFFIXES = (".onnx", ".xml")


class OwnBackbone(Document):
    """The description of a backbone.

    size: of its images, pixels a side. mean, scale: subtracted from red, green and blue of 0..255,
    and what that is divided by. channels: their order. output: the name of the output to use, where
    it has several, or of a tensor within. features: "map" for the last map that leads to it, or
    "output" for the output itself, such as a class token. licence and source: of the weights, for
    the model card.
    """

    model_config = ConfigDict(extra="forbid")

    size: Annotated[int, Field(ge=8, le=1024)]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    licence: Line
    source: Line
    title: Line | None = None
    channels: Annotated[str, Choices(CHANNELS)] = "rgb"
    output: Line | None = None
    features: Annotated[str, Choices(FEATURES)] = "map"


@dataclass(frozen=True)
class KnownHead:
    """A head, linear in the features of a backbone, that learns on, and what it has learned from.

    weights: float32 (C + 1,), the bias last. features: float32 (M, C), the pooled features of M
    cells, scaled to length 1. labels: int64 (M,), 1 = ALL.
    """

    weights: np.ndarray
    features: np.ndarray
    labels: np.ndarray

    def write(self, file: Path) -> None:
        """Writes it as `.npz`."""
        with storage.atomic(file) as temporary:
            np.savez(temporary, **vars(self))


def known_head(key: str) -> KnownHead | None:
    """The head that a backbone comes with; None if it has none, and one is to be drawn.

    Raises `ModelError` if its file is damaged or does not fit together.
    """
    graph = files().get(key)
    file = graph.with_suffix(".npz") if graph else None
    if file is None or not file.exists():
        return None
    try:
        found = arrays.load(file)
        weights, features = (found[name].astype(np.float32) for name in ("weights", "features"))
        head = KnownHead(weights, features, found["labels"].astype(np.int64))
        rows, channels = head.features.shape
        fits = head.weights.shape == (channels + 1,) and head.labels.shape == (rows,)
        finite = np.isfinite(head.weights).all() and np.isfinite(head.features).all()
        if not (fits and finite and np.isin(head.labels, (0, 1)).all()):
            raise ValueError("its weights, features and labels do not fit together")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} is damaged ({error}). Make it anew, or remove it.") from None
    return head


def files() -> dict[str, Path]:
    """The graph file of each backbone in the weights folder, by architecture."""
    folder = settings().weights
    found = {}
    for description in sorted(folder.glob("*.json")):
        for suffix in _SUFFIXES:
            if (graph := description.with_suffix(suffix)).is_file():
                found[PREFIX + description.stem] = graph
    return found


def of_runs() -> list[str]:
    """The architectures of the backbones in the weights folder that were made of runs here.

    None, if that folder lies outside the artifacts: runs of other artifacts may use them.
    """
    if not settings().weights.is_relative_to(settings().artifacts):
        return []
    found = []
    for key, graph in files().items():
        with suppress(ConfigError):  # damaged
            described = OwnBackbone.read(graph.with_suffix(".json"), ConfigError)
            if described.source.startswith(OF_RUN):
                found.append(key)
    return found


def describe(key: str) -> OwnBackbone | None:
    """The description of an architecture; None if its files are not on this machine.

    Raises `ConfigError` for a damaged description.
    """
    graph = files().get(key)
    if graph is None:
        return None
    described = OwnBackbone.read(graph.with_suffix(".json"), ConfigError)
    small = [value for value in described.scale if value < 1]
    if small or any(-1 < value < 0 for value in described.mean):
        raise ConfigError(
            f"{graph.stem}.json has the scale {described.scale}; mean and scale are those of "
            "pixels of 0..255, such as 123.7 and 58.4, and a scale is at least 1."
        )
    return described


def architecture(key: str) -> Architecture:
    """The entry of a backbone that the user brings, whether its files are here or not."""
    name, described = key.removeprefix(PREFIX), describe(key)
    entry = Architecture(
        key=key,
        title=f"{name} (own, frozen)",
        backbone="",
        head="pooled",
        learning_rate=NEW_HEAD,
        source="a backbone of the user, whose description is not on this machine",
        pretrained=Pretrained(file=name, folder="", md5="", mebibytes=0),
        own=True,
    )
    if described is None:
        return entry
    file = require(key)
    known = file.with_suffix(".npz").exists()
    return replace(
        entry,
        title=f"{described.title or name} (own, frozen)",
        head="linear" if known else "pooled",
        learning_rate=KNOWN_HEAD if known else NEW_HEAD,
        source=f"{described.source}; {described.licence}",
        backbone_options=described.to_json(),
        geometry=Geometry(max(Geometry.window, described.size), described.size),
        pretrained=Pretrained(file=file.name, folder="", md5="", mebibytes=0),
    )


def require(key: str) -> Path:
    """The graph file of an architecture. Raises `ModelError` if it is not on this machine."""
    try:
        return files()[key]
    except KeyError:
        raise ModelError(missing(key)) from None


def missing(key: str) -> str:
    """What to tell a user who lacks the files of an architecture."""
    name = key.removeprefix(PREFIX)
    return (
        f"The backbone {name} is not on this machine. Put {name}.onnx (or .xml and .bin) and "
        f"{name}.json into {settings().weights}."
    )
