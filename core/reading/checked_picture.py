"""A picture on its way through the checks that decide whether a model may read it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from core.cells.detection.detect import Cell, Field
from core.cells.detection.red_cells import RED_CELL_UM
from core.cells.masks import largest_region, lit_mask
from core.cells.morphology import Morphology, measure
from core.cells.scale import size
from core.compat import cached_property
from core.data.geometry import Geometry, fit
from core.data.pixel_cache import CELL, IMAGE, prepare
from core.models.engine import EngineOutput
from core.ood.reference import Reference
from core.reading.prepared import Prepared
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.runs.stain import Stain

BORDER_DEPTH = 0.05


# What a `CheckedPicture` computes once from its image.
DERIVED = ("lit", "mask", "morphology", "shown", "pixels", "output", "distances", "black_border")


@dataclass(frozen=True)
class Refusal:
    """Why a picture is not read, and what to do instead.

    offer: what a person could say of it for it to be read; None if nothing.
    """

    reason: str
    way_out: str
    offer: ReadingOptions | None = None


@dataclass(frozen=True)
class Gate:
    """The result of the checks.

    code: the check that refused the picture, one of `core.reading.checks`, with its reason
    and way out; None if it passed. checks: those it passed, in order. unchecked: those that could
    not be made, each with the reason. figures: the measures, by name:

    black_border: share of the picture's border that is black. cell_share: share of the model's
    window that the cell fills. other_regions: further lit area, as a share of the cell. green: mean
    green of the cell over the weaker of its mean red and blue. texture, focus: `Morphology`'s.
    diameter_px, least_diameter_px, most_diameter_px: of the cell, at the scale of training, and its
    range in training. least_focus: in training. cut_off: the longest straight piece of the cell's
    outline on the picture's edge, over its diameter. foreign_colours, glass, white_cells and
    red_cells_across: of a picture with a background, see `Scene`. close_up: 1 if such a one was
    taken for one cell, 0 if it shows a field. red_over_blue, red_varies: see
    `core.reading.preparing.channels.Balance`. enlargement: what brought the cell to the scale of
    training. um_per_px: the scale of the picture as it came, if it is known. appearance,
    appearance_limit: distance in what is measured, in standard deviations. own_appearance: that
    distance before colours were adapted. distance, distance_limit: in the model's features, 0 to 2.

    offer: what a person could say of the picture for it to be read; None if nothing.
    """

    code: str | None
    reason: str | None
    way_out: str | None
    checks: tuple[str, ...]
    unchecked: dict[str, str]
    figures: dict[str, float | None]
    offer: ReadingOptions | None = None

    @property
    def passed(self) -> bool:
        return self.code is None

    @property
    def sentence(self) -> str | None:
        """Reason and way out in one line; None if the picture passed."""
        return None if self.code is None else f"{self.reason} {self.way_out}"

    @property
    def cell_share(self) -> float:
        """Share of the model's window that the cell fills."""
        return self.figures.get("cell_share") or 0.0

    @property
    def um_per_px(self) -> float | None:
        """Micrometres a pixel of the picture as it came; None if its scale is not known."""
        return self.figures.get("um_per_px")

    @property
    def diameter_um(self) -> float | None:
        """The diameter of the cell in micrometres, None if it or the scale is not known."""
        pixels, scale = self._own_pixels("diameter_px"), self.um_per_px
        return None if pixels is None or scale is None else pixels * scale

    def size(self, figure: str) -> str:
        """A figure that is a length at the scale of training, in words; "" if it is not known."""
        pixels = self._own_pixels(figure)
        return "" if pixels is None else size([pixels], self.um_per_px)

    def _own_pixels(self, figure: str) -> float | None:
        """A length at the scale of training, in pixels of the picture if its scale is known."""
        length = self.figures.get(figure)
        factor = self.figures.get("enlargement") if self.um_per_px else 1.0
        return length / factor if length and factor else length


@dataclass(frozen=True)
class Scene:
    """The contents of a picture with a background.

    foreign: share of pixels in colours that no smear has. glass: share that is empty. field: its
    detected cells, None if those two say that it is no smear.
    """

    foreign: float
    glass: float
    field: Field | None

    @property
    def cells(self) -> tuple[Cell, ...]:
        return () if self.field is None else self.field.cells


@dataclass
class CheckedPicture:
    """A picture on its way through the checks: what they measure, and what they record.

    image: RGB uint8 (H, W, 3), replaced by `use` if a cell is cut out of it. run: the engine.
    stain: the colours of the reference cells; None if the run did not keep them. whole_image:
    whether the model sees the image as it is, not one cell. scene: the contents of a picture with a
    background. notes: what was assumed of the picture or done to its colours, in sentences. told:
    what a person said of it. unadapted: what the model would have seen before the colours were
    adapted to those of the reference cells; None if they were not.
    """

    image: np.ndarray
    geometry: Geometry
    reference: Reference | None
    run: Callable[[np.ndarray], EngineOutput]
    stain: Stain | None = None
    whole_image: bool = False
    figures: dict[str, float | None] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    scene: Scene | None = None
    prepared: Prepared | None = None
    # Sharpness and clipping are of the pixels as they came, before they are brought to scale.
    native: tuple[np.ndarray, np.ndarray] | None = None
    notes: tuple[str, ...] = ()
    options: ReadingOptions = NO_OPTIONS
    unadapted: np.ndarray | None = None

    def hear(self, options: ReadingOptions, notes: tuple[str, ...]) -> None:
        """Takes what a person, and what its file, says of the picture: before the checks."""
        self.options, self.notes = options, notes
        if options.swap_red_blue:
            self.image = np.ascontiguousarray(self.image[:, :, ::-1])
            self.notes += ("Red and blue were swapped, as told.",)

    def use(self, image: np.ndarray, prepared: Prepared, native: np.ndarray) -> None:
        """Continues with a cell that was cut out; `native` is the picture with all else black.

        The words of what was done before stay in front.
        """
        before = self.prepared.words if self.prepared else self.notes
        self.native = native, prepared.mask
        self.image = image
        self.prepared = replace(prepared, words=before + prepared.words)
        for name in DERIVED:
            self.__dict__.pop(name, None)

    @property
    def um_per_px(self) -> float | None:
        """Micrometres a pixel of the picture as it came; None if its scale is not known."""
        factor, red_cell = (
            self.figures.get("enlargement"),
            self.reference and self.reference.red_cell,
        )
        if not (self.prepared and self.prepared.size_known and factor and red_cell):
            return None
        return factor * RED_CELL_UM / red_cell

    @property
    def changed(self) -> Prepared | None:
        """How the picture was changed, or what was assumed of it; None if neither."""
        if self.prepared is None and self.notes:
            return Prepared(self.image, self.mask, self.notes, size_known=True, cut_out=False)
        return self.prepared

    @cached_property
    def lit(self) -> np.ndarray:
        """The pixels that are not black, bool (H, W)."""
        return lit_mask(self.image)

    @cached_property
    def mask(self) -> np.ndarray:
        """The largest region that is not black, bool (H, W)."""
        return largest_region(self.lit)

    @cached_property
    def morphology(self) -> Morphology:
        """The measures of that region, which must not be empty."""
        return measure(self.image, self.mask)

    @property
    def items(self) -> str:
        """What the model reads: "cells", or "images" if it sees whole images."""
        return f"{IMAGE if self.whole_image else CELL}s"

    @cached_property
    def shown(self) -> np.ndarray:
        """What the model sees, before it is made smaller: RGB uint8 (W, W, 3)."""
        normaliser = self.stain.normaliser if self.stain else None
        inputs = IMAGE if self.whole_image else CELL
        return prepare(self.image, self.geometry, normaliser, inputs)

    @cached_property
    def pixels(self) -> np.ndarray:
        """The input of the engine, uint8 (S, S, 3)."""
        return fit(self.shown, self.geometry)

    @cached_property
    def output(self) -> EngineOutput:
        return self.run(self.pixels[None])

    @cached_property
    def distances(self) -> np.ndarray:
        """The distance to each reference cell, (N,); see `Reference.distances`."""
        if self.reference is None:
            raise ValueError("The model kept no reference cells to measure a distance to.")
        return self.reference.distances(self.output.features[0].mean(axis=(0, 1)))

    @cached_property
    def black_border(self) -> float:
        """The share of the border that is black."""
        depth = max(2, round(min(self.lit.shape) * BORDER_DEPTH))
        inner = self.lit[depth:-depth, depth:-depth]
        on_border = np.count_nonzero(self.lit) - cv2.countNonZero(inner.view(np.uint8))
        return float(1 - on_border / (self.lit.size - inner.size))


Check = Callable[[CheckedPicture], Refusal | None]


def examine(
    picture: CheckedPicture, checks: dict[str, Check], before: tuple[str, ...] = ()
) -> Gate:
    """Makes the checks in their order, up to the first that refuses.

    `before` names the checks that the picture has passed already.
    """
    passed = list(before)
    for code, check in checks.items():
        refusal = check(picture)
        if refusal is not None:
            return _gate(picture, passed, code, refusal)
        if code not in picture.unchecked:
            passed.append(code)
    return _gate(picture, passed, None, None)


def _gate(
    picture: CheckedPicture, passed: list[str], code: str | None, refusal: Refusal | None
) -> Gate:
    figures = dict(picture.figures)
    if picture.um_per_px is not None:
        figures["um_per_px"] = picture.um_per_px
    return Gate(
        code=code,
        reason=None if refusal is None else refusal.reason,
        way_out=None if refusal is None else refusal.way_out,
        checks=tuple(passed),
        unchecked=dict(picture.unchecked),
        figures=figures,
        offer=None if refusal is None else refusal.offer,
    )


def refused(code: str, reason: str, way_out: str = "") -> Gate:
    """The gate of something that was refused before any check."""
    return Gate(code, reason, way_out, (), {}, {})
