"""Pictures of a case for the screen: small tiles, and a cell marked in its field."""

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from core.cells.detection.setting import resized
from core.cells.masks import draw_lines
from core.data.images import decode, encode

TILE_SIDE, SMALL_SIDE = 84, 160  # pixels
OVERVIEW_SIDE = 720
MARK, WIDTH = (0, 158, 115), 3  # Okabe-Ito green, which stands off from purple
AROUND = 6  # pixels between a cell and its mark


def tile(data: bytes) -> str:
    """A small picture as a data URL."""
    image = decode(data)
    small = resized(image, min(1, TILE_SIDE / max(image.shape[:2])))
    return f"data:image/jpeg;base64,{base64.b64encode(encode(small, 'JPEG')).decode()}"


def small(source: Path) -> bytes:
    """A picture for a list, as PNG. Raises `UploadError` if it cannot be decoded."""
    image = decode(source)
    return encode(resized(image, min(1, SMALL_SIDE / max(image.shape[:2]))))


def overview(image: np.ndarray) -> np.ndarray:
    """A picture in a size to be shown, RGB uint8 (H, W, 3)."""
    return resized(image, min(1, OVERVIEW_SIDE / max(image.shape[:2])))


def place(data: bytes, width: int, outline: Sequence[Sequence[int]]) -> bytes:
    """An overview with a ring around a cell, as JPEG.

    `outline` is in pixels of the original, which is `width` pixels wide.
    """
    image = decode(data).copy()
    if len(outline):
        points = (np.array(outline) * (image.shape[1] / width)).astype(np.float32)
        (x, y), radius = cv2.minEnclosingCircle(points)
        axes = (round(radius) + AROUND, round(radius) + AROUND)
        ring = cv2.ellipse2Poly((round(x), round(y)), axes, 0, 0, 360, 6)
        draw_lines(image, [np.asarray(ring)], MARK, WIDTH)
    return encode(image, "JPEG")
