"""A cell and an engine so simple that the truth about them is known."""

import numpy as np

from core.explain.heat_map import View, views
from core.models.engine import EngineOutput
from core.models.head import HeadOutput

GRID, SIDE = 12, 96
PATCH = np.zeros((GRID, GRID), bool)
PATCH[4:6, 6:8] = True  # of the cell, and no centre of anything


class LinearHead:
    """logit = sum of weights times features; no position but those of `weights` matters."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights.astype(np.float32)

    def __call__(self, features: np.ndarray) -> HeadOutput:
        logit = np.tensordot(features, self.weights, 3).astype(np.float32)
        return HeadOutput(logit, np.broadcast_to(self.weights, features.shape).copy())


class ToyEngine:
    """Features are the mean colours of GRID x GRID blocks, 0..1; the head is linear."""

    def __init__(self, weights: np.ndarray) -> None:
        self.head = LinearHead(weights)
        random = np.random.default_rng(0)
        self.shuffled_heads = tuple(
            LinearHead(random.permutation(weights.ravel()).reshape(weights.shape)) for _ in range(3)
        )
        self.images = 0

    def features(self, pixels: np.ndarray) -> np.ndarray:
        step = SIDE // GRID
        rows = pixels.reshape(len(pixels), GRID, step, SIDE * 3).sum(axis=2, dtype=np.uint32)
        sums = rows.reshape(len(pixels), GRID, GRID, step, 3).sum(axis=3)
        return (sums / step**2 / 255).astype(np.float32)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        return self(pixels).logit

    def __call__(self, pixels: np.ndarray) -> EngineOutput:
        assert pixels.dtype == np.uint8
        self.images += len(pixels)
        features = self.features(pixels)
        output = self.head(features)
        return EngineOutput(features, output.logit, output.gradient)


def red_patch_engine() -> ToyEngine:
    """The log-odds of ALL are the red in PATCH."""
    weights = np.zeros((GRID, GRID, 3))
    weights[PATCH, 0] = 1.0
    return ToyEngine(weights)


def cell() -> tuple[np.ndarray, np.ndarray]:
    """A purple disc with a red patch on black, uint8 (SIDE, SIDE, 3), and its outline."""
    y, x = np.mgrid[:SIDE, :SIDE]
    mask = (y - SIDE / 2 + 0.5) ** 2 + (x - SIDE / 2 + 0.5) ** 2 <= (0.36 * SIDE) ** 2
    texture = np.random.default_rng(5).integers(-15, 16, (SIDE, SIDE, 3))
    pixels = np.where(mask[:, :, None], np.array([110, 60, 130]) + texture, 0)
    step = SIDE // GRID
    pixels[np.kron(PATCH, np.ones((step, step), bool))] = (230, 40, 60)
    return pixels.astype(np.uint8), mask


def seen(engine: ToyEngine, pixels: np.ndarray) -> View:
    return views(engine, pixels[None])[0]
