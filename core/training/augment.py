"""Augmentation: random changes are drawn first, then applied, so that they can be repeated.

Cells have no orientation, so the eight symmetries of the square lose nothing. Stain and light
differ between laboratories and days, so a network should not rely on them. Nor should it need the
finest detail, which pictures lose when they are stored ("detail", see `core.training.detail`).
Black, the background of a segmented cell, stays black, unless the background itself is what varies:
where the cell lies in the frame ("position"), how much of it the cell takes ("scale"), and what is
around it ("fill").
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.training import detail

DIHEDRAL = 8
# At strength 1: half-widths of uniform draws.
ROTATION_DEGREES = 45.0
STAIN = 0.12
BRIGHTNESS = 0.15
POSITION = 0.08  # share of the frame
SCALE = 0.15
FILL = 160.0  # the highest grey level
FILLED = 0.5  # share of images whose background is filled
STORED = 0.5  # share of images that lose detail
QUALITY = 50.0  # how far the quality of their JPEG is at most below 100
FRAME = 448  # pixels across the frame in which an image of full size was stored
SHRUNK = np.log(2.0)  # the log of the factor by which it is at most smaller
BLUR = 0.4  # the highest standard deviation, in pixels of that frame


@dataclass(frozen=True)
class Draw:
    """The changes to each of N images.

    symmetry: int (N,), 0..7, see `turn`. degrees: float (N,), counter-clockwise about the centre.
    stain: float (N, 3), the exponent of each colour channel. gain: float (N,), the factor on all.
    shift: float (N, 2), to the right and down, as a share of the frame. zoom: float (N,), the
    factor on the size of the cell. fill: uint8 (N, 3), the colour of the background. stored: int
    (N,), pixels across the frame in which it is stored with loss, 0 where it is not; quality: int
    (N,), 1..100, and blur: float (N,), see `core.training.detail.lose`.
    """

    symmetry: np.ndarray
    degrees: np.ndarray
    stain: np.ndarray
    gain: np.ndarray
    shift: np.ndarray
    zoom: np.ndarray
    fill: np.ndarray
    stored: np.ndarray
    quality: np.ndarray
    blur: np.ndarray


def draw(
    rng: np.random.Generator, images: int, kinds: Collection[str], strength: float = 1.0
) -> Draw:
    """Draws the changes in `kinds`, any of `core.runs.config.AUGMENTATIONS`, for N images.

    `strength` scales all changes except symmetries; 0 means no change. The background and the loss
    of detail have generators of their own: they leave the other changes as they were.
    """

    def uniform(kind: str, width: float, *shape: int, rng: np.random.Generator = rng) -> np.ndarray:
        reach = width * strength if kind in kinds else 0.0
        return rng.uniform(-reach, reach, size=(images, *shape))

    position, scale, fill, loss = rng.spawn(4)
    highest = FILL * strength if "fill" in kinds else 0.0
    filled = fill.random((images, 1)) < FILLED
    lost = strength if "detail" in kinds else 0.0
    stored = (loss.random(images) < STORED) & (lost > 0)

    symmetry = rng.integers(0, DIHEDRAL, size=images)
    return Draw(
        symmetry=symmetry if "dihedral" in kinds else np.zeros(images, int),
        degrees=uniform("rotation", ROTATION_DEGREES),
        stain=np.exp(uniform("stain", STAIN, 3)),
        gain=np.exp(uniform("brightness", BRIGHTNESS)),
        shift=uniform("position", POSITION, 2, rng=position),
        zoom=np.exp(uniform("scale", SCALE, rng=scale)),
        fill=np.clip(filled * fill.uniform(0, highest, (images, 3)), 0, 255).astype(np.uint8),
        stored=stored
        * np.rint(FRAME * np.exp(-lost * loss.uniform(0, SHRUNK, images))).astype(int),
        quality=np.clip(100 - lost * loss.uniform(0, QUALITY, images), 1, 100).astype(int),
        blur=lost * loss.uniform(0, BLUR, images),
    )


def apply(images: Sequence[np.ndarray], drawn: Draw) -> np.ndarray:
    """Returns a copy of uint8 (N, S, S, 3), changed as drawn.

    Colour: each channel c becomes 255 gain (c / 255)^stain, cut at 255. By the law of Beer and
    Lambert the exponent scales the optical density of the stain in that channel, the gain is light.
    """
    result = np.empty((len(images), *images[0].shape), np.uint8)
    tables = _tables(drawn)
    for row, image in enumerate(images):
        result[row] = turn(image, int(drawn.symmetry[row]))
        if tables is not None:
            _recolour(result[row], tables[row])
        if drawn.stored[row]:
            lost = int(drawn.stored[row]), int(drawn.quality[row]), float(drawn.blur[row])
            result[row] = detail.lose(result[row], *lost)
        fill = drawn.fill[row]
        if fill.any():
            result[row][~result[row].any(axis=2)] = fill
        degrees, shift, zoom = float(drawn.degrees[row]), drawn.shift[row], float(drawn.zoom[row])
        if degrees or shift.any() or zoom != 1:
            result[row] = move(result[row], degrees, shift, zoom, fill)
    return result


def turn(image: np.ndarray, symmetry: int) -> np.ndarray:
    """Turns an image by symmetry % 4 quarters; mirrors it left to right first if symmetry >= 4.

    0 is the identity and returns the image itself. OpenCV is ten times as fast here as a copy of a
    NumPy view.
    """
    match symmetry:
        case 0:
            return image
        case 4:
            return np.asarray(cv2.flip(image, 1))
        case 5:
            return np.asarray(cv2.transpose(image))
        case 6:
            return np.asarray(cv2.flip(image, 0))
        case 7:
            return np.asarray(cv2.rotate(cv2.transpose(image), cv2.ROTATE_180))
    return np.asarray(cv2.rotate(image, _QUARTERS[symmetry]))


_QUARTERS = {
    1: cv2.ROTATE_90_COUNTERCLOCKWISE,
    2: cv2.ROTATE_180,
    3: cv2.ROTATE_90_CLOCKWISE,
}


def move(
    image: np.ndarray,
    degrees: float = 0.0,
    shift: Sequence[float] | np.ndarray = (0.0, 0.0),
    zoom: float = 1.0,
    fill: Sequence[int] | np.ndarray = (0, 0, 0),
) -> np.ndarray:
    """Rotates and enlarges an image (S, S, 3) about its centre, then shifts it.

    The arguments are those of one image in `Draw`; new pixels are `fill`.
    """
    side = image.shape[0]
    centre = ((side - 1) / 2, (side - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, degrees, zoom)
    matrix[:, 2] += side * np.asarray(shift)
    colour = tuple(int(level) for level in fill)
    return np.asarray(
        cv2.warpAffine(np.ascontiguousarray(image), matrix, (side, side), borderValue=colour)
    )


def _recolour(image: np.ndarray, table: np.ndarray) -> None:
    """Applies a look-up table (256, 1, 3) to uint8 (S, S, 3), in place.

    Black stays black, so only the bounding box of the cell is changed, about a quarter of it.
    """
    height, width, channels = image.shape
    left, top, across, down = cv2.boundingRect(image.reshape(height, width * channels))
    columns = slice(left // channels, -(-(left + across) // channels))
    box = image[top : top + down, columns]
    if box.size:
        box[:] = cv2.LUT(box, table)


def _tables(drawn: Draw) -> np.ndarray | None:
    """A look-up table for each image and channel, uint8 (N, 256, 1, 3); None if none changes."""
    if np.all(drawn.stain == 1) and np.all(drawn.gain == 1):
        return None
    level = np.arange(256)[None, :, None] / 255
    changed = 255 * drawn.gain[:, None, None] * level ** drawn.stain[:, None, :]
    tables: np.ndarray = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return tables[:, :, None, :]
