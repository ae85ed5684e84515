"""What a segmented cell looks like, in figures: size, shape, nucleus, colour, chromatin, focus."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.masks import bounding_box
from core.compat import cached_property
from core.errors import DataError

# Cytoplasm lets through at least 1.65 times the nucleus's green light: chromatin alone rarely
# spans that, and of 191 leukocytes outlined by hand 98 % do.
MIN_CONTRAST = 0.5  # natural logarithm
MIN_CYTOPLASM = 0.03  # of the cell's area
# A fragment is paler and redder than the nucleus, and the cell is more convex without it.
MIN_PALENESS, MIN_REDNESS = 0.35, 0.08  # natural logarithms
MIN_FRAGMENT = 0.02  # of the mask's area
MIN_SOLIDITY_GAIN = 0.025
FAINTEST = 0.0015  # of the brightness: detail below it is rounding, not focus


@dataclass(frozen=True)
class Morphology:
    """One cell's figures; pixels are the image's own, so compare images of one scale only."""

    area_px: int
    diameter_px: float  # of the disc of equal area
    roundness: float  # 4πA/P², 0 to 1: 1 is a disc, a square 0.79
    solidity: float  # area over area of the convex hull, 0 to 1
    elongation: float  # 1 - minor / major axis of the ellipse of equal moments, 0 to below 1
    nucleus_share: float | None  # of the cell's area, 0 to 1; None where no cytoplasm is visible
    nucleus_cytoplasm_ratio: float | None  # area of nucleus over area of cytoplasm
    fragment_share: float  # of the mask's area, 0 to 1: something reddish attached to the cell
    red: float  # means over the cell, 0 to 255
    green: float
    blue: float
    brightness: float  # mean of the brightest channel, 0 to 255 (HSV value)
    saturation: float  # mean of 1 - darkest / brightest channel, 0 to 1 (HSV saturation)
    density: float  # mean optical density in green of the nucleus (or cell), 0 to 2.4
    texture: float  # SD of that density between 2 and 6 pixels: how coarse the chromatin is
    focus: float | None  # detail of 1 to 2 over 2 to 4 pixels; about 0.5 sharp, below 0.38 blurred


def measure(image: np.ndarray, mask: np.ndarray) -> Morphology:
    """Measures one cell: RGB uint8 (H, W, 3), bool (H, W); the background is never looked at.

    Size and shape are of the whole mask, an attached fragment included; everything else is of the
    cell without it. `density` is -log10(green / 255); it and `texture` (SD of a difference of
    Gaussians) are taken in the nucleus where it is visible, else in the cell, away from the rim.
    `focus` is the SD of one octave of detail over that of the next coarser one (after the no-
    reference measures that compare an image with its own blur, Crété-Roffet 2007): strength of
    stain cancels out. None for a cell too small to have an inside, about 26 pixels.

    Raises `DataError` for an empty mask or one of another size than the image.
    """
    box = _box(image, mask)
    image, mask = image[box], mask[box]
    area, diameter = int(np.count_nonzero(mask)), _diameter(mask)
    outlines = _contours(mask)
    solidity = _solidity(mask, outlines)
    smooth = _Smooth(image, mask)
    fragment = _fragment(smooth, mask, solidity)
    own = mask & ~fragment
    depth = _depth(own)
    nucleus = _nucleus(smooth, own, depth)
    share = float(np.count_nonzero(nucleus) / np.count_nonzero(own)) if nucleus.any() else None

    red, green, blue = (float(mean) for mean in cv2.mean(image, own.view(np.uint8))[:3])
    hsv = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), own.view(np.uint8))
    inside = (_depth(nucleus) if share else depth) > diameter / 30
    inside = inside if inside.any() else own
    optical = (-np.log10(np.maximum(np.arange(256), 1) / 255)).astype(np.float32)
    optical = cv2.LUT(cv2.extractChannel(image, 1), optical)
    return Morphology(
        area_px=area,
        diameter_px=diameter,
        roundness=min(1.0, 4 * np.pi * area / _perimeter(outlines) ** 2),
        solidity=solidity,
        elongation=_elongation(mask),
        nucleus_share=share,
        nucleus_cytoplasm_ratio=share / (1 - share) if share else None,
        fragment_share=float(np.count_nonzero(fragment) / area),
        red=red,
        green=green,
        blue=blue,
        brightness=float(hsv[2]),
        saturation=float(hsv[1] / 255),
        density=float(optical[inside].mean()),
        texture=_band(_filled(optical, own), inside, 2, 6),
        focus=_focus(image, own, depth),
    )


def nucleus_mask(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The nucleus of one cell, bool (H, W); all False where no cytoplasm can be told from it.

    Otsu's threshold (1979) within the cell on the square root of green, which the nucleus's stain
    absorbs most: the root evens out shot noise. Visible means that both sides differ by
    `MIN_CONTRAST` and the paler one takes `MIN_CYTOPLASM` of the cell away from its rim, so
    that an even seam narrower than 1/20 of the cell, as optics make it too, does not count.
    An attached fragment counts as neither. Input and errors as in `measure`.
    """
    box = _box(image, mask)
    smooth = _Smooth(image[box], mask[box])
    own = mask[box] & ~_fragment(smooth, mask[box], _solidity(mask[box]))
    found = np.zeros(mask.shape, bool)
    found[box] = _nucleus(smooth, own, _depth(own))
    return found


def fragment_mask(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What is attached to the cell and is not it, such as a red cell's rest: bool (H, W).

    A region paler and redder than the dense half of the cell, and without which the cell would be
    more convex: a neutrophil's pink cytoplasm is therefore none. Input and errors as in `measure`.
    """
    box = _box(image, mask)
    found = np.zeros(mask.shape, bool)
    smooth = _Smooth(image[box], mask[box])
    found[box] = _fragment(smooth, mask[box], _solidity(mask[box]))
    return found


def _box(image: np.ndarray, mask: np.ndarray) -> tuple[slice, slice]:
    if image.shape != (*mask.shape, 3):
        raise DataError(f"The mask is {mask.shape}, the image {image.shape}: they must agree.")
    if not mask.any():
        raise DataError("There is no cell: the mask is empty. Leave black images out.")
    x, y, width, height = bounding_box(mask)
    return slice(y, y + height), slice(x, x + width)


class _Smooth:
    """An image at the scale of 1/60 of the cell, from pixels of the cell only."""

    def __init__(self, image: np.ndarray, mask: np.ndarray) -> None:
        self._sigma = max(0.5, _diameter(mask) / 60)
        self._cell = cv2.copyTo(image, mask.view(np.uint8))
        self._weight = self._blur(mask.astype(np.float32)) + 1e-6

    @cached_property
    def green(self) -> np.ndarray:
        """Float32 (H, W), at least 1."""
        return self._channel(1)

    @property
    def redness(self) -> np.ndarray:
        """Red over blue, float32 (H, W)."""
        return self._channel(0) / self._channel(2)

    def _channel(self, channel: int) -> np.ndarray:
        total = self._blur(cv2.extractChannel(self._cell, channel).astype(np.float32))
        total /= self._weight
        return np.maximum(total, 1, out=total)

    def _blur(self, values: np.ndarray) -> np.ndarray:
        side = 2 * int(np.ceil(3 * self._sigma)) + 1
        return cv2.GaussianBlur(values, (side, side), self._sigma)


def _nucleus(smooth: _Smooth, cell: np.ndarray, depth: np.ndarray) -> np.ndarray:
    green = smooth.green
    root = np.sqrt(255 * green).astype(np.uint8)
    threshold, _ = cv2.threshold(root[cell], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = cell & (root <= threshold)
    inside = depth > _diameter(cell) / 20  # the optical edge looks like cytoplasm
    least, nothing = MIN_CYTOPLASM * np.count_nonzero(cell), np.zeros_like(cell)
    core, pale = inside & dark, inside & ~dark
    if not core.any() or np.count_nonzero(pale) < least:
        return nothing
    if np.log(green[pale].mean() / green[core].mean()) < MIN_CONTRAST:
        return nothing
    nucleus = _tidy(dark, cell)
    return nucleus if np.count_nonzero(inside & ~nucleus) >= least else nothing


def _fragment(smooth: _Smooth, mask: np.ndarray, solidity: float) -> np.ndarray:
    fragment, area = np.zeros_like(mask), np.count_nonzero(mask)
    if solidity + MIN_SOLIDITY_GAIN > 1:
        return fragment  # nothing can be that much more convex
    green, redness = smooth.green, smooth.redness
    some = slice(None, None, 2), slice(None, None, 2)  # enough for a median
    inside = mask[some]
    greens, rednesses = green[some][inside], redness[some][inside]
    dense = greens <= _median(greens)
    # Of ratios, whose logarithms need not be taken: they keep their order.
    paler = green > _median(greens[dense]) * np.exp(MIN_PALENESS)
    redder = redness > _median(rednesses[dense]) * np.exp(MIN_REDNESS)
    disc = _disc(_diameter(mask) / 50)
    pixels = mask & paler & redder
    if np.count_nonzero(pixels) * disc.sum() < MIN_FRAGMENT * area:
        return fragment  # closing gives each pixel a disc at most
    near = _around(pixels, len(disc))
    suspect = cv2.morphologyEx(pixels[near].view(np.uint8), cv2.MORPH_CLOSE, disc)
    suspect = cv2.morphologyEx(suspect, cv2.MORPH_OPEN, disc)
    if np.count_nonzero(suspect) < MIN_FRAGMENT * area:
        return fragment
    regions, areas = _regions(suspect)
    for region in 1 + np.flatnonzero(areas[1:] >= MIN_FRAGMENT * area):
        part = np.zeros_like(mask)
        part[near] = mask[near] & (regions == region)
        rest = cv2.morphologyEx((mask & ~part).view(np.uint8), cv2.MORPH_OPEN, disc)
        if rest.any() and _solidity(rest) >= solidity + MIN_SOLIDITY_GAIN:
            fragment |= part
    return fragment


def _median(values: np.ndarray) -> np.float32:
    ordered = np.sort(values)  # numpy.median looks for NaN as well, at three times the time
    half = len(ordered) // 2
    return (ordered[half] + ordered[-1 - half]) / 2


def _around(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Where in a mask that is not empty anything is, and `margin` pixels more."""
    x, y, width, height = bounding_box(mask)
    rows = slice(max(0, y - margin), y + height + margin)
    return rows, slice(max(0, x - margin), x + width + margin)


def _tidy(part: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Opened, without specks under 2 % and holes under 1 % of the cell's area."""
    area, disc = np.count_nonzero(cell), _disc(_diameter(cell) / 50)
    opened = cv2.morphologyEx(part.view(np.uint8), cv2.MORPH_OPEN, disc)
    for value, least in ((1, 0.02), (0, 0.01)):
        regions, areas = _regions((opened == value).view(np.uint8))
        small = areas < least * area
        small[0] = False  # the rest, which may be small
        if small.any():
            opened[small[regions]] = 1 - value
    return (opened > 0) & cell


def _regions(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which region each pixel of a uint8 mask is of, 0 for none, and the area of each."""
    count, regions = cv2.connectedComponents(mask)
    if count > 2:
        return regions, np.bincount(regions.ravel())
    area = np.count_nonzero(mask)
    return regions, np.array([mask.size - area, area])


def _focus(image: np.ndarray, cell: np.ndarray, depth: np.ndarray) -> float | None:
    inside = depth > 12  # three sigmas of the widest blur keep the rim out
    if not inside.any():
        return None
    grey = cv2.transform(image.astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
    grey = _filled(grey, cell)
    floor = FAINTEST * max(1.0, float(grey.mean()))
    blurred = [cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1, 2, 4)]
    return _spread(blurred[0] - blurred[1], inside) / (
        _spread(blurred[1] - blurred[2], inside) + floor
    )


def _filled(values: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """With the cell's mean around it, so that no blur brings the background in."""
    mean = cv2.mean(values, cell.view(np.uint8))[0]
    return cv2.copyTo(values, cell.view(np.uint8), np.full_like(values, mean))


def _band(values: np.ndarray, where: np.ndarray, fine: float, coarse: float) -> float:
    """SD over `where` of the detail between two Gaussian blurs of these sigmas, in pixels."""
    detail = cv2.GaussianBlur(values, (0, 0), fine) - cv2.GaussianBlur(values, (0, 0), coarse)
    return _spread(detail, where)


def _spread(values: np.ndarray, where: np.ndarray) -> float:
    return float(cv2.meanStdDev(values, mask=where.view(np.uint8))[1].item())


def _perimeter(outlines: Sequence[np.ndarray]) -> float:
    """Vossepoel and Smeulders (1982): steps and corners of the chain code, unbiased for digital
    lines at any angle; π more leads from the middles of the outermost pixels to their edges.
    """
    outline = max(outlines, key=len)[:, 0]
    steps = np.diff(outline, axis=0, append=outline[:1])
    lengths = np.abs(steps).sum(axis=1)
    corners = (steps != np.roll(steps, 1, axis=0)).any(axis=1).sum()
    straight, diagonal = (lengths == 1).sum(), (lengths == 2).sum()
    return float(0.980 * straight + 1.406 * diagonal - 0.091 * corners + np.pi)


def _contours(mask: np.ndarray) -> Sequence[np.ndarray]:
    return cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]


def _solidity(mask: np.ndarray, outlines: Sequence[np.ndarray] = ()) -> float:
    hull = cv2.convexHull(np.vstack(outlines or _contours(mask)))
    filled = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), hull, 1)
    return float(np.count_nonzero(mask) / np.count_nonzero(filled))


def _elongation(mask: np.ndarray) -> float:
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    mass = moments["m00"]
    # A pixel is a square, not a point: 1/12 is its own moment.
    across, down = moments["mu20"] / mass + 1 / 12, moments["mu02"] / mass + 1 / 12
    middle, apart = (across + down) / 2, np.hypot((across - down) / 2, moments["mu11"] / mass)
    return float(1 - np.sqrt(max(0.0, middle - apart) / (middle + apart)))


def _diameter(mask: np.ndarray) -> float:
    return float(np.sqrt(4 * np.count_nonzero(mask) / np.pi))


def _disc(radius: float) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(radius)) + 1,) * 2)


def _depth(mask: np.ndarray) -> np.ndarray:
    """How far inside the mask a pixel is; what is cut by the box has a rim there too."""
    rimmed = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(rimmed, cv2.DIST_L2, 3)[1:-1, 1:-1]
