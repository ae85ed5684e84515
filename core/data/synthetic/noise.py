"""Random outlines and textures, of which cells are drawn."""

import cv2
import numpy as np

ANGLES = 2048  # an outline is a radius per angle; at this count a step is under one pixel


def turn_from(towards: float) -> np.ndarray:
    """Return each angle's distance from the direction `towards`, in -pi..pi."""
    turned: np.ndarray = (np.arange(ANGLES) * (2 * np.pi / ANGLES) - towards + np.pi) % (
        2 * np.pi
    ) - np.pi
    return turned


def ripple(rng: np.random.Generator, lowest: int, highest: int) -> np.ndarray:
    """Return closed noise of unit variance with `lowest` to `highest` waves a turn."""
    spectrum = np.zeros(ANGLES // 2 + 1, dtype=complex)
    waves = np.arange(lowest, highest + 1)
    spectrum[waves] = (rng.standard_normal((2, waves.size)).T @ [1, 1j]) / waves
    ripple: np.ndarray = np.fft.irfft(spectrum, ANGLES) * ANGLES / np.sqrt(2 * np.sum(2 / waves**2))
    return ripple


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> np.ndarray:
    """Return smooth noise of about unit variance with blobs of `grain` pixels, float32."""
    step = max(1.0, grain / 2)  # a blurred coarse lattice, enlarged, is as smooth and far cheaper
    lattice = [int(np.ceil(side / step)) + 4 for side in shape]
    seeds = rng.standard_normal(lattice, dtype=np.float32)
    smooth = cv2.GaussianBlur(seeds, (0, 0), grain / step)
    smooth *= 2 * np.sqrt(np.pi) * grain / step
    enlarged = cv2.resize(smooth, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
    noise: np.ndarray = enlarged[: shape[0], : shape[1]]
    return noise
