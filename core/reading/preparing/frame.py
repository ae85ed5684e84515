"""A cell on black at another scale than training's, such as a frame that was made smaller."""

from dataclasses import replace

import cv2
import numpy as np

from core.cells.detection.red_cells import RED_CELL_UM
from core.cells.scale import CAMERA_UM, CNMC_SIDE, UM_PER_PX
from core.ood.reference import Reference
from core.reading.checked_picture import CheckedPicture, Refusal
from core.reading.prepared import Prepared
from core.reading.preparing.options import ReadingOptions

MAX_INVENTED = 1.25  # pixels of the model's input for one of the picture
CLEARLY = 0.97  # a factor nearer to 1 changes nothing


def um_of_training(reference: Reference | None) -> float:
    """Micrometres a pixel of the training images; C-NMC's, as assumed, where it was not kept."""
    red_cell = reference and reference.red_cell
    return RED_CELL_UM / red_cell if red_cell else UM_PER_PX


def bring_to_scale(picture: CheckedPicture, um_per_px: float) -> Refusal | None:
    """Scales a picture on black from the micrometres a pixel that were told to those of training.

    Refuses what no microscope's camera has, and what would have to be enlarged too far.
    """
    low, high = CAMERA_UM
    if not low <= um_per_px <= high:
        return Refusal(
            f"{um_per_px:g} µm a pixel is out of range.", f"Give a value from {low:g} to {high:g}."
        )
    factor = um_per_px / um_of_training(picture.reference)
    picture.figures["enlargement"] = factor
    if CLEARLY <= factor <= 1 / CLEARLY:
        return None
    invented = factor * picture.geometry.size / picture.geometry.window
    if invented > MAX_INVENTED:
        return Refusal(
            f"The cell has too few pixels: it would have to be enlarged {factor:.1f} times to be "
            "of the size this model knows.",
            "Take it at a higher magnification, or export it without making it smaller.",
        )
    image, mask = picture.image, picture.mask
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(image, None, fx=factor, fy=factor, interpolation=way)
    inside = cv2.resize(mask.view(np.uint8) * 255, scaled.shape[1::-1]) >= 128
    scaled[~inside] = 0  # a cubic rings beside the cell
    lost = " Detail that the smaller picture had lost is missing." if factor > 1 else ""
    words = f"Scaled by {factor:.2f} to the reference cells, by the scale that was told.{lost}"
    original = picture.prepared.original if picture.prepared else image
    cut_out = picture.prepared is not None and picture.prepared.cut_out
    picture.use(scaled, Prepared(original, mask, (words,), True, cut_out), image)
    return None


def note_the_scale(picture: CheckedPicture) -> None:
    """Notes that the scale is assumed, of a picture on black that is smaller than C-NMC's."""
    height, width = picture.image.shape[:2]
    if picture.prepared is None and max(height, width) < CLEARLY * CNMC_SIDE:
        um_per_px = um_of_training(picture.reference)
        picture.notes += (
            f"It is {width} x {height} pixels, smaller than a frame of {CNMC_SIDE}. A pixel is "
            f"taken to be {um_per_px:g} µm, as of the reference cells: if the picture was made "
            "smaller, say its scale.",
        )


def proposed(picture: CheckedPicture) -> ReadingOptions | None:
    """The scale of a square picture on black, if it is a whole frame of C-NMC made smaller.

    It is one if the cell, too small as it is, would then be of a size that the model knows.
    """
    height, width = picture.image.shape[:2]
    known = picture.reference and picture.reference.diameter
    if not known or picture.prepared or height != width or height >= CLEARLY * CNMC_SIDE:
        return None
    factor = CNMC_SIDE / height
    fits = known[0] <= factor * picture.morphology.diameter_px <= known[1]
    if not fits or factor * picture.geometry.size / picture.geometry.window > MAX_INVENTED:
        return None
    um_per_px = round(factor * um_of_training(picture.reference), 4)
    return replace(picture.options, um_per_px=um_per_px)
