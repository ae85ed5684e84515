"""Readings of pictures as the command line prints them for a person."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.cli.in_words import printed
from core.explain.trust import Judgement
from core.reading.cell_reading import CellReading, Reading
from core.reading.fields.reading import NOT_READ, FieldCell
from core.reading.fields.summary import Summary
from core.reading.picture import FieldImage
from core.reading.reader import Reader
from core.report import share
from core.report.cell import limits, sentences
from core.report.cell.track_record import RecordInWords

_MARGIN = 2  # spaces before what is said of a picture
NOTICE = "Research use only, not a medical device: a haematologist checks every call."


def told(
    reader: Reader,
    readings: Sequence[Reading | FieldImage],
    record: RecordInWords,
    overlays: dict[int, str],
) -> str:
    """What is said of each picture, and at the end of the model, and what it is not for."""
    parts, of_model = [], [said for said in (record.real_cells, record.adopted) if said]
    each = replace(record, real_cells="", adopted="")
    for number, reading in enumerate(readings):
        lines = (
            _of_cells(reader, reading, each) if isinstance(reading, Reading) else _of_field(reading)
        )
        drawn = [f"Overlay: {overlays[number]}"] if number in overlays else []
        parts.append("\n  ".join([reading.image, *lines, *drawn]))
    return "\n\n".join([*parts, "\n".join([*of_model, NOTICE])])


def of_patient(summary: Summary) -> str:
    """What the fields of one patient add up to."""
    fields = f"{summary.fields} field{'' if summary.fields == 1 else 's'}"
    return "\n  ".join([f"The patient, of {fields}", *_sum(summary)])


def _of_cells(reader: Reader, reading: Reading, record: RecordInWords) -> Iterator[str]:
    yield from reading.prepared.words if reading.prepared else ()
    if not reading.cells:
        yield f"Refused: {reading.reason}"
    for cell in reading.cells:
        yield from _of_cell(reader, cell, reader.judge(cell), record)


def _of_cell(
    reader: Reader, cell: CellReading, judged: Judgement, record: RecordInWords
) -> Iterator[str]:
    """As the Predict page has it: the call, what stands out, the heat map, and the limits."""
    yield f"The model suggests {cell.call}{sentences.advice(cell)}."
    if cell.adapted:
        yield "Read as if stained like the reference cells."
    yield f"Probability of ALL {cell.probability:.0%}{_interval(cell.interval)}."
    yield from filter(None, (sentences.unusual(cell), sentences.contradicted(cell)))
    yield sentences.heat_map(cell, judged)
    yield from limits.limits(cell, reader.run.calibration, record)


def _of_field(field: FieldImage) -> Iterator[str]:
    reading = field.reading
    yield from field.notes
    yield reading.counts.sentence
    yield from filter(None, (reading.question,))
    yield from _sum(reading.summary)
    if reading.cells:
        yield from printed.table([_row(cell) for cell in reading.cells], _MARGIN).splitlines()


def _sum(summary: Summary) -> Iterator[str]:
    if summary.share is not None:
        yield f"At or above the threshold: {share.of_cells(summary)} of the cells read."
    if summary.in_percent and summary.corrected.value is not None:
        yield f"Share of blasts, corrected: {share.corrected(summary.corrected)}."
    yield from (said.replace("**", "") for said in share.sentences(summary))
    yield from filter(None, (summary.warning,))


def _row(cell: FieldCell) -> dict[str, object]:
    x, y, w, h = cell.cell.bbox
    known = cell.probability is not None
    return {
        "No.": cell.number,
        "Call": cell.state,
        "Probability of ALL": f"{cell.probability:.0%}{_interval(cell.interval)}" if known else "",
        "x, y, w, h": f"{x}, {y}, {w}, {h}",
        "Why": cell.gate.reason if cell.state == NOT_READ else " ".join(cell.doubts),
    }


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" (95% interval {interval[0]:.0%} to {interval[1]:.0%})"
