"""Reads an image with a finished run: call, probability, and what the call rests on."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.cells.masks import bounding_box, cell_mask, outline
from core.compat import cached_property
from core.data.images import decode, fit, read_file, window
from core.errors import RunError, TooSmallError, UploadError
from core.explain import methods
from core.explain.cam import HeatMap, View, views
from core.explain.dihedral import Aggregated, aggregate
from core.explain.overlay import overlay, resize_heat
from core.explain.trust import Judgement, judge
from core.models.engine import Engine, EngineOutput
from core.ood import reference
from core.ood.reference import Reference
from core.reading import neighbours
from core.reading.checked_picture import CheckedPicture, Gate, Prepared, examine, refused
from core.reading.description import Description, describe
from core.reading.gate import OF_FEATURES, OF_PIXELS
from core.reading.neighbours import Neighbour, Seen
from core.runs.run_store import Run, require_model

DEFAULT_CAM = "grad-cam"


@dataclass(frozen=True)
class CellReading:
    """One cell: bounding box (x, y, w, h) in pixels, P(ALL), log-odds, call and explanation.

    interval: [low, high] of P(ALL), as `Calibration.interval_at` has it, or None. call: ALL, HEM or
    review; leaning: ALL or HEM, the side of the threshold, which is the call unless that is review.
    close: whether the threshold is too near to rely on the side. image: the part of the picture
    that was read, RGB uint8 (W, W, 3). heat_map: evidence for the leaning, at the resolution of the
    feature map, drawn by `method`. Whether to believe it, `Reader.judge` says. findings: what was
    measured, in words. similar: the nearest training cells, nearest first; None where the run did
    not keep them. seen: whether the model knows this very cell.
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

    @property
    def undecided(self) -> bool:
        """Whether a call of ALL or HEM lies so close to the threshold that it says little."""
        return self.close and self.call != "review"

    @property
    def probability_hem(self) -> float:
        """P(HEM)."""
        return 1 - self.probability

    @cached_property
    def heat(self) -> np.ndarray | None:
        """The heat map on the image, float32 (W, W), 0..1; None where no position has evidence."""
        if not self.heat_map.has_evidence:
            return None
        return resize_heat(self.heat_map.values, self.image.shape[:2])

    @property
    def outlined(self) -> np.ndarray:
        """The image with the outline of what was measured, RGB uint8 (W, W, 3)."""
        return outline(self.image, cell_mask(self.image))

    @property
    def overlay(self) -> np.ndarray:
        """The image with its heat; without evidence, the image as it is."""
        return self.image if self.heat is None else overlay(self.image, self.heat)


@dataclass(frozen=True)
class Reading:
    """What came of one image. kind is "cell", or "refused" with the reason and a way out.

    gate: the checks of the picture, those of its one cell included. prepared and picture: what was
    done to it, and what was or would have been read of it, RGB uint8 (W, W, 3); None where the
    picture was taken as it is.
    """

    image: str
    kind: str
    reason: str | None
    cells: tuple[CellReading, ...]
    gate: Gate
    prepared: Prepared | None = None
    picture: np.ndarray | None = None

    def to_json(self, judge: Callable[[CellReading], Judgement]) -> dict[str, Any]:
        """As the command line prints it. The interval is null where the model has none."""
        judged = [judge(cell) for cell in self.cells]
        return {
            "image": self.image,
            "kind": self.kind,
            "reason": self.reason,
            "gate": asdict(self.gate),
            "prepared": None if self.prepared is None else list(self.prepared.words),
            "cells": [
                {
                    "bbox": list(cell.bbox),
                    "probability": cell.probability,
                    "logit": cell.logit,
                    "interval": None if cell.interval is None else list(cell.interval),
                    "call": cell.call,
                    "leaning": cell.leaning,
                    "gate": asdict(cell.gate),
                    "cam": found.to_json(),
                    "trust": found.details(),
                    **_more(cell),
                }
                for cell, found in zip(self.cells, judged, strict=True)
            ],
        }


@dataclass(frozen=True)
class _Opened:
    """A file that has passed the checks of its pixels, `gate`; sha256 is of its bytes."""

    name: str
    picture: CheckedPicture
    gate: Gate
    sha256: str


class Reader:
    """Reads images with one run's engine. Threads may share one."""

    def __init__(self, run: Run, cam: str = DEFAULT_CAM) -> None:
        """Takes a finished run and the key of a heat map in `core.explain.methods`.

        Raises `RunError` or `ModelError` if the run cannot read, `ConfigError` for another key.
        """
        state = run.status.state
        if state != "succeeded":
            raise RunError(f"Run {run.run_id} is {state}; only a run that succeeded can read.")
        require_model(run)
        self.run = run
        self.contract = run.calibration  # threshold, review band and how a logit becomes P(ALL)
        self._geometry = run.geometry
        self.cam = cam
        self._method = methods.method(cam)
        self._engine = Engine(run.engine_file)

    @cached_property
    def _reference(self) -> Reference | None:
        return reference.load(self.run)

    @cached_property
    def _files(self) -> dict[str, Seen]:
        columns = ["sha256", "split", "image_id"]
        return neighbours.files(pd.read_parquet(self.run.path / "split.parquet", columns=columns))

    def read(self, source: Path | bytes, name: str | None = None) -> Reading:
        """Reads a file or its bytes. A file that cannot be decoded is refused, never raised.

        There is no way to hand over pixels: they come from the one door and fit the contract. Many
        files are read faster by `core.reading.batch`.
        """
        name = name or (str(source) if isinstance(source, Path) else "upload")
        return self.read_together([(name, source)])[0]

    def read_together(self, files: Sequence[tuple[str, Path | bytes]]) -> list[Reading]:
        """Reads files, or their bytes, under these names: those of cells by one call of the engine.

        Threads may do so side by side.
        """
        opened = [self._open(name, source) for name, source in files]
        self.run_together([one.picture for one in opened if isinstance(one, _Opened)])
        return [self._finish(one) if isinstance(one, _Opened) else one for one in opened]

    def _open(self, name: str, source: Path | bytes) -> _Opened | Reading:
        try:
            data = read_file(source, name=Path(name).name)
            image = decode(data, name=Path(name).name)
        except UploadError as error:
            code = "too small" if isinstance(error, TooSmallError) else "unreadable"
            return Reading(name, "refused", str(error), (), refused(code, str(error)))
        picture = self.picture(image)
        gate = examine(picture, OF_PIXELS)
        if not gate.passed:
            return self._refused(name, picture, gate)
        return _Opened(name, picture, gate, hashlib.sha256(data).hexdigest())

    def _finish(self, opened: _Opened) -> Reading:
        name, picture = opened.name, opened.picture
        gate = examine(picture, OF_FEATURES, opened.gate.checks)
        if not gate.passed:
            return self._refused(name, picture, gate)
        cell = self.read_cell(picture, gate, opened.sha256)
        return Reading(name, "cell", None, (cell,), gate, picture.prepared, self._picture(picture))

    def _refused(self, name: str, picture: CheckedPicture, gate: Gate) -> Reading:
        shown = self._picture(picture)
        return Reading(name, "refused", gate.sentence, (), gate, picture.prepared, shown)

    def _picture(self, picture: CheckedPicture) -> np.ndarray | None:
        return self.window(picture.image) if picture.prepared else None

    def many_at_once(self) -> AbstractContextManager[int]:
        """Until left, threads read side by side: see `Engine.many_at_once`."""
        return self._engine.many_at_once()

    def picture(self, image: np.ndarray) -> CheckedPicture:
        """A picture, RGB uint8 (H, W, 3), on its way through this run's checks."""
        return CheckedPicture(image, self._geometry, self._reference, self._run)

    def window(self, image: np.ndarray) -> np.ndarray:
        """The part of a picture that the model sees, RGB uint8 (W, W, 3)."""
        return window(image, self._geometry.window)

    def _run(self, pixels: np.ndarray) -> EngineOutput:
        return self._engine(pixels)

    def run_together(self, subjects: list[CheckedPicture]) -> None:
        """Gives subjects what the engine says of them, in one batch."""
        if not subjects:
            return
        output = self._run(np.stack([picture.pixels for picture in subjects]))
        kept = self._reference
        distances = None if kept is None else kept.distances(output.features.mean(axis=(1, 2)))
        for row, picture in enumerate(subjects):
            picture.output = output.part(row)
            if distances is not None:
                picture.distances = distances[row]

    def _similar(
        self, picture: CheckedPicture, sha256: str
    ) -> tuple[tuple[Neighbour, ...] | None, Seen | None]:
        kept = self._reference
        if kept is None:
            return None, neighbours.seen(self._files, sha256)
        similar = neighbours.most_similar(self.run, kept, picture.distances)
        return similar, neighbours.seen(self._files, sha256, similar, kept.limit)

    def read_cell(self, picture: CheckedPicture, gate: Gate, sha256: str) -> CellReading:
        """The reading of a subject that passed the gate; `sha256` names its file or pixels."""
        image, mask, output = picture.image, picture.mask, picture.output
        answer = self.contract.answer(float(output.logit[0]))
        prepared = picture.prepared
        similar, seen = self._similar(picture, sha256)
        view = View(
            picture.pixels, output.features[0], output.gradient[0], answer.logit, self._engine
        )
        return CellReading(
            bbox=bounding_box(prepared.mask if prepared else mask),
            **vars(answer),
            gate=gate,
            image=window(image, self._geometry.window),
            method=self._method.key,
            heat_map=self._method(view, answer.leaning),
            findings=describe(
                picture.morphology,
                self._reference,
                size_known=prepared is None or prepared.size_known,
            ),
            similar=similar,
            seen=seen,
        )

    def judge(self, cell: CellReading) -> Judgement:
        """Whether the heat map of a cell that this reader has read may be believed.

        Apart from the reading, since it costs some 60 further images of the engine.
        """
        view = self._view(cell)
        method = methods.method(cell.method)
        return judge(view, cell.heat_map, method, cell.leaning, cell_mask(view.pixels))

    def explain(self, cell: CellReading, cam: str) -> CellReading:
        """The same reading with a heat map drawn by another method; `ConfigError` if unknown."""
        heat_map = methods.method(cam)(self._view(cell), cell.leaning)
        return replace(cell, method=cam, heat_map=heat_map)

    def _view(self, cell: CellReading) -> View:
        return views(self._engine, fit(cell.image, self._geometry)[None])[0]

    def aggregate(self, cell: CellReading) -> Aggregated:
        """The heat map of a cell over its eight dihedral views, and how much they agree."""
        pixels = fit(cell.image, self._geometry)
        return aggregate(self._engine, pixels, methods.method(cell.method), cell.leaning)


def _more(cell: CellReading) -> dict[str, Any]:
    """What stands beside a call, as the command line prints it."""
    similar = None
    if cell.similar is not None:
        similar = [
            asdict(one) | {"file": None if one.file is None else str(one.file)}
            for one in cell.similar
        ]
    return {
        "morphology": [asdict(finding) for finding in cell.findings],
        "similar": similar,
        "seen": None if cell.seen is None else asdict(cell.seen),
    }
