"""Reads an image with a finished run: call, probability, and what the call rests on."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.cells.masks import bounding_box, cell_mask, outline
from core.compat import cached_property
from core.data.images import decode_noted, fit, read_file
from core.errors import RunError, TooSmallError, UploadError
from core.explain import cam_methods
from core.explain.dihedral import Aggregated, aggregate
from core.explain.heat_map import HeatMap, View, views
from core.explain.overlay import overlay, resize_heat
from core.explain.suited import suited
from core.explain.trust import Judgement, judge
from core.models.engine import Engine
from core.ood.reference import Reference, load
from core.reading import neighbours
from core.reading.checks import OF_FEATURES, OF_PIXELS
from core.reading.description import Description, describe
from core.reading.gate import CheckedPicture, Gate, Prepared, examine, refused
from core.reading.neighbours import Neighbour, Seen
from core.reading.preparing.doubts import answer as answered
from core.reading.preparing.told import NOTHING_TOLD, Told
from core.runs.run_store import Run, require_model


@dataclass(frozen=True)
class CellReading:
    """The reading of one cell.

    bbox: (x, y, w, h) in pixels of the picture. probability to close: as `Answer` has them. image:
    what the model saw of the picture, RGB uint8 (W, W, 3). unadapted: the same before its colours
    were adapted to those of the training cells; None if they were not. heat_map: evidence for the
    leaning, at the resolution of the feature map, drawn by `method`; `Reader.judge` says whether to
    believe it. findings: the measures in words. similar: the nearest training cells, nearest first;
    None if the run did not keep them. seen: whether the model knows this very cell. doubts: why a
    person should look at it whatever the model says; then the call is review.
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

    @property
    def adapted(self) -> bool:
        """Whether it was read as if it were stained like the training cells."""
        return self.unadapted is not None

    @property
    def undecided(self) -> bool:
        """Whether a call of ALL or HEM lies so close to the threshold that it says little."""
        return self.close and self.call != "review"

    @property
    def probability_hem(self) -> float:
        return 1 - self.probability

    @cached_property
    def heat(self) -> np.ndarray | None:
        """The heat map on the image, float32 (W, W), 0..1; None if no position has evidence."""
        if not self.heat_map.has_evidence:
            return None
        return resize_heat(self.heat_map.values, self.image.shape[:2])

    @property
    def outlined(self) -> np.ndarray:
        """The image with the outline of the region that was measured, RGB uint8 (W, W, 3)."""
        return outline(self.image, cell_mask(self.image))

    @property
    def overlay(self) -> np.ndarray:
        """The image with its heat map; without evidence, the image as it is."""
        return self.image if self.heat is None else overlay(self.image, self.heat)

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
    before, and what was or would have been read, RGB uint8 (W, W, 3); None if as it is.
    """

    image: str
    kind: str
    reason: str | None
    cells: tuple[CellReading, ...]
    gate: Gate
    prepared: Prepared | None = None
    picture: np.ndarray | None = None

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


@dataclass(frozen=True)
class _Opened:
    """A file whose pixels have passed their checks, with the SHA-256 of its bytes."""

    name: str
    picture: CheckedPicture
    gate: Gate
    sha256: str


class Reader:
    """Reads images with the engine of one run. Threads may share one."""

    def __init__(self, run: Run, cam: str | None = None) -> None:
        """Takes a finished run and the key of a heat map in `core.explain.cam_methods`.

        None for the one that suits the run's architecture, see `core.explain.suited`. Raises
        `RunError` or `ModelError` if the run cannot read, `ConfigError` if the key is unknown.
        """
        if (state := run.status.state) != "succeeded":
            raise RunError(f"Run {run.run_id} is {state}; only a run that succeeded can read.")
        require_model(run)
        self.run, self.calibration = run, run.calibration
        self._geometry, self._stain = run.geometry, run.stain
        self.cam = suited(run.config.architecture).method if cam is None else cam
        self._method = cam_methods.method(self.cam)
        self._engine = Engine(run.engine_file)

    @cached_property
    def _reference(self) -> Reference | None:
        return load(self.run)

    @cached_property
    def _files(self) -> dict[str, Seen]:
        file, columns = self.run.path / "split.parquet", ["sha256", "split", "image_id"]
        return neighbours.files(pd.read_parquet(file, columns=columns))

    def read(
        self, source: Path | bytes, name: str | None = None, told: Told = NOTHING_TOLD
    ) -> Reading:
        """Reads a file or its bytes. A file that cannot be decoded is refused; nothing is raised.

        `told` is what a person says of it. Many files are read faster by `core.reading.batch`.
        """
        named = name or (str(source) if isinstance(source, Path) else "upload")
        return self.read_together([(named, source)], told)[0]

    def read_together(
        self, files: Sequence[tuple[str, Path | bytes]], told: Told = NOTHING_TOLD
    ) -> list[Reading]:
        """Reads files, or their bytes, with their names, by one call of the engine; see `read`.

        Threads may do so side by side.
        """
        opened = [self._open(name, source, told) for name, source in files]
        self.run_together([item.picture for item in opened if isinstance(item, _Opened)])
        return [self._finish(item) if isinstance(item, _Opened) else item for item in opened]

    def _open(self, name: str, source: Path | bytes, told: Told) -> _Opened | Reading:
        try:
            data = read_file(source, name=Path(name).name)
            image, notes = decode_noted(data, name=Path(name).name)
        except UploadError as error:
            code = "too small" if isinstance(error, TooSmallError) else "unreadable"
            return Reading(name, "refused", str(error), (), refused(code, str(error)))
        picture = self.picture(image)
        picture.hear(told, notes)
        gate = examine(picture, OF_PIXELS)
        if not gate.passed:
            return self._reading(name, picture, gate)
        return _Opened(name, picture, gate, hashlib.sha256(data).hexdigest())

    def _finish(self, opened: _Opened) -> Reading:
        picture = opened.picture
        gate = examine(picture, OF_FEATURES, opened.gate.checks)
        cell = self.read_cell(picture, gate, opened.sha256) if gate.passed else None
        return self._reading(opened.name, picture, gate, cell)

    def _reading(
        self, name: str, picture: CheckedPicture, gate: Gate, cell: CellReading | None = None
    ) -> Reading:
        return Reading(
            image=name,
            kind="cell" if cell else "refused",
            reason=gate.sentence,
            cells=(cell,) if cell else (),
            gate=gate,
            prepared=picture.changed,
            picture=picture.shown if picture.changed else None,
        )

    def many_at_once(self) -> AbstractContextManager[int]:
        """While open, threads read side by side: see `Engine.many_at_once`."""
        return self._engine.many_at_once()

    def picture(self, image: np.ndarray) -> CheckedPicture:
        """A picture, RGB uint8 (H, W, 3), ready for the checks of this run."""
        return CheckedPicture(image, self._geometry, self._reference, self._engine, self._stain)

    def run_together(self, pictures: list[CheckedPicture]) -> None:
        """Runs the engine on pictures in one batch and stores its output in them."""
        if not pictures:
            return
        output = self._engine(np.stack([picture.pixels for picture in pictures]))
        reference = self._reference
        distances = reference and reference.distances(output.features.mean(axis=(1, 2)))
        for row, picture in enumerate(pictures):
            picture.output = output.part(row)
            if distances is not None:
                picture.distances = distances[row]

    def read_cell(self, picture: CheckedPicture, gate: Gate, sha256: str) -> CellReading:
        """Reads a picture that passed the checks; `sha256` is of its file or its pixels."""
        output, prepared = picture.output, picture.prepared
        measured = prepared is None or prepared.size_known
        answer, doubts = answered(picture, self.calibration)
        reference = self._reference
        similar = reference and neighbours.most_similar(self.run, reference, picture.distances)
        view = View(
            picture.pixels, output.features[0], output.gradient[0], answer.logit, self._engine
        )
        return CellReading(
            bbox=bounding_box(prepared.mask if prepared else picture.mask),
            **vars(answer),
            gate=gate,
            doubts=doubts,
            image=picture.shown,
            unadapted=picture.unadapted,
            method=self._method.key,
            heat_map=self._method(view, answer.leaning),
            findings=describe(picture.morphology, reference, measured, gate.size("diameter_px")),
            similar=similar,
            seen=neighbours.seen(self._files, sha256, similar or (), reference and reference.limit),
        )

    def judge(self, cell: CellReading) -> Judgement:
        """Whether the heat map of a cell that this reader has read may be believed.

        Apart from the reading, because the engine reads some 60 more images for it.
        """
        view, method = self._view(cell), cam_methods.method(cell.method)
        mask, metrics = cell_mask(view.pixels), self.run.metrics
        skill = metrics.skill if metrics else None
        return judge(view, cell.heat_map, method, cell.leaning, mask, skill)

    def explain(self, cell: CellReading, cam: str) -> CellReading:
        """The same reading with a heat map by another method; `ConfigError` if it is unknown."""
        drawn = cam_methods.method(cam)(self._view(cell), cell.leaning)
        return replace(cell, method=cam, heat_map=drawn)

    def _view(self, cell: CellReading) -> View:
        return views(self._engine, fit(cell.image, self._geometry)[None])[0]

    def aggregate(self, cell: CellReading) -> Aggregated:
        """The heat map of a cell over its eight dihedral views, and how much they agree."""
        pixels, method = fit(cell.image, self._geometry), cam_methods.method(cell.method)
        return aggregate(self._engine, pixels, method, cell.leaning)
