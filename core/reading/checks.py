"""The checks before a reading, in their order. To add one, write a function and its line below.

Each takes the `CheckedPicture`, records its measures in it, and returns a `Refusal` or None. Files
that cannot be decoded, or are too small, are refused earlier: "unreadable" and "too small".
"""

from dataclasses import replace

import numpy as np

from core.cells.morphology import measure
from core.cells.scale import CNMC_SIDE, size
from core.data import quality
from core.reading.checked_picture import Check, CheckedPicture, Refusal
from core.reading.preparing import (
    adapted,
    channels,
    frame,
    natural_background,
    plain_background,
    surroundings,
)
from core.reading.preparing.doubts import doubts
from core.reading.preparing.options import ReadingOptions

# Of 55 real cells the border is all black, green is 0.37 to 0.51 of the weaker of red and blue, and
# the texture is 0.012 or more.
ON_BLACK = 0.4
MAX_GREEN = 0.8
MIN_TEXTURE = 0.003
MIN_INSIDE_WINDOW = 0.98
CELL_SHARE = (0.02, 0.7)  # of the window, where no reference cells say better
# A chord of 0.35 diameters: 3 % of the diameter lies beyond it. A tight crop leaves shorter ones.
MAX_CUT_OFF = 0.35


def stained(picture: CheckedPicture) -> Refusal | None:
    """Checks that it is a stained cell or a smear at all."""
    picture.figures["black_border"] = picture.black_border
    if picture.black_border < ON_BLACK and not plain_background.take_away(picture):
        return natural_background.refuse_what_is_no_smear(picture)
    if not picture.mask.any():
        return Refusal(
            "There is no cell in it: the image is black.", "Upload a picture of a stained cell."
        )
    if refusal := surroundings.leave_out(picture):
        return refusal
    cell = picture.morphology
    green = cell.green / max(min(cell.red, cell.blue), 1.0)
    picture.figures |= {"green": green, "texture": cell.texture}
    if green > MAX_GREEN:
        return Refusal(
            "What it shows does not have the purple of a stained cell.",
            "Upload a colour picture of a cell in a Romanowsky stain, such as Jenner-Giemsa.",
        )
    if cell.texture < MIN_TEXTURE:
        return Refusal(
            "What it shows is one even colour, without the chromatin of a stained cell.",
            "Upload a photograph of a cell, not a drawing.",
        )
    return None


def single(picture: CheckedPicture) -> Refusal | None:
    """Checks that it is one cell, not a whole field."""
    if picture.black_border < ON_BLACK:
        return natural_background.refuse_a_field(picture)
    others = np.count_nonzero(picture.lit & ~picture.mask) / np.count_nonzero(picture.mask)
    picture.figures["other_regions"] = others
    if others > surroundings.MAX_OTHER_REGIONS:
        return Refusal(
            "It shows more than one region on black.", "Upload each cell in a picture of its own."
        )
    return None


def on_black(picture: CheckedPicture) -> Refusal | None:
    """Checks that it is cut out of its background; if not, cuts it out."""
    if picture.black_border < ON_BLACK:
        return natural_background.cut_out(picture)
    if picture.options.um_per_px is None:
        frame.note_the_scale(picture)
    elif refusal := frame.bring_to_scale(picture, picture.options.um_per_px):
        return refusal
    inside = np.count_nonzero(_middle(picture.mask, picture.geometry.window))
    if inside < MIN_INSIDE_WINDOW * np.count_nonzero(picture.mask):
        natural_background.centre(picture)
    return None


def in_order(picture: CheckedPicture) -> Refusal | None:
    """Checks that red and blue are not swapped."""
    cell = channels.balance(*(picture.native or (picture.image, picture.mask)))
    picture.figures |= {"red_over_blue": cell.red, "red_varies": cell.varies}
    if not cell.swapped:
        return None
    return Refusal(
        "Its red and blue are swapped: the nucleus is redder than it is blue, which no Romanowsky "
        "stain makes it.",
        "Export it again in the order red, green, blue, or have them swapped here "
        "(--swap-red-blue on the command line).",
        replace(picture.options, swap_red_blue=True),
    )


def scale(picture: CheckedPicture) -> Refusal | None:
    """Checks that the diameter is within that of reference cells."""
    share = np.count_nonzero(picture.mask) / picture.geometry.window**2
    diameter = picture.morphology.diameter_px
    picture.figures |= {"cell_share": share, "diameter_px": diameter}
    known = picture.reference and picture.reference.diameter
    if known:
        low, high = known
        picture.figures |= {"least_diameter_px": low, "most_diameter_px": high}
    else:
        picture.unchecked["scale"] = _unknown("the range of cell diameters")
        low, high = (2 * picture.geometry.window * np.sqrt(s / np.pi) for s in CELL_SHARE)
    if low <= diameter <= high:
        return None
    scale = frame.um_of_training(picture.reference)
    # In pixels of the picture as it came, where they can be told; else in those of training.
    factor = (picture.figures.get("enlargement") or 1.0) if picture.um_per_px else 1.0
    across = f"The cell measures {size([diameter / factor], scale * factor)} across"
    range_ = f"{low * scale:.1f} to {high * scale:.1f} µm"
    if options := frame.proposed(picture):
        side = picture.image.shape[0]
        return Refusal(
            f"{across}, smaller than any cell the model knows ({range_}), if a pixel is that of "
            "the reference cells.",
            f"If this is a frame of {CNMC_SIDE} pixels that was made {side} pixels wide, have it "
            f"read at that scale (--um-per-px {options.um_per_px:g} on the command line); detail "
            "is lost. Better, export it at its full size.",
            options,
        )
    return Refusal(
        f"{across}, {'smaller' if diameter < low else 'larger'} than any cell the model knows "
        f"({range_}).",
        "Export it at the magnification of the reference cells; do not resize it.",
    )


def sharp(picture: CheckedPicture) -> Refusal | None:
    """Checks that the cell is in focus, whole, and neither too dark nor too bright."""
    image, mask = picture.native or (picture.image, picture.mask)
    cell = measure(image, mask) if picture.native else picture.morphology
    cut_off = _longest_side(mask) / cell.diameter_px
    known = picture.reference and picture.reference.focus
    least = known or quality.MIN_FOCUS
    if not known:
        picture.unchecked["sharp"] = _unknown("how sharp its reference cells are")
    picture.figures |= {"focus": cell.focus, "least_focus": least, "cut_off": cut_off}
    if cut_off > MAX_CUT_OFF:
        return Refusal(
            "The cell is cut off by the edge of the picture.", "Export it whole, with a margin."
        )
    if cell.focus is None or cell.focus < least:
        return Refusal(
            "The cell is blurred: its chromatin cannot be judged.",
            "Focus again, or export the picture without resizing or strong compression.",
        )
    for flag in quality.exposure(image, mask, cell):
        return Refusal(quality.FLAGS[flag], "Take it again with another exposure.")
    return None


def familiar(picture: CheckedPicture) -> Refusal | None:
    """Checks that colour, light and chromatin are those of reference cells."""
    reference = picture.reference
    if reference is None or reference.appearance is None or reference.appearance_limit is None:
        picture.unchecked["appearance"] = (
            _unknown(f"how its reference {picture.items} look")
            if reference is None
            else f"Its reference {picture.items} are too few to say how they look."
        )
        return None
    looks, limit = reference.appearance, reference.appearance_limit
    distance = looks.of_cell(picture.morphology)
    if distance > limit and adapted.asked_for(picture):
        picture.figures["own_appearance"] = distance
        adapted.adapt(picture)
        distance = looks.of_cell(picture.morphology)
    picture.figures |= {"appearance": distance, "appearance_limit": limit}
    if distance <= limit:
        return None
    offer, in_vain = _offer_that_helps(picture)
    instead = "" if offer is None else f"{adapted.WAY_OUT}, "
    return Refusal(
        f"In colour, light or chromatin it is{adapted.even(picture)} unlike the reference "
        f"{picture.items} ({_distance_and_limit(distance, limit, 1)}): another stain, another "
        f"camera, or another kind of cell.{in_vain}{_why_it_may_be(picture)}",
        f"Have a person look at it, {instead}or use a model trained on cells of this stain.",
        offer,
    )


def _offer_that_helps(picture: CheckedPicture) -> tuple[ReadingOptions | None, str]:
    """What a person could say for it to be read; if that would not help, that it would not."""
    offer = adapted.offer(picture)
    if offer is None:
        return None, ""
    trial = replace(picture, options=offer, figures={}, unchecked={})
    if familiar(trial) or known(trial):
        return None, adapted.IN_VAIN
    return offer, ""


def known(picture: CheckedPicture) -> Refusal | None:
    """Checks that the model finds it similar to its reference cells."""
    reference = picture.reference
    if reference is None or reference.limit is None:
        reason = (
            _unknown(f"its reference {picture.items}") if reference is None else reference.reason
        )
        picture.unchecked["known"] = reason
        return None
    distance = reference.distance(picture.distances)
    picture.figures |= {"distance": distance, "distance_limit": reference.limit}
    if distance <= reference.limit:
        return None
    return Refusal(
        f"To this model it is{adapted.even(picture)} unlike the reference {picture.items} "
        f"({_distance_and_limit(distance, reference.limit, 2)}): another kind of cell, "
        f"another stain, or no cell.{_why_it_may_be(picture)}",
        "Have a person look at it, or use a model trained on such cells.",
    )


def _distance_and_limit(distance: float, limit: float, digits: int) -> str:
    """A distance and the limit that it exceeds, in as many digits from `digits` on as differ."""
    while f"{distance:.{digits}f}" == f"{limit:.{digits}f}":
        digits += 1
    return f"distance {distance:.{digits}f}, at most {limit:.{digits}f}"


def _why_it_may_be(picture: CheckedPicture) -> str:
    """What is odd about the cell itself, in sentences; empty if nothing is."""
    return "".join(f" {sentence}" for sentence in doubts(picture))


def not_black(picture: CheckedPicture) -> Refusal | None:
    """Checks that a whole image shows something."""
    if picture.mask.any():
        return None
    return Refusal("There is nothing in it: the image is black.", "Upload a picture of a smear.")


# The checks of pixels, which need no engine.
OF_PIXELS: dict[str, Check] = {
    "stained": stained,
    "field": single,
    "natural background": on_black,
    "channels": in_order,
    "scale": scale,
    "sharp": sharp,
    "appearance": familiar,
}
# The same for a model that sees whole images: whatever they show, it is like its reference images.
OF_WHOLE_IMAGES: dict[str, Check] = {"not black": not_black, "appearance": familiar}
OF_FEATURES: dict[str, Check] = {"known": known}
CHECKS = OF_PIXELS | OF_FEATURES


def _unknown(what: str) -> str:
    return f"The model did not keep {what}: train it again."


def _middle(mask: np.ndarray, side: int) -> np.ndarray:
    """The centre square of `side` pixels of a mask (H, W)."""
    top, left = (max(0, (length - side) // 2) for length in mask.shape)
    return mask[top : top + side, left : left + side]


def _longest_side(mask: np.ndarray) -> int:
    """The largest number of pixels of the mask on one edge of the picture."""
    return max(int(side.sum()) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
