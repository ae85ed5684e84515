"""How a person has a picture read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadingOptions:
    """What a person states of a picture, or asks for, which its pixels do not show.

    swap_red_blue: that its red and blue are swapped. um_per_px: the micrometres that a pixel
    covers. adapt_stain: that a cell whose appearance alone has it refused shall be read as if it
    were stained like the reference cells, see `core.reading.preparing.adapted`.
    """

    swap_red_blue: bool = False
    um_per_px: float | None = None
    adapt_stain: bool = False


NO_OPTIONS = ReadingOptions()
