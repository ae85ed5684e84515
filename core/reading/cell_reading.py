"""What is said of one cell, or of one image."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from core.cells.detection.detect import white_cells
from core.cells.masks import bounding_box, cell_mask, lit_mask, outline
from core.compat import cached_property
from core.data.pixel_cache import CELL, IMAGE
from core.explain.heat_map import HeatMap
from core.explain.overlay import overlay, resize_heat, stamp
from core.explain.trust import Judgement
from core.reading.checked_picture import Gate
from core.reading.description import Description
from core.reading.neighbours import Neighbour, Seen
from core.reading.prepared import Prepared

ADAPTED_STAMP = "COLOURS ADAPTED"


@dataclass(frozen=True)
class CellReading:
    """The reading of one cell.

    bbox: (x, y, w, h) in pixels of the picture. probability to close: as `Answer` has them. image:
    what the model saw of the picture, RGB uint8 (W, W, 3). unadapted: the same before its colours
    were adapted to those of the reference cells; None if they were not. heat_map: evidence for the
    leaning, at the resolution of the feature map, drawn by `method`; `Reader.judge` says whether to
    believe it. findings: the measures in words. similar: nearest reference cells, nearest first;
    None if the run did not keep them. seen: whether the model knows this very cell. doubts: why a
    person should look at it whatever the model says; then the call is review. whole_image: whether
    it is of the image as it is, whatever cells it shows; then nothing is measured.
    """

    bbox: tuple[int, int, int, int]
    probability: float
    logit: float
    interval: tuple[float, float] | None
    call: str
    leaning: str
    close: bool
    gate: Gate
    image: np.ndarray
    method: str
    heat_map: HeatMap
    findings: tuple[Description, ...]
    similar: tuple[Neighbour, ...] | None
    seen: Seen | None
    doubts: tuple[str, ...] = ()
    unadapted: np.ndarray | None = None
    whole_image: bool = False

    @property
    def adapted(self) -> bool:
        """Whether it was read as if it were stained like the reference cells."""
        return self.unadapted is not None

    @property
    def undecided(self) -> bool:
        """Whether a call of ALL or HEM lies so close to the threshold that it says little."""
        return self.close and self.call != "review"

    @cached_property
    def heat(self) -> np.ndarray | None:
        """The heat map on the image, float32 (W, W), 0..1; None if no position has evidence."""
        if not self.heat_map.has_evidence:
            return None
        return resize_heat(self.heat_map.values, self.image.shape[:2])

    @property
    def um_per_px(self) -> float | None:
        """Micrometres a pixel of `image`; None if the scale of the picture is not known."""
        across, pixels = self.gate.diameter_um, self.gate.figures.get("diameter_px")
        return across / pixels if across and pixels else None

    @property
    def outlined(self) -> np.ndarray:
        """The image with the outline of its cell or cells, RGB uint8 (W, W, 3)."""
        return outline(self.image, self.region)

    @property
    def item(self) -> str:
        """What the model reads: "cell", or "image" if it sees whole images."""
        return IMAGE if self.whole_image else CELL

    @property
    def items(self) -> str:
        """The plural of `item`."""
        return f"{self.item}s"

    @cached_property
    def region(self) -> np.ndarray:
        """The cell, or all white cells found in a whole image: bool (W, W)."""
        if not self.whole_image:
            return cell_mask(self.image)
        # The search takes black bars beside the image for part of the field.
        x, y, w, h = bounding_box(lit_mask(self.image))
        region = np.zeros(self.image.shape[:2], bool)
        region[y : y + h, x : x + w] = white_cells(self.image[y : y + h, x : x + w])
        return region

    @property
    def overlay(self) -> np.ndarray:
        """The image with its heat map; without evidence, the image as it is."""
        return self.image if self.heat is None else overlay(self.image, self.heat)

    def stamped(self, judgement: Judgement) -> np.ndarray:
        """`overlay`, with the marks of `stamp_of` on it."""
        return stamp(self.overlay, self.stamp_of(judgement))

    def stamp_of(self, judgement: Judgement) -> str:
        """What a picture with its heat map must say of itself; "" if nothing speaks against it."""
        marks = (ADAPTED_STAMP if self.adapted else "", judgement.stamp)
        return "; ".join(mark for mark in marks if mark)

    def to_json(self, judgement: Judgement) -> dict[str, object]:
        """The document that the command line prints, with the judgement of the heat map."""
        similar = self.similar
        return {
            "bbox": list(self.bbox),
            "probability": self.probability,
            "logit": self.logit,
            "interval": None if self.interval is None else list(self.interval),
            "call": self.call,
            "leaning": self.leaning,
            "adapted_stain": self.adapted,
            "doubts": list(self.doubts),
            "gate": asdict(self.gate),
            "cam": judgement.to_json(),
            "trust": judgement.details(),
            "morphology": [asdict(finding) for finding in self.findings],
            "similar": None if similar is None else [cell.to_json() for cell in similar],
            "seen": None if self.seen is None else asdict(self.seen),
        }


@dataclass(frozen=True)
class Reading:
    """The reading of one image. kind is "cell", or "refused" with the reason and a way out.

    gate: the checks of the picture and its one cell. prepared and picture: how it was changed
    before, and what was or would have been read, RGB uint8 (W, W, 3); None if as it is. findings:
    the measures in words of a cell that was refused, as far as it could be told.
    """

    image: str
    kind: str
    reason: str | None
    cells: tuple[CellReading, ...]
    gate: Gate
    prepared: Prepared | None = None
    picture: np.ndarray | None = None
    findings: tuple[Description, ...] = ()

    def to_json(self, judge: Callable[[CellReading], Judgement]) -> dict[str, object]:
        """The document that the command line prints."""
        return {
            "image": self.image,
            "kind": self.kind,
            "reason": self.reason,
            "gate": asdict(self.gate),
            "prepared": None if self.prepared is None else list(self.prepared.words),
            "cells": [cell.to_json(judge(cell)) for cell in self.cells],
        }
