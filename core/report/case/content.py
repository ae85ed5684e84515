"""What the report of a case says: the one content that its HTML, PDF and FHIR are renderings of.

Fields that have the name of a column of `core.cases.tables` have its value and its meaning.
"""

from core.cases.labels import ALL
from core.cases.review import REVIEW
from core.documents import Section

Point = tuple[int, int]


class ReportedDecision(Section):
    """What one reader decided about a cell."""

    reader: str
    label: str | None
    first: str | None
    time: str


class ReportedCell(Section):
    """A cell; decisions: of all readers, the earliest first."""

    id: str
    number: int
    bbox: tuple[int, int, int, int]
    outline: tuple[Point, ...]
    state: str
    leaning: str | None
    probability: float | None
    low: float | None
    high: float | None
    reason: str
    badge: str
    adapted: bool
    area_px: int
    files: dict[str, str]
    label: str | None
    label_by: str | None
    label_at: str | None
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

    id: str
    place: int
    name: str
    kind: str
    file: str
    input_sha256: str
    width: int
    height: int
    um_per_px: float | None
    scale_by: str | None
    reason: str | None
    cells: tuple[ReportedCell, ...]


class ReportedModel(Section):
    """A model that read pictures of the case.

    facts: its card in short, label and value. caution: what takes the meaning from its calls; may
    be "".
    """

    run: str
    engine_sha256: str
    blastlens: str
    facts: tuple[tuple[str, str], ...]
    caution: str


class ReportedSignature(Section):
    """A signature; head: the hash of the event before it."""

    id: str
    person: str
    verified: bool
    time: str
    version: int
    head: str


class ReportedEvent(Section):
    """An event of the case: its header, its hash, and the payload that the header has the hash of.

    said: what happened, in words.
    """

    number: int
    time: str
    person: str
    verified: bool
    kind: str
    case_id: str
    case_version: int
    payload_sha256: str
    previous: str
    hash: str
    payload: str
    said: str


class ReportedAgreement(Section):
    """Two raters; kappa: in words, with its interval."""

    first: str
    second: str
    cells: int
    equal: int
    kappa: str
    blind: bool


class ReportedFigures(Section):
    """The verdict, as `core.cases.verdict.Verdict.to_json` has it."""

    cells: int
    blasts: int
    share: float | None
    corrected_share: float | None
    interval: tuple[float, float] | None
    not_corrected_because: str | None
    minimum_cells: int
    enough_cells: bool
    decided: dict[str, int]
    read_by_model_alone: int
    in_review_undecided: int
    refused: dict[str, int]


class ChainHead(Section):
    """The last event of the chain, of whatever case, when the report was made."""

    number: int
    hash: str


class CaseReport(Section):
    """The report of a case.

    made: when. blastlens: the version that made it. figures: as signed, or as they are of a draft.
    """

    blastlens: str
    made: str
    head: ChainHead
    id: str
    name: str
    state: str
    created: str
    created_by: str
    version: int
    minimum_cells: int
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
