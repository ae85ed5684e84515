"""Reads an image with a finished run: call, probability, and what the call rests on."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.cells.segment import bounding_box, cell_mask
from core.data.images import decode, fit, window
from core.errors import RunError, UploadError
from core.evaluation import calibration
from core.explain.cam import grad_cam
from core.explain.overlay import overlay, resize_heat
from core.models import catalog
from core.models.engine import Engine
from core.reading.gate import Gate, check
from core.runs.store import Run

CAM_METHOD = "grad-cam"
INSIDE_CELL = 0.5


@dataclass(frozen=True)
class Cam:
    """The heat map's facts. inside_cell: the share of heat within the cell's outline, 0..1.

    trusted is False with the reason why not to rely on the map, and None where nothing speaks
    against it but its faithfulness has not been measured.
    """

    method: str
    inside_cell: float | None
    trusted: bool | None
    reason: str


@dataclass(frozen=True)
class CellReading:
    """One cell: bounding box (x, y, w, h) in pixels, P(ALL), log-odds, call and explanation.

    image: the part of the picture that was read, RGB uint8 (W, W, 3). heat: evidence for the call
    on it, float32 (W, W), 0..1, or None where no position speaks for the call.
    """

    bbox: tuple[int, int, int, int]
    probability: float
    logit: float
    call: str
    gate: Gate
    cam: Cam
    image: np.ndarray
    heat: np.ndarray | None

    @property
    def undecided(self) -> bool:
        """Whether the probability lies within 5 points of even odds."""
        return abs(self.probability - 0.5) < 0.05

    @property
    def probability_hem(self) -> float:
        """P(HEM)."""
        return 1 - self.probability

    @property
    def overlay(self) -> np.ndarray:
        """The image with its heat; without evidence, the image as it is."""
        return self.image if self.heat is None else overlay(self.image, self.heat)


@dataclass(frozen=True)
class Reading:
    """What came of one image. kind is "cell", or "refused" with the reason and a way out."""

    image: str
    kind: str
    reason: str | None
    cells: tuple[CellReading, ...]

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it. The interval is null: none is measured yet."""
        return {
            "image": self.image,
            "kind": self.kind,
            "reason": self.reason,
            "cells": [
                {
                    "bbox": list(cell.bbox),
                    "probability": cell.probability,
                    "logit": cell.logit,
                    "interval": None,
                    "call": cell.call,
                    "gate": asdict(cell.gate),
                    "cam": asdict(cell.cam),
                }
                for cell in self.cells
            ],
        }


class Reader:
    """Reads images with one run's engine. Threads may share one."""

    def __init__(self, run: Run) -> None:
        """Takes a finished run. Raises `RunError` or `ModelError` if it cannot read."""
        state = run.status.state
        if state != "succeeded":
            raise RunError(f"Run {run.run_id} is {state}; only a run that succeeded can read.")
        self.run = run
        self._contract = run.calibration
        self._geometry = catalog.architecture(run.config.architecture).geometry
        self._engine = Engine(run.engine_file)

    def read(self, source: Path | bytes, name: str | None = None) -> Reading:
        """Reads a file or its bytes. A file that cannot be decoded is refused, never raised."""
        name = name or (str(source) if isinstance(source, Path) else "upload")
        try:
            image = decode(source, name=Path(name).name)
        except UploadError as error:
            return Reading(name, "refused", str(error), ())
        mask = cell_mask(image)
        gate = check(image, mask, self._geometry)
        if not gate.passed:
            return Reading(name, "refused", gate.reason, ())
        return Reading(name, "cell", None, (self._read_cell(image, mask, gate),))

    def _read_cell(self, image: np.ndarray, mask: np.ndarray, gate: Gate) -> CellReading:
        output = self._engine(fit(image, self._geometry)[None])
        logit = float(output.logit[0])
        probability = float(calibration.probability(output.logit, self._contract)[0])
        call = calibration.call(probability, self._contract)
        shown = window(image, self._geometry.window)
        map_ = grad_cam(output.features[0], output.gradient[0], call)
        heat = resize_heat(map_.values, shown.shape[:2]) if map_.has_evidence else None
        return CellReading(
            bbox=bounding_box(mask),
            probability=probability,
            logit=logit,
            call=call,
            gate=gate,
            cam=_judge(heat, cell_mask(shown), call),
            image=shown,
            heat=heat,
        )


def _judge(heat: np.ndarray | None, mask: np.ndarray, call: str) -> Cam:
    if heat is None:
        reason = f"No part of the image speaks for {call} in this layer."
        return Cam(CAM_METHOD, None, False, reason)
    inside = float(heat[mask].sum() / heat.sum())
    if inside < INSIDE_CELL:
        reason = f"Only {inside:.0%} of the heat lies on the cell; the rest is on empty background."
        return Cam(CAM_METHOD, inside, False, reason)
    reason = f"{inside:.0%} of the heat lies on the cell; its faithfulness has not been measured."
    return Cam(CAM_METHOD, inside, None, reason)
