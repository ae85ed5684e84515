"""Draws one synthetic cell, segmented on black as C-NMC's are.

Nothing here is a photograph. Each cell has a maturity: blasts lie low on the scale, lymphocytes
high, and the two overlap. Size, outline, nucleus, chromatin and nucleoli follow from it, and on top
of it every subject, and every field of view of a subject, has a look of its own, so a model can
learn the class or learn the subject. Means, spreads and class differences stand near those of
C-NMC, `python -m benchmarks.synthetic` measures how near; a class difference is drawn only where
haematology expects it, and in chromatin it is about what a few dozen real cells show in the red
channel. Patients differ in maturity more than in any one measure, as leukemias do.
"""

import cv2
import numpy as np

from core.data.synthetic.noise import ANGLES, ripple, smooth_noise, turn_from
from core.data.synthetic.style import (
    FIELD,
    HOME,
    Laboratory,
    SubjectStyle,
    cell_rng,
    field_style,
    subject_style,
)

SIZE = 450

LIGHT = np.log([222.0, 154.0, 160.0])  # the lamp through empty glass, as log RGB
# Optical density per channel of what the dyes bind to, where it is packed as in a usual cell.
CHROMATIN = np.array([0.67, 0.87, 0.14])
NUCLEOPLASM = np.array([0.00, 0.30, 0.18])
CYTOPLASM = np.array([0.60, 0.68, 0.43])
# Open chromatin shows more of what lies between, which takes up more eosin and less azure: the log
# factor on the nucleoplasm for each step of maturity.
MATURING = np.array([0.0, -0.20, 0.07])
RED_CELL = np.array([0.16, 0.12, 0.20])  # what a red cell adds to the thin smear around it
NOISE = np.array([0.66, 0.57, 0.60], np.float32)  # grey levels, independent in each pixel
MOSAIC = np.array([0.90, 0.40, 2.80], np.float32)  # and what the camera's colour mosaic spreads


def draw_cell(
    *, subject: str, cell: int, label: int, seed: int = 0, laboratory: Laboratory = HOME
) -> np.ndarray:
    """Draw one segmented cell.

    Returns RGB uint8 of shape (450, 450, 3): the cell in the middle, one connected region with
    every channel in 1..255, and exactly 0, 0, 0 outside. `label` is 1 for a blast (ALL) and 0 for
    a normal lymphocyte (HEM). `cell` counts the subject's cells from 0; it is the same cell in
    every laboratory. The result depends on the arguments alone, never on what was drawn before.
    Raises ValueError for a negative `seed` or `cell`.
    """
    at = cell_rng(seed, subject, 1, cell // FIELD)
    style = field_style(subject_style(subject, seed, laboratory), at)
    rng = cell_rng(seed, subject, 2, cell)
    maturity = (-1.0 if label else 1.0) + style.maturity + rng.normal(0, 0.36)

    outline = draw_outline(rng, style, maturity)
    mask_edge = draw_segmentation(rng, style, outline)
    towards = rng.uniform(0, 2 * np.pi)
    touched = rng.random() < 0.13 - 0.06 * np.tanh(maturity)  # blasts crowd their smears
    if touched:
        mask_edge = draw_fragment(rng, mask_edge, towards)
    radius, angle = _polar_grid(int(np.ceil(mask_edge.max())) + 2)
    nucleus = draw_nucleus(rng, style, maturity, outline)[angle] - radius

    chromatin = draw_chromatin(rng, style, maturity, radius.shape)
    chromatin *= draw_nucleoli(rng, maturity, nucleus) * draw_lining(rng, maturity, nucleus)
    cytoplasm = draw_cytoplasm(rng, outline[angle] - radius)
    image = apply_stain(rng, style, maturity, nucleus, chromatin, cytoplasm)
    if touched:
        image *= draw_red_cell(rng, outline.mean(), towards, radius.shape)
    image *= draw_illumination(rng, style, radius.shape)[..., None]
    image = apply_focus(rng, style, image)

    # Half-covered edge pixels keep part of their light, as in an outline that was resampled.
    cover = np.clip((mask_edge[angle] - radius) / 1.4 + 0.5, 0, 1)[..., None]
    inside = np.clip(np.rint(image * cover), 1, 255).astype(np.uint8) * (cover > 0)
    return _place(inside, rng.normal(0, 2, 2))


def draw_outline(rng: np.random.Generator, style: SubjectStyle, maturity: float) -> np.ndarray:
    """Return the cell membrane as a radius in pixels per angle, float (ANGLES,)."""
    mean: float = 107 * np.exp(style.size - 0.068 * maturity + rng.normal(0, 0.095))
    rough: float = np.exp(style.roughness - 0.15 * maturity + rng.normal(0, 0.3))
    bent = 0.052 * ripple(rng, 2, 2) + 0.025 * ripple(rng, 3, 4)
    return mean * (1 + rough * (bent + 0.013 * ripple(rng, 5, 14)))


def draw_segmentation(
    rng: np.random.Generator, style: SubjectStyle, outline: np.ndarray
) -> np.ndarray:
    """Return where a segmentation would cut: the membrane, jagged, with tags, bites and a cut."""
    edge = outline + 0.33 * np.exp(style.roughness + rng.normal(0, 0.5)) * ripple(rng, 15, 100)
    for _ in range(rng.poisson(1.5 * np.exp(style.roughness))):
        width = rng.uniform(0.05, 0.20)
        height = rng.choice([-1, 1], p=[0.35, 0.65]) * rng.gamma(1.6, 4.5)
        ragged = 1 + 0.3 * ripple(rng, 12, 50)
        edge += height * ragged * np.exp(-((turn_from(rng.uniform(0, 2 * np.pi)) / width) ** 4))
    if rng.random() < 0.15:  # a neighbour in the field was parted off by a straight line
        facing = np.cos(turn_from(rng.uniform(0, 2 * np.pi)))
        edge = np.minimum(edge, rng.uniform(0.84, 0.97) * edge.mean() / np.maximum(facing, 0.1))
    cut: np.ndarray = np.clip(edge, 20, SIZE / 2 - 12)
    return cut


def draw_fragment(rng: np.random.Generator, edge: np.ndarray, towards: float) -> np.ndarray:
    """Return the cut with a piece of the red cell that lies `towards` left on."""
    turn = turn_from(towards + rng.normal(0, 0.15)) / rng.uniform(0.12, 0.40)
    piece = rng.uniform(12, 70) * (1 + 0.2 * ripple(rng, 3, 40)) * np.exp(-(turn**8))
    cut: np.ndarray = np.clip(edge + piece, 20, SIZE / 2 - 12)
    return cut


def draw_red_cell(
    rng: np.random.Generator, reach: float, towards: float, shape: tuple[int, int]
) -> np.ndarray:
    """Return what a red cell that leans on a cell of radius `reach` lets through, RGB float32."""
    size = rng.uniform(60, 90)
    away = reach + size * rng.uniform(0.8, 1.0)
    half = shape[0] // 2
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    distance = np.hypot(y - away * np.sin(towards), x - away * np.cos(towards))
    disc = 1 / (1 + np.exp((distance - size) / 2)) - 0.6 * np.exp(-((2.4 * distance / size) ** 2))
    passed: np.ndarray = np.exp(-disc[..., None] * RED_CELL).astype(np.float32)
    return passed


def draw_nucleus(
    rng: np.random.Generator, style: SubjectStyle, maturity: float, outline: np.ndarray
) -> np.ndarray:
    """Return the nuclear envelope as a radius per angle: a blast's fills the cell but is cleft."""
    gap = 0.8 * np.exp(style.crescent + 0.20 * maturity + rng.normal(0, 0.15))
    side = np.cos(turn_from(rng.uniform(0, 2 * np.pi)))
    crescent = gap * (1 + np.maximum(0, side) ** 4 * rng.gamma(1.2, 1.5))
    dent = 1.2 * np.exp(-0.35 * maturity) * np.abs(ripple(rng, 3, 9))
    if rng.random() < 0.12 - 0.05 * np.tanh(maturity):
        width = rng.uniform(0.10, 0.25)
        dent += rng.uniform(8, 24) * np.exp(-((turn_from(rng.uniform(0, 2 * np.pi)) / width) ** 2))
    envelope: np.ndarray = outline - crescent - dent
    return envelope


def draw_chromatin(
    rng: np.random.Generator, style: SubjectStyle, maturity: float, shape: tuple[int, int]
) -> np.ndarray:
    """Return the density of the chromatin around 1: open and fine in blasts, clumped later on."""
    grain = np.exp(style.grain + 0.03 * maturity)
    fine = smooth_noise(rng, shape, 2.0 * grain)
    clumps = smooth_noise(rng, shape, 4.4 * grain)
    cloud = 0.10 * smooth_noise(rng, shape, 10 * grain) + 0.09 * smooth_noise(rng, shape, 32)
    gaps = np.maximum(clumps - 0.7, 0)  # the pale, reddish channels between the clumps
    clumping = 1 / (1 + np.exp(-1.0 * maturity + rng.normal(0, 0.5)))
    texture = 0.06 * fine - (0.14 + 0.04 * clumping) * gaps
    texture -= (0.02 + 0.06 * clumping) * np.tanh(clumps)
    contrast = np.exp(style.contrast + 0.06 * maturity + rng.normal(0, 0.13))
    density = np.exp(style.density + rng.normal(0, 0.08))
    chromatin: np.ndarray = density * (1 + contrast * texture + cloud * np.exp(rng.normal(0, 0.25)))
    return chromatin


def draw_nucleoli(rng: np.random.Generator, maturity: float, nucleus: np.ndarray) -> np.ndarray:
    """Return a factor on the chromatin: 1, and lower in the pale nucleoli of a young nucleus."""
    factor = np.ones_like(nucleus)
    half = nucleus.shape[0] // 2
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    for _ in range(rng.poisson(1.1 * np.exp(-0.9 * maturity))):
        spot = rng.normal(0, 0.33 * nucleus.max(), 2)
        radii = rng.uniform(7, 14) * rng.uniform(0.8, 1.2, 2)
        box = _around(half + spot, 5 * radii)  # beyond, both terms are below 1e-16
        away = ((y[box[:1]] - spot[0]) / radii[0]) ** 2 + ((x[:, box[1]] - spot[1]) / radii[1]) ** 2
        paleness = rng.uniform(0.15, 0.35)
        # Chromatin gathers around a nucleolus, hence the slightly darker ring.
        ring = 0.35 * np.exp(-((np.sqrt(away) - 1.5) ** 2) * 4)
        factor[box] += paleness * (ring - np.exp(-(away**2)))
    return factor


def draw_lining(rng: np.random.Generator, maturity: float, nucleus: np.ndarray) -> np.ndarray:
    """Return a factor on the chromatin: heterochromatin lines a mature nucleus, not a blast's."""
    strength = 0.07 * np.tanh(maturity + rng.normal(0, 0.5))
    lining: np.ndarray = 1 + strength * np.exp(-((np.maximum(nucleus, 0) / 22) ** 2))
    return lining


def draw_cytoplasm(rng: np.random.Generator, depth: np.ndarray) -> np.ndarray:
    """Return the density of the cytoplasm: about 1 in the cell, thin smear beyond the membrane."""
    body = 0.88 + 0.12 / (1 + np.exp(-depth / 1.5))
    cytoplasm: np.ndarray = (
        body * (1 + 0.04 * smooth_noise(rng, depth.shape, 7)) * np.exp(rng.normal(0, 0.08))
    )
    return cytoplasm


def apply_stain(
    rng: np.random.Generator,
    style: SubjectStyle,
    maturity: float | np.ndarray,
    nucleus: np.ndarray,
    chromatin: np.ndarray,
    cytoplasm: np.ndarray,
) -> np.ndarray:
    """Return linear RGB float32 after Beer and Lambert: each stain dims the lamp by its density.

    `maturity` is that of the cell, or of the cell at each pixel, (H, W).
    """
    # The nucleus is a lens that thins out at its edge, and chromatin lines the envelope.
    chromatin = chromatin / (1 + np.exp(-nucleus / 2.6))
    nucleoplasm = (
        1 / (1 + np.exp((9 - nucleus) / 4)) * (1 + 0.15 * smooth_noise(rng, nucleus.shape, 14))
    )
    azure = CHROMATIN * np.exp(style.azure + rng.normal(0, 0.02, 3))
    maturing = np.multiply.outer(maturity, MATURING) + rng.normal(0, 0.1, 3)
    between = NUCLEOPLASM * np.exp(maturing.astype(np.float32)) * np.exp(style.eosin)
    body = CYTOPLASM * np.exp(style.eosin / 2)
    stains = ((chromatin, azure), (nucleoplasm, between), (cytoplasm, body))
    lamp = LIGHT + style.light + rng.normal(0, 0.015)
    light = np.empty((*nucleus.shape, 3), np.float32)
    for channel in range(3):  # arrays of three in a row are slow
        density = sum(amount * colour[..., channel] for amount, colour in stains)
        light[..., channel] = lamp[channel] - density
    return np.asarray(np.exp(light))


def draw_illumination(
    rng: np.random.Generator, style: SubjectStyle, shape: tuple[int, int]
) -> np.ndarray:
    """Return a factor near 1: light falls off across the field, mostly one way per subject."""
    tilt = style.tilt + rng.normal(0, 0.5)
    slope = abs(rng.normal(0, 0.08))
    y, x = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    factor: np.ndarray = (1 + slope * (np.cos(tilt) * x + np.sin(tilt) * y)).astype(np.float32)
    return factor


def apply_focus(rng: np.random.Generator, style: SubjectStyle, image: np.ndarray) -> np.ndarray:
    """Return the image as lens and camera pass it on: blur, colour fringes, noise, curve."""
    sigma = style.blur * np.exp(rng.normal(0, 0.06))
    if rng.random() < 0.02:  # the stage had drifted out of focus
        sigma *= rng.uniform(2.5, 4)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    spread = MOSAIC * cv2.GaussianBlur(noise, (0, 0), 1.0)
    noise = np.exp(rng.normal(0, 0.18)) * (NOISE * noise + spread[::-1])
    blurred = cv2.GaussianBlur(image, (0, 0), sigma)
    for channel, way in ((0, 0.5), (2, -0.5)):
        x, y = way * style.fringe
        blurred[..., channel] = cv2.warpAffine(
            blurred[..., channel],
            np.array([[1, 0, x], [0, 1, y]]),
            blurred.shape[1::-1],
            borderMode=cv2.BORDER_REPLICATE,
        )
    photographed: np.ndarray = blurred + noise
    if style.tone != 1:
        photographed = 255 * (np.maximum(photographed, 0) / 255) ** style.tone
    return photographed


def _polar_grid(half: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    angle = np.arctan2(y, x) * (ANGLES / (2 * np.pi))
    return np.hypot(y, x), angle.astype(np.intp) % ANGLES


def _around(middle: np.ndarray, reach: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of a box that reaches so far to both sides of its middle, (2,) each."""
    first, last = (np.maximum(np.rint(middle + way * reach), 0).astype(int) for way in (-1, 1))
    return slice(first[0], last[0] + 1), slice(first[1], last[1] + 1)


def _place(cell: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return the canvas with the cell's centre of mass `shift` pixels from its middle."""
    rows, columns = np.nonzero(cell[..., 0] | cell[..., 1] | cell[..., 2])
    top, left = rows.min(), columns.min()
    cut = cell[top : rows.max() + 1, left : columns.max() + 1]
    offset = SIZE / 2 + shift - (rows.mean() - top, columns.mean() - left)
    top, left = np.clip(np.rint(offset).astype(int), 1, np.subtract(SIZE - 1, cut.shape[:2]))
    canvas = np.zeros((SIZE, SIZE, 3), np.uint8)
    canvas[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return canvas
