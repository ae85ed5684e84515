"""Converts a cell of a field to an image as classifiers expect it: on black, centred, at scale.

C-NMC's images have no scale bar and no red cells. Their scale is assumed, not measured: a red cell
of 7.5 µm is taken to be 125 pixels there, as in this project's synthetic fields: 0.06 µm a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.detection.detect import Cell, Field

CNMC_SIDE = 450  # pixels, of the smaller of the two kinds of image in C-NMC
UM_PER_PX = 0.06
CAMERA_UM = (0.02, 1.0)  # micrometres per pixel that an optical microscope's field can have


@dataclass(frozen=True)
class AskForMagnification:
    """The answer if there is no scale: too few red cells, so a person has to give it."""

    reason: str


def bar_limits(bar_px: int) -> tuple[float, float]:
    """The lengths in µm that a scale bar of so many pixels can stand for."""
    return CAMERA_UM[0] * bar_px, CAMERA_UM[1] * bar_px


def by_bar(bar_px: int, bar_um: float) -> float:
    """Micrometres per pixel, where a scale bar of so many pixels stands for so many µm."""
    return bar_um / bar_px


def scale_of(field: Field, um_per_px: float | None = None) -> float | AskForMagnification:
    """Micrometres per pixel: as given, or by the field's red cells, or the question for it."""
    scale = um_per_px if um_per_px is not None else field.ruler.um_per_px
    if scale is None:
        return AskForMagnification(
            f"Red cells whole enough to serve as a ruler: {field.ruler.arcs}, too few. Say how "
            "many micrometres a pixel of this image covers (the camera's pixel size in µm over "
            "the magnification)."
        )
    low, high = CAMERA_UM
    if not low <= scale <= high:
        return AskForMagnification(
            f"{scale:g} µm a pixel cannot be: say a value from {low:g} to {high:g}."
        )
    return scale


def to_model(image: np.ndarray, cell: Cell, um_per_px: float, side: int = CNMC_SIDE) -> np.ndarray:
    """The cell alone, centred on black at C-NMC's scale: RGB uint8 (side, side, 3).

    `image` is the field, RGB uint8 (H, W, 3), `um_per_px` its scale. A cell larger than the image
    is cut at its border.
    """
    x, y, w, h = cell.bbox
    factor = um_per_px / UM_PER_PX
    size = max(1, round(w * factor)), max(1, round(h * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(np.ascontiguousarray(image[y : y + h, x : x + w]), size, interpolation=way)
    mask = cv2.resize(cell.mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= 0.5
    pixels[~mask] = 0
    result = np.zeros((side, side, 3), np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    target = result[max(0, top) : top + size[1], max(0, left) : left + size[0]]
    source = pixels[max(0, -top) :, max(0, -left) :]
    target[:] = source[: target.shape[0], : target.shape[1]]
    return result


def size(pixels: Sequence[float], um_per_px: float | None) -> str:
    """One or more lengths in words: "10.3 µm (40 px)" where the scale is known, else "40 px"."""
    written = " x ".join(f"{length:.0f}" for length in pixels) + " px"
    if um_per_px is None:
        return written
    micrometres = " x ".join(f"{length * um_per_px:.1f}" for length in pixels)
    return f"{micrometres} µm ({written})"
