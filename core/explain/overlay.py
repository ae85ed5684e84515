"""Lays a heat map over the cell it explains."""

import cv2
import numpy as np

# The upper half of viridis, teal to yellow: perceptually uniform, and hues that no stain has.
_LEVELS = np.linspace(110, 255, 256).astype(np.uint8).reshape(1, 256)
SCALE = np.ascontiguousarray(cv2.applyColorMap(_LEVELS, cv2.COLORMAP_VIRIDIS)[0, :, ::-1])
OPACITY = 0.65
_STAMP = (122, 20, 20)  # dark red, RGB


def resize_heat(heat: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resizes a heat map, float32 (h, w) 0..1, to image resolution (H, W): float32 0..1."""
    down, across = (_cubic(*lengths) for lengths in zip(heat.shape, shape, strict=True))
    # OpenCV's product uses no threads, which would compete with the engine's.
    resized = cv2.gemm(down @ heat, across, 1, None, 0, flags=cv2.GEMM_2_T)
    clipped: np.ndarray = np.clip(resized, 0, 1, out=resized)
    return clipped


def _cubic(length: int, target: int) -> np.ndarray:
    """The matrix (target, length) of a cubic interpolation; faster, because all rows share it."""
    identity = np.eye(length, dtype=np.float32)
    return np.asarray(cv2.resize(identity, (length, target), interpolation=cv2.INTER_CUBIC))


def overlay(image: np.ndarray, heat: np.ndarray, opacity: float = OPACITY) -> np.ndarray:
    """The image with heat over it: transparent without evidence, up to `opacity` at the peak.

    RGB uint8 (H, W, 3) and float32 (H, W) 0..1 to RGB uint8 (H, W, 3).
    """
    level = (heat * 255).astype(np.uint8)
    colour = cv2.applyColorMap(level, SCALE[:, None])
    alpha = opacity * heat
    return np.asarray(cv2.blendLinear(np.ascontiguousarray(image), colour, 1 - alpha, alpha))


def legend(height: int = 6) -> np.ndarray:
    """The colour scale from weak (left) to strong evidence; RGB uint8 (height, 256, 3)."""
    return np.repeat(SCALE[None], height, axis=0)


def stamp(image: np.ndarray, words: str) -> np.ndarray:
    """A copy of an RGB uint8 (H, W, 3) image with words, in ASCII, in a band along its lower edge.

    So that a picture that is passed on alone still says what is wrong with it. The image itself
    where there are no words.
    """
    if not words:
        return image
    stamped = image.copy()
    height, width = stamped.shape[:2]
    (across, up), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, 1, 2)
    scale = min(0.9 * width / across, 0.05 * height / up)
    band = round(2.2 * up * scale)
    stamped[height - band :] = _STAMP
    at = round((width - across * scale) / 2), height - round(0.6 * up * scale)
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    cv2.putText(stamped, words, at, font, scale, white, max(1, round(2 * scale)), cv2.LINE_AA)
    return stamped
