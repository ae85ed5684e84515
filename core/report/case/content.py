"""What the report of a case says: the one content that its HTML, PDF and FHIR are renderings of.

Fields that have the name of a column of `core.cases.tables` have its value and its meaning.
"""

from typing import Annotated

from pydantic import Field

from core.cases.case_store import OPEN, SIGNED
from core.cases.intake import FIELD
from core.cases.labels import ALL, HEM, LABELS
from core.cases.review import REVIEW
from core.data.pixel_cache import CELL, IMAGE
from core.documents import Choices, Section
from core.reading.fields.reading import CUT, NOT_READ
from core.untrusted.fields import Count, Line, Message, Sha256, Share

MOST_PAYLOAD = 2**26  # characters of an event's payload
# As `core.cases.tables` has them.
Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
FileName = Annotated[str, Field(max_length=200)]  # it can have any character
Label = Annotated[str, Choices(LABELS)]
# Pixels of a picture; an outline may begin outside.
Place = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Pixels = Annotated[int, Field(ge=1, le=1_000_000)]
Scale = Annotated[float, Field(gt=0, le=1000)]
Point = tuple[Place, Place]


class ReportedDecision(Section):
    """What one reader decided about a cell."""

    reader: Line
    label: Label | None
    first: Label | None
    time: Moment


class ReportedCell(Section):
    """A cell; decisions: of all readers, the earliest first."""

    id: Identifier
    number: Count
    bbox: tuple[Place, Place, Pixels, Pixels]
    outline: tuple[Point, ...]
    state: Annotated[str, Choices((ALL, HEM, REVIEW, NOT_READ, CUT))]
    leaning: Annotated[str, Choices((ALL, HEM))] | None
    probability: Share | None
    low: Share | None
    high: Share | None
    reason: Message
    badge: Message
    adapted: bool
    area_px: Count
    files: dict[Line, Sha256]
    label: Label | None
    label_by: Line | None
    label_at: Moment | None
    settled: bool
    decisions: tuple[ReportedDecision, ...]

    @property
    def standing(self) -> str:
        """What it is taken for: what a person decided, else the model's call, or why none."""
        return self.label or self.state

    @property
    def blast(self) -> bool:
        """Whether the verdict counts it as a blast."""
        return self.label == ALL or (self.label is None and self.leaning == ALL)

    @property
    def reclassified(self) -> bool:
        """Whether a person decided otherwise than the model called it."""
        return self.label is not None and self.label != self.state

    @property
    def matters(self) -> bool:
        """Whether a person who checks the report should look at it first."""
        return self.blast or self.reclassified or self.state == REVIEW or self.settled


class ReportedPicture(Section):
    """A picture and its cells."""

    id: Identifier
    place: Count
    name: FileName
    kind: Annotated[str, Choices((CELL, IMAGE, FIELD))]
    file: Sha256
    input_sha256: Sha256
    width: Pixels
    height: Pixels
    um_per_px: Scale | None
    scale_by: Message | None
    reason: Message | None
    cells: tuple[ReportedCell, ...]


class ReportedModel(Section):
    """A model that read pictures of the case.

    engine_sha256: None if it was not known. facts: its card in short, label and value. caution:
    what takes the meaning from its calls; may be "".
    """

    run: Line
    engine_sha256: Sha256 | None
    blastlens: Line
    facts: tuple[tuple[Line, Message], ...]
    caution: Message


class ReportedSignature(Section):
    """A signature; head: the hash of the event before it."""

    id: Identifier
    person: Line
    verified: bool
    time: Moment
    version: Count
    head: Sha256


class ReportedEvent(Section):
    """An event of the case: its header, its hash, and the payload that the header has the hash of.

    said: what happened, in words.
    """

    number: Count
    time: Moment
    person: Line
    verified: bool
    kind: Line
    case_id: Identifier
    case_version: Count
    payload_sha256: Sha256
    previous: Sha256
    hash: Sha256
    payload: Annotated[str, Field(max_length=MOST_PAYLOAD)]
    said: Message


class ReportedAgreement(Section):
    """Two raters; kappa: in words, with its interval."""

    first: Line
    second: Line
    cells: Count
    equal: Count
    kappa: Message
    blind: bool
    item: Annotated[str, Choices((CELL, IMAGE))] = CELL


class ReportedFigures(Section):
    """The verdict, as `core.cases.verdict.Verdict.to_json` has it."""

    cells: Count
    blasts: Count
    share: Share | None
    corrected_share: Share | None
    interval: tuple[Share, Share] | None
    not_corrected_because: Message | None
    minimum_cells: Count
    enough_cells: bool
    decided: dict[Label, Count]
    read_by_model_alone: Count
    in_review_undecided: Count
    refused: dict[Message, Count]
    images: dict[Line, Count] = Field(default_factory=dict)


class ChainHead(Section):
    """The last event of the chain, of whatever case, when the report was made."""

    number: Count
    hash: Sha256


class CaseReport(Section):
    """The report of a case.

    made: when. blastlens: the version that made it. figures: as signed, or as they are of a draft.
    """

    blastlens: Line
    made: Moment
    head: ChainHead
    id: Identifier
    name: Line
    state: Annotated[str, Choices((OPEN, SIGNED))]
    created: Moment
    created_by: Line
    version: Count
    minimum_cells: Count
    blind: bool
    signatures: tuple[ReportedSignature, ...]
    figures: ReportedFigures
    agreements: tuple[ReportedAgreement, ...]
    pictures: tuple[ReportedPicture, ...]
    models: tuple[ReportedModel, ...]
    events: tuple[ReportedEvent, ...]

    @property
    def draft(self) -> bool:
        """Whether nobody has signed it."""
        return not self.signatures

    @property
    def cautions(self) -> tuple[str, ...]:
        """What takes the meaning from the calls of its models."""
        return tuple(model.caution for model in self.models if model.caution)
