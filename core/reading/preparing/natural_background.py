"""Pictures with a background: whether they show a smear, a field, or a cell to be cut out."""

from dataclasses import replace

import cv2
import numpy as np

from core.cells.detection import stain
from core.cells.detection.detect import Cell, detect
from core.cells.masks import bounding_box
from core.cells.scale import UM_PER_PX, to_model
from core.ood.reference import Reference
from core.reading.checked_picture import CheckedPicture, Refusal, Scene
from core.reading.prepared import Prepared
from core.reading.preparing.frame import MAX_INVENTED

# Dyes and haemoglobin absorb green light most: compared with the glass, no pixel of a smear lets
# through clearly more green than red and blue, or absorbs clearly more of one of those than of
# green. Of 481 smear pictures from five sources one has more than 1 % of such pixels; of crops of
# photographs half have over 20 %, but one in seven less than 1 %: there, no white cell is found.
CLEARLY = 0.12, 0.35  # in natural logarithms: green over both others; one of them over green
MAX_FOREIGN = 0.01
MIN_GLASS = 0.1  # share of a smear that is empty glass, or as pale
PALE = 0.1  # density, in natural logarithms
HALVED_FROM = (
    800  # pixels of the shorter side: from here on every second pixel is enough for colours
)
# The close-ups measured are 5 to 6 red cells wide; the fields 14 and more, or have 4 white cells.
MANY = 3  # white cells and more are a field
WIDEST = 9.0  # red cells across the shorter side of a close-up
LEAST_SHARE = 0.15  # of that side, for a white cell: 1.35 red cells, a small lymphocyte, of nine
# A picture that was taken for one cell has it in the middle, or is mostly filled by it. Of crops
# around a cell all are so; of fields with one white cell one in ten is, by chance.
AIMED = 1 / 3  # of the cell's diameter: how far its centre may lie from that of the picture
FILLED = 0.5  # of the shorter side
RED_CELLS = "the red cells around it"


def look(image: np.ndarray) -> Scene:
    """Measures the colours of a picture, RGB uint8 (H, W, 3), and detects the cells of a smear."""
    small = image[::2, ::2] if min(image.shape[:2]) >= HALVED_FROM else image
    dense = stain.density(cv2.GaussianBlur(small, (0, 0), 1.0), stain.glass(small))
    foreign, glass = _foreign(dense), _pale(dense)
    smear = foreign <= MAX_FOREIGN and glass >= MIN_GLASS
    return Scene(foreign, glass, detect(image) if smear else None)


def _pale(dense: np.ndarray) -> float:
    red, green, blue = cv2.split(dense)
    return float((np.maximum(np.maximum(red, green), blue) < PALE).mean())


def _foreign(dense: np.ndarray) -> float:
    red, green, blue = cv2.split(dense)
    greener = green < np.minimum(red, blue) - CLEARLY[0]
    other = np.maximum(red, blue) > green + CLEARLY[1]
    return float((greener | other).mean())


def refuse_what_is_no_smear(picture: CheckedPicture) -> Refusal | None:
    """Refuses pictures with colours that no smear has, and pictures without a white cell."""
    scene = picture.scene = look(picture.image)
    picture.figures |= {
        "foreign_colours": scene.foreign,
        "glass": scene.glass,
        "white_cells": float(len(scene.cells)),
    }
    if scene.cells:
        return None
    return Refusal(
        "It shows no stained white cell: neither cut out on black nor on the bright background of "
        "a smear.",
        "Upload a colour picture of a cell in a Romanowsky stain, such as Jenner-Giemsa.",
    )


def refuse_a_field(picture: CheckedPicture) -> Refusal | None:
    """Refuses many cells, and a picture so wide that one cell is a small part of it.

    Of another one it is recorded whether it was taken for one cell, or of a field that happens to
    show one: such a one can be read as a cell, but is a field unless somebody says otherwise.
    """
    cells, red_cell = _scene(picture)
    side = min(picture.image.shape[:2])
    widest = max(map(_diameter, cells))
    across = side / red_cell if red_cell else None
    picture.figures["red_cells_across"] = across
    if len(cells) < MANY and widest >= LEAST_SHARE * side and (across or 0) <= WIDEST:
        picture.figures["close_up"] = float(_is_close_up(picture.image, cells, red_cell))
        return None
    picture.figures["close_up"] = 0.0
    number = len(cells)
    return Refusal(
        f"It shows a whole field with {number} white {'cell' if number == 1 else 'cells'}, "
        "not a single cell.",
        "Crop it to one cell at full magnification and upload that.",
    )


def _is_close_up(image: np.ndarray, cells: tuple[Cell, ...], red_cell: float | None) -> bool:
    """Whether a picture of one or two cells was taken for one of them.

    A field needs a scale, so that one cell without red cells to measure it by is a close-up too.
    """
    whole = [cell for cell in cells if not cell.touches_border] or list(cells)
    if len(whole) > 1:
        return False
    x, y, w, h = whole[0].bbox
    height, width = image.shape[:2]
    away = np.hypot(x + w / 2 - width / 2, y + h / 2 - height / 2)
    across = _diameter(whole[0])
    aimed = away <= AIMED * across or across >= FILLED * min(height, width)
    return bool(aimed or (red_cell is None and len(cells) == 1))


def cut_out(picture: CheckedPicture) -> Refusal | None:
    """Cuts out the one whole cell, on black, at the scale of training and centred."""
    cells, red_cell = _scene(picture)
    whole = [cell for cell in cells if not cell.touches_border]
    if not whole:
        return Refusal(
            "The cell is cut off by the edge of the picture.", "Export it whole, with a margin."
        )
    if len(whole) > 1:
        return Refusal(
            f"It shows {len(whole)} white cells; each would be a reading of its own.",
            "Crop it to one of them and upload that.",
        )
    return cut(picture, whole[0], red_cell)


def cut(
    picture: CheckedPicture, cell: Cell, red_cell: float | None, ruler: str = RED_CELLS
) -> Refusal | None:
    """Cuts one cell out of the picture, on black, at the scale of training and centred.

    `red_cell` is the diameter of a red cell in pixels of the picture, `ruler` its source.
    """
    reference = picture.reference
    if reference is None or reference.diameter is None:
        return Refusal(
            "The cell stands on its natural background, and this model did not keep the scale of "
            "its reference cells, to which it would have to be brought.",
            "Train the model again, or cut the cell out yourself: black around it, same scale.",
        )
    factor, words, size_known = _scale(cell, red_cell, reference, ruler)
    invented = factor * picture.geometry.size / picture.geometry.window
    picture.figures["enlargement"] = factor
    if invented > MAX_INVENTED:
        return Refusal(
            f"The cell has too few pixels: it would have to be enlarged {factor:.1f} times to be "
            "of the size this model knows.",
            "Take it at a higher magnification, or export it without making it smaller.",
        )
    _cut(picture, cell, factor, ("Cut out of its background.", words), size_known)
    return None


def _scale(
    cell: Cell, red_cell: float | None, reference: Reference, ruler: str
) -> tuple[float, str, bool]:
    """The factor to the scale of training, its source in words, and whether it was measured."""
    trained = reference.red_cell
    if red_cell and trained:
        factor = trained / red_cell
        words = (
            f"Scaled by {factor:.2f} to the reference cells, by {ruler}: red cells are "
            f"{red_cell:.0f} pixels across here, taken to be {trained:.0f} there."
        )
        return factor, words, True
    factor = reference.typical_diameter / _diameter(cell)
    missing = (
        "there are too few red cells around it" if trained else "the scale of those is not known"
    )
    words = (
        f"Scaled by {factor:.2f} to the diameter of a typical reference cell, as {missing}: "
        "its size says nothing here."
    )
    return factor, words, False


def _cut(
    picture: CheckedPicture, cell: Cell, factor: float, words: tuple[str, ...], size_known: bool
) -> None:
    image = picture.image
    x, y, w, h = cell.bbox
    mask = np.zeros(image.shape[:2], bool)
    mask[y : y + h, x : x + w] = cell.mask
    side = max(picture.geometry.window, *(int(np.ceil(length * factor)) for length in (w, h)))
    alone = to_model(image, cell, factor * UM_PER_PX, side)
    black = image * mask[:, :, None].astype(np.uint8)
    picture.use(alone, Prepared(image, mask, words, size_known, natural=True), black)


def centre(picture: CheckedPicture) -> None:
    """Moves a cell on black to the middle of the picture."""
    image, mask = picture.image, picture.mask
    x, y, w, h = bounding_box(mask)
    side = max(picture.geometry.window, w, h)
    alone = np.zeros((side, side, 3), np.uint8)
    black = image * mask[:, :, None].astype(np.uint8)
    top, left = (side - h) // 2, (side - w) // 2
    alone[top : top + h, left : left + w] = black[y : y + h, x : x + w]
    words = ("Moved to the middle of the picture.",)
    if picture.prepared and picture.native:  # its picture and mask are those that came
        picture.use(alone, replace(picture.prepared, words=words), picture.native[0])
    else:
        picture.use(alone, Prepared(image, mask, words, True), black)


def _scene(picture: CheckedPicture) -> tuple[tuple[Cell, ...], float | None]:
    """The white cells, and the diameter of a red cell in pixels."""
    if picture.scene is None or picture.scene.field is None:
        raise ValueError("The picture has not been looked at: make the checks in their order.")
    return picture.scene.cells, picture.scene.field.ruler.diameter


def _diameter(cell: Cell) -> float:
    return float(np.sqrt(4 * cell.area_px / np.pi))
