"""Reads an image with a finished run: call, probability, and what the call rests on."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from core.cells.masks import bounding_box, cell_mask
from core.compat import cached_property
from core.data.geometry import fit
from core.data.images import decode_noted, read_file
from core.errors import TooSmallError, UploadError
from core.explain import cam_methods
from core.explain.dihedral import Aggregated, aggregate
from core.explain.heat_map import View, views
from core.explain.suited import suited
from core.explain.trust import WEAK, Judgement, judge
from core.models.engine import Engine
from core.ood.reference import Reference, load
from core.reading import neighbours
from core.reading.cell_reading import CellReading, Reading
from core.reading.checked_picture import CheckedPicture, Gate, examine, refused
from core.reading.checks import OF_FEATURES, OF_PIXELS, OF_WHOLE_IMAGES
from core.reading.description import Description, describe
from core.reading.neighbours import Neighbour, Seen
from core.reading.preparing.doubts import LOBED
from core.reading.preparing.doubts import answer as answered
from core.reading.preparing.eyepiece import open_picture
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.runs.run_store import Run, require_model

NO_CELLS = "No white cell was found in the image, on which the heat map would have to lie."


@dataclass(frozen=True)
class Opened:
    """A file whose pixels have passed their checks, with its bytes."""

    name: str
    picture: CheckedPicture
    gate: Gate
    data: bytes

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, 64 hex digits."""
        return hashlib.sha256(self.data).hexdigest()


class Reader:
    """Reads images with the engine of one run. Threads may share one."""

    def __init__(self, run: Run, cam: str | None = None) -> None:
        """Takes a finished run and the key of a heat map in `core.explain.cam_methods`.

        None for the one that suits the run's architecture, see `core.explain.suited`. Raises
        `RunError` or `ModelError` if the run cannot read, `ConfigError` if the key is unknown.
        """
        run.require_succeeded("read")
        require_model(run)
        self.run, self.calibration = run, run.calibration
        self._geometry, self._stain = run.geometry, run.stain
        self.cam = suited(run.config.architecture).method if cam is None else cam
        self._method = cam_methods.method(self.cam)
        self._engine = Engine(run.engine_file)
        self.whole_images = run.config.sees_whole_images

    @cached_property
    def _reference(self) -> Reference | None:
        return load(self.run)

    @cached_property
    def _files(self) -> dict[str, Seen]:
        file, columns = self.run.path / "split.parquet", ["sha256", "split", "image_id"]
        return neighbours.files(pd.read_parquet(file, columns=columns))

    def read(
        self, source: Path | bytes, name: str | None = None, options: ReadingOptions = NO_OPTIONS
    ) -> Reading:
        """Reads a file or its bytes. A file that cannot be decoded is refused; nothing is raised.

        `told` is what a person says of it. Many files are read faster by `core.reading.batch`.
        """
        named = name or (str(source) if isinstance(source, Path) else "upload")
        return self.read_together([(named, source)], options)[0]

    def read_together(
        self, files: Sequence[tuple[str, Path | bytes]], options: ReadingOptions = NO_OPTIONS
    ) -> list[Reading]:
        """Reads files, or their bytes, with their names, by one call of the engine; see `read`.

        Threads may do so side by side.
        """
        opened = [self.open(name, source, options) for name, source in files]
        self.run_together([item.picture for item in opened if isinstance(item, Opened)])
        return [self._finish(item) if isinstance(item, Opened) else item for item in opened]

    def open(self, name: str, source: Path | bytes, options: ReadingOptions) -> Opened | Reading:
        """Decodes a file, or its bytes, and makes the checks of pixels; the reading of one refused.

        Then come `run_together` and the checks of features.
        """
        try:
            data = read_file(source, name=Path(name).name)
            image, notes = self.pixels(data, Path(name).name)
        except UploadError as error:
            code = "too small" if isinstance(error, TooSmallError) else "unreadable"
            return Reading(name, "refused", str(error), (), refused(code, str(error)))
        picture = self.picture(image)
        picture.hear(options, notes)
        gate = examine(picture, OF_WHOLE_IMAGES if self.whole_images else OF_PIXELS)
        if not gate.passed:
            return self._reading(name, picture, gate)
        return Opened(name, picture, gate, data)

    def pixels(self, data: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """The pixels of a file as this run is to see them, and what was done to them.

        Raises `UploadError` if it cannot be decoded.
        """
        return decode_noted(data, name) if self.whole_images else open_picture(data, name)

    def _finish(self, opened: Opened) -> Reading:
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
            findings=() if cell else self.describe(picture, gate),
        )

    def describe(self, picture: CheckedPicture, gate: Gate) -> tuple[Description, ...]:
        """The measures of a picture's one cell, read or not; none if it shows no single cell."""
        if self.whole_images or not (gate.passed or "natural background" in gate.checks):
            return ()
        measured = picture.prepared is None or picture.prepared.size_known
        found = describe(picture.morphology, self._reference, measured, gate.size("diameter_px"))
        if picture.prepared is not None and picture.prepared.lobed:
            found += (Description("lobed", None, LOBED, brief="nucleus bent or in lobes"),)
        return found

    @property
    def device(self) -> str:
        """What it reads on, in words: see `core.models.device`. Raises as reading does."""
        return str(self._engine.placement)

    def many_at_once(self) -> AbstractContextManager[int]:
        """While open, threads read side by side: see `Engine.many_at_once`."""
        return self._engine.many_at_once()

    def picture(self, image: np.ndarray) -> CheckedPicture:
        """A picture, RGB uint8 (H, W, 3), ready for the checks of this run."""
        return CheckedPicture(
            image, self._geometry, self._reference, self._engine, self._stain, self.whole_images
        )

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
        answer, doubts = answered(picture, self.calibration)
        similar = self._similar(picture)
        view = View(
            picture.pixels, output.features[0], output.gradient[0], answer.logit, self._engine
        )
        height, width = picture.image.shape[:2]
        region = prepared.mask if prepared else picture.mask
        return CellReading(
            bbox=(0, 0, width, height) if self.whole_images else bounding_box(region),
            **vars(answer),
            gate=gate,
            doubts=doubts,
            image=picture.shown,
            unadapted=picture.unadapted,
            method=self._method.key,
            heat_map=self._method(view, answer.leaning),
            findings=self.describe(picture, gate),
            similar=similar,
            whole_image=self.whole_images,
            seen=self._known(sha256, similar),
        )

    def known(self, picture: CheckedPicture, sha256: str) -> Seen | None:
        """The cell of the run that a picture which passed the checks is, or is a copy of."""
        return self._known(sha256, self._similar(picture))

    def _similar(self, picture: CheckedPicture) -> tuple[Neighbour, ...] | None:
        if (reference := self._reference) is None:
            return None
        return neighbours.most_similar(self.run, reference, picture.distances)

    def _known(self, sha256: str, similar: tuple[Neighbour, ...] | None) -> Seen | None:
        limit = self._reference and self._reference.limit
        return neighbours.seen(self._files, sha256, similar or (), limit)

    def judge(self, cell: CellReading) -> Judgement:
        """Whether the heat map of a cell that this reader has read may be believed.

        Apart from the reading, because the engine reads some 60 more images for it.
        """
        view, method = self._view(cell), cam_methods.method(cell.method)
        lit, metrics = cell_mask(view.pixels), self.run.metrics
        skill = metrics.skill if metrics else None
        if not self.whole_images:
            return judge(view, cell.heat_map, method, cell.leaning, lit, skill)
        side = view.pixels.shape[:2]
        cells = cv2.resize(cell.region.view(np.uint8) * 255, side, interpolation=cv2.INTER_AREA)
        if not (cells >= 128).any():
            return Judgement(method.key, WEAK, NO_CELLS, None)
        return judge(view, cell.heat_map, method, cell.leaning, cells >= 128, skill, image=lit)

    def explain(self, cell: CellReading, cam: str) -> CellReading:
        """The same reading with a heat map by another method; `ConfigError` if it is unknown."""
        drawn = cam_methods.method(cam)(self._view(cell), cell.leaning)
        return replace(cell, method=cam, heat_map=drawn)

    def _view(self, cell: CellReading) -> View:
        return views(self._engine, fit(cell.image, self._geometry)[None])[0]

    def nearest_of_each_class(self, cell: CellReading) -> tuple[Neighbour, ...]:
        """The two training cells of each class most like a cell, blasts first.

        () if the run did not keep its training cells.
        """
        if (reference := self._reference) is None:
            return ()
        features = self._engine(fit(cell.image, self._geometry)[None]).features
        distances = reference.distances(features[0].mean(axis=(0, 1)))
        return neighbours.nearest_of_each_class(self.run, reference, distances)

    def aggregate(self, cell: CellReading) -> Aggregated:
        """The heat map of a cell over its eight dihedral views, and how much they agree."""
        pixels, method = fit(cell.image, self._geometry), cam_methods.method(cell.method)
        return aggregate(self._engine, pixels, method, cell.leaning)
