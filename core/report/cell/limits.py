"""What limits the reading of a cell, in sentences, the gravest first."""

from core.reading.cell_reading import CellReading
from core.reading.neighbours import Seen
from core.reading.preparing.adapted import NOT_MEASURED, WIDER
from core.reading.table import doubt
from core.report.cell.track_record import RecordInWords, of_adapted
from core.runs.calibration import Calibration

_ADOPTED = "This picture is in the data set with which this model was adopted and measured."
NO_INTERVAL = "There is no interval: this model was calibrated on too few subjects for one."
_SEEN = {
    "train": "This model was trained on this very picture, so what it says of it proves nothing.",
    "validation": "This picture was used to choose and calibrate this model, so what it says of it "
    "proves little.",
    "test": "This picture is one of those that this model was measured on; it was not trained on "
    "it.",
}


def limits(cell: CellReading, fitted: Calibration, record: RecordInWords) -> list[str]:
    """Returns the limits of a reading; record: of the run, fitted: its calibration.

    What takes the whole meaning from a reading stands before what makes this call doubtful, and
    that before what makes its figures less exact. Why a cell was sent to review is its reading, and
    comes before all but that.
    """
    if cell.adapted:
        record = of_adapted(record)
    seen = {} if cell.seen is None else {cell.seen.part: _seen(cell.seen, record)}
    unchecked = " ".join(dict.fromkeys(cell.gate.unchecked.values()))
    said = (
        seen.get("train"),
        doubt(cell, fitted) if cell.call == "review" else "",
        WIDER if cell.adapted and cell.interval else "",
        record.real_cells,
        record.adopted,
        seen.get("validation"),
        doubt(cell, fitted) if cell.call != "review" else "",
        f"Not all was checked. {unchecked}" if unchecked else "",
        record.probabilities,
        record.calls.get(cell.call),
        "" if cell.interval is not None or NOT_MEASURED in cell.doubts else NO_INTERVAL,
        seen.get("test"),
    )
    return [sentence for sentence in said if sentence]


def _seen(seen: Seen, record: RecordInWords) -> str:
    copy = "" if seen.exact else " The picture is practically the same."
    told = _ADOPTED if record.adopted else _SEEN[seen.part]
    return f"{told}{copy} It is {seen.image_id} of its data set."
