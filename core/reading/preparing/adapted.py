"""A cell of another stain, read as if it were stained like the reference cells.

Only the appearance of a cell, its colour, light and contrast, may be the reason: what is blurred,
badly exposed or no cell stays refused, and nothing is offered that would not help. The colours are
brought to those of the reference cells (`core.cells.staining`), and the checks go on with the
result: what is still unlike the training cells is refused. It never happens unless a person asks
for it, and every output says that it did.

What remains of the other stain is not known for one cell, nor what a call of such a cell is worth,
so its call is review, whatever the model: of cells of other kinds in real smears that pass every
check once they are adapted, a model can call most ALL. Its interval is wider by what adapting cost
on cells of the validation part (`core.evaluation.staining`).
"""

from dataclasses import replace

from core.metrics import bootstrap
from core.reading.checked_picture import CheckedPicture
from core.reading.prepared import Prepared
from core.reading.preparing.options import ReadingOptions
from core.runs.calibration import Answer, Calibration

ADAPTED = "Its colours were adapted to those of the reference cells."
WAY_OUT = "have it read as if stained like the reference cells (--adapt-stain on the command line)"
IN_VAIN = " With its colours adapted to theirs it is still unlike them."
NOT_MEASURED = (
    "The cost of adapting its colours was not measured for this model, so no interval is given."
)
LEFT = "It is read as if stained like the reference cells; what is left of its stain is not known."
WIDER = "Its interval is wider by what adapting cost on validation cells that were re-coloured."
ACROSS = "Its interval, which allows for the adapted colours, reaches across the threshold."


def offer(picture: CheckedPicture) -> ReadingOptions | None:
    """What a person could say for a cell of another appearance to be read; None if nothing."""
    if picture.stain is None or picture.options.adapt_stain or picture.whole_image:
        return None
    return replace(picture.options, adapt_stain=True)


def asked_for(picture: CheckedPicture) -> bool:
    """Whether a person has asked for it, and the picture is one cell, whose run kept its colours.

    A whole image is no cell, and what adapting it costs is not measured.
    """
    return picture.options.adapt_stain and picture.stain is not None and not picture.whole_image


def even(picture: CheckedPicture) -> str:
    """What a refusal says of a cell that was adapted; "" for any other."""
    return "" if picture.unadapted is None else ", even with its colours adapted,"


def adapt(picture: CheckedPicture) -> None:
    """Brings the cell to the colours of the reference cells, which the run must have kept."""
    if picture.stain is None:
        raise ValueError("The model kept no colours to adapt the cell to.")
    before, image, mask = picture.shown, picture.image, picture.mask
    adapted, words = picture.stain.colours(image), (ADAPTED,)
    if picture.prepared and picture.native:  # its picture and mask are those that came
        picture.use(adapted, replace(picture.prepared, words=words), picture.native[0])
    else:
        picture.use(adapted, Prepared(image, mask, words, size_known=True, cut_out=False), image)
    picture.unadapted = before


def answer(picture: CheckedPicture, calibration: Calibration) -> tuple[Answer, tuple[str, ...]]:
    """The answer for a cell that was adapted, and why a person should look at it."""
    logit = float(picture.output.logit[0])
    cost = picture.stain.adaptation if picture.stain else None
    if cost is None:
        return replace(calibration.answer(logit), interval=None), (LEFT, NOT_MEASURED)
    answered = calibration.answer(logit, spread=bootstrap.reach(cost.groups) * cost.change)
    low, high = answered.interval or (0.0, 0.0)
    across = answered.interval is not None and low <= calibration.threshold <= high
    return answered, (LEFT, ACROSS) if across else (LEFT,)
