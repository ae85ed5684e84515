"""Lengths in words: micrometres where the scale is known, pixels in brackets."""

import pytest

from core.cells.scale import size


@pytest.mark.parametrize(
    ("pixels", "um_per_px", "expected"),
    [
        ([40.0], 0.2575, "10.3 µm (40 px)"),
        ([40.4], None, "40 px"),
        ([40, 38], 0.25, "10.0 x 9.5 µm (40 x 38 px)"),
        ([40, 38], None, "40 x 38 px"),
    ],
)
def test_sizes(pixels: list[float], um_per_px: float | None, expected: str) -> None:
    assert size(pixels, um_per_px) == expected
