"""What a model's calls and probabilities were worth, in sentences to stand beside a reading."""

from dataclasses import dataclass, replace

from core.errors import RunError
from core.evaluation import track_record
from core.evaluation.test_set import TestSet
from core.evaluation.track_record import CALLS, CallRecord, TrackRecord
from core.metrics.estimate import Estimate
from core.report import adoption
from core.report.cell import real_cells
from core.report.phrases import interval_of
from core.runs.adoption import MAY_HAVE_SEEN
from core.runs.metrics import RunMetrics
from core.runs.run_store import Run

NONE_OF_ADAPTED = "It is not known what its calls are worth on cells whose colours were adapted."


@dataclass(frozen=True)
class RecordInWords:
    """A track record in sentences.

    calls: what each call was worth, or why that is not known. probabilities: in which direction
    they were off, "" if that is not shown. real_cells: what a model that was trained on synthetic
    cells makes of real ones, "" for another model. figures: None if the test part cannot be read.
    adopted: what is known of the training of a model from elsewhere, "" if it was trained here.
    """

    calls: dict[str, str]
    probabilities: str
    real_cells: str
    figures: TrackRecord | None
    adopted: str = ""


def tell(run: Run) -> RecordInWords:
    """The track record of a finished run."""
    real = real_cells.sentence(run)
    adopted = adoption.training(run.adoption) if run.adoption else ""
    try:
        test = TestSet.load(run)
    except RunError as error:
        missing = f"Its calls have no record. {error}"
        return RecordInWords(dict.fromkeys(CALLS, missing), "", real, None, adopted)
    record = track_record.measure(test)
    kind = run.config.items
    cells = _cells(test.facts, kind)
    calls = {call: _of_call(found, record, cells, kind) for call, found in record.calls.items()}
    return RecordInWords(calls, _of_probabilities(record, cells), real, record, adopted)


def of_adapted(record: RecordInWords) -> RecordInWords:
    """The record as it stands beside a cell whose colours were adapted: the calls have none."""
    calls = dict.fromkeys(record.calls, NONE_OF_ADAPTED)
    return replace(record, calls=calls, probabilities="")


def _of_call(found: CallRecord, record: TrackRecord, cells: str, kind: str) -> str:
    if found.blasts.value is None:
        return (
            f"None of the {cells} was called {found.call}, so it is not known what such a call is "
            "worth."
        )
    return (
        f"Of 100 {cells} that it called {found.call}, {100 * found.blasts.value:.0f} were blasts "
        f"({_interval(found.blasts)}). Measured on {found.cells:,} such calls, where "
        f"{100 * record.prevalence:.0f} of 100 {kind} are blasts."
    )


def _of_probabilities(record: TrackRecord, cells: str) -> str:
    if not record.biased or record.bias.value is None:
        return ""
    way = "high" if record.bias.value > 0 else "low"
    points = 100 * abs(record.bias.value)
    return f"Its probabilities of ALL ran about {points:.0f} points too {way} on {cells}."


def _cells(measured: RunMetrics, kind: str) -> str:
    kind = f"synthetic {kind}" if measured.dataset.synthetic else kind
    if measured.protocol.training_unknown:
        return f"{kind} ({MAY_HAVE_SEEN})"
    if measured.protocol.unknown_subjects:
        return f"{kind} of unknown subjects (it may have trained on them)"
    if measured.protocol.leaking:
        return f"{kind} of subjects that it had also trained on"
    return f"{kind} of unseen subjects"


def _interval(share: Estimate) -> str:
    """The interval in cells of 100, or why there is none."""
    if share.interval is None:
        return interval_of(share)
    low, high = share.interval
    return f"95% interval {100 * low:.0f} to {100 * high:.0f}"
