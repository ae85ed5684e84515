"""Draws red cells and platelets: what lies around the white cells of a smear.

Lengths are pixels of a C-NMC image, where a red cell measures about 125; `scale` is field pixels
per such pixel. An outline is a radius per angle, float (N,), a depth map says how far inside the
outline each field pixel lies (negative outside), float32 (n, n) with the centre in the middle.
"""

import cv2
import numpy as np

ANGLES = 720
RED_RADIUS = 62.0
PLATELET_RADIUS = 23.0


def draw_red_outline(rng: np.random.Generator, size: float) -> np.ndarray:
    """Return a red cell's outline: nearly round, some oval; `size` is a factor on its radius."""
    radius = RED_RADIUS * size * np.exp(rng.normal(0, 0.07))
    outline: np.ndarray = radius * (1 + _waves(rng, [0.06, 0.02, 0.012, 0.008, 0.006]))
    return outline


def draw_platelet_outline(rng: np.random.Generator) -> np.ndarray:
    """Return a platelet's outline: small, ragged, of any shape."""
    radius = PLATELET_RADIUS * np.exp(rng.normal(0, 0.18))
    outline: np.ndarray = radius * (1 + _waves(rng, [0.10, 0.06, 0.05, 0.04, 0.03, 0.03, 0.02]))
    return outline


def depth_map(outline: np.ndarray, scale: float, half: int | None = None) -> np.ndarray:
    """Return the depth map of `outline`, `half` pixels to each side, or 4 beyond the outline."""
    half = half or int(np.ceil(outline.max() * scale)) + 4
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    angle = np.arctan2(y, x) * (outline.size / (2 * np.pi))
    return (outline[angle.astype(np.intp) % outline.size] - np.hypot(y, x) / scale).astype("f4")


def draw_thickness(
    rng: np.random.Generator, depth: np.ndarray, radius: float, pallor: float
) -> np.ndarray:
    """Return the haemoglobin a ray meets, about 1 in the rim and less in the pale middle.

    `depth` may be dented by a neighbour; `radius` is that of the whole cell; `pallor` in [0, 1]
    is how pale the middles in this smear are. float32, the shape of `depth`.
    """
    inside = depth / radius
    paleness = pallor * rng.beta(3, 1.2)
    reach, softness = rng.uniform(0.42, 0.68), rng.uniform(0.06, 0.11)
    middle = paleness / (1 + np.exp((reach - inside) / softness))
    rim = 0.75 + 0.25 * soft_edge((inside - 0.10) * 26)  # the edge is rounded, not a cliff
    thickness: np.ndarray = np.exp(rng.normal(0, 0.10)) * rim * (1 - middle) * soft_edge(depth)
    return thickness


def draw_granules(rng: np.random.Generator, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a platelet's azurophil granules and its pale body, in the units of cell dyes.

    Granules count as chromatin, the body as cytoplasm. float32, the shape of `depth`.
    """
    lattice = rng.random((11, 11), dtype=np.float32)
    grain = cv2.resize(lattice, depth.shape[::-1], interpolation=cv2.INTER_CUBIC)
    gathered = 1 / (1 + np.exp((6 - depth) / 2.5))  # they keep away from the edge
    strength = rng.uniform(0.5, 0.9)
    return strength * gathered * (0.35 + 0.8 * grain) * soft_edge(depth), 0.35 * soft_edge(depth)


def soft_edge(depth: np.ndarray) -> np.ndarray:
    """Return how much of each pixel the cell covers: 1 inside, 0 outside, a soft step between."""
    return 1 / (1 + np.exp(np.clip(-depth / 0.8, -40, 40)))


def _waves(rng: np.random.Generator, spread: list[float]) -> np.ndarray:
    """Return closed waves around 0; `spread` is the amplitude of 2, 3, ... waves a turn."""
    turn = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    orders = np.arange(2, 2 + len(spread))[:, None]
    amplitudes, phases = rng.normal(0, spread), rng.uniform(0, 2 * np.pi, len(spread))
    return amplitudes @ np.cos(orders * turn + phases[:, None])
