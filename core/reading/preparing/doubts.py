"""What sends a cell that passed every check to a person: what it is said in the data set, too."""

from dataclasses import replace

from core.data import quality
from core.reading.checked_picture import CheckedPicture
from core.reading.preparing import adapted
from core.runs.calibration import Answer, Calibration

LOBED = "Its nucleus is bent or in lobes, as in granulocytes and monocytes."


def answer(picture: CheckedPicture, calibration: Calibration) -> tuple[Answer, tuple[str, ...]]:
    """The answer of a model for a cell that it has seen, and why a person should look at it.

    The call is "review" if there is a reason; reasons are sentences.
    """
    found = doubts(picture)
    if picture.unadapted is None:
        answered = calibration.answer(float(picture.output.logit[0]))
    else:
        answered, of_colours = adapted.answer(picture, calibration)
        found = of_colours + found
    if answered.leaning == "ALL" and picture.prepared is not None and picture.prepared.lobed:
        found += (f"{LOBED} Blasts of ALL rarely look so.",)
    return (replace(answered, call="review") if found else answered), found


def doubts(picture: CheckedPicture) -> tuple[str, ...]:
    """Why a person should look at the cell whatever a model says of it, in sentences."""
    share = 0.0 if picture.whole_image else picture.morphology.fragment_share
    if share == 0:
        return ()
    return (f"{quality.FLAGS['attached fragment']} That part is {share:.0%} of the area.",)
