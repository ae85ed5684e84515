"""What a person says of a picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """What a person says of a picture that its pixels do not.

    swap_red_blue: that its red and blue are swapped. um_per_px: the micrometres that a pixel
    covers. adapt_stain: that a cell whose appearance alone has it refused shall be read as if it
    were stained like the reference cells, see `core.reading.preparing.adapted`.
    """

    swap_red_blue: bool = False
    um_per_px: float | None = None
    adapt_stain: bool = False


NOTHING_TOLD = Told()
