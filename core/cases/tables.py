"""The tables of the case database, and the chain of its events.

Times are UTC in ISO 8601 with microseconds, which sort as text. Identifiers are UUIDs in hex.
"""

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from core.data.pixel_cache import CELL, IMAGE

ID, TIME, SHA256, NAME = String(32), String(32), String(64), String(200)


class Base(DeclarativeBase):
    """Base of all tables."""


class Tracked(Base):
    """A row that events describe: each change of it is part of an event, see `chain.record`."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(ID, primary_key=True)

    def values(self) -> dict[str, object]:
        """The columns by name, as JSON has them."""
        return {column.key: getattr(self, column.key) for column in self.__table__.columns}


class CaseRow(Tracked):
    """A patient's pictures, readings and decisions.

    version: the number of its events. minimum_cells: how many read cells a verdict should rest on.
    blind: whether a reader decides a cell before seeing what the model makes of it.
    """

    __tablename__ = "case"

    name: Mapped[str] = mapped_column(NAME)
    created: Mapped[str] = mapped_column(TIME)
    created_by: Mapped[str] = mapped_column(NAME)
    changed: Mapped[str] = mapped_column(TIME)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    minimum_cells: Mapped[int]
    blind: Mapped[bool]

    pictures: Mapped[list["PictureRow"]] = relationship(order_by="PictureRow.place")
    cells: Mapped[list["CellRow"]] = relationship(order_by="(CellRow.place, CellRow.number)")
    decisions: Mapped[list["DecisionRow"]] = relationship()
    signatures: Mapped[list["SignatureRow"]] = relationship(order_by="SignatureRow.time")


class PictureRow(Tracked):
    """A picture of a case: one cell, a field, or one that could not be read.

    file: the SHA-256 of the kept picture, see `core.cases.pictures`; overview: of a smaller one.
    input_sha256: of the file as
    it came. scale_by: the source of the scale. reason: why nothing was read of it. model: what read
    it, see `core.cases.intake.model_of`.
    """

    __tablename__ = "picture"

    case_id: Mapped[str] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    place: Mapped[int]
    name: Mapped[str] = mapped_column(NAME)
    kind: Mapped[str] = mapped_column(String(16))
    file: Mapped[str] = mapped_column(SHA256)
    overview: Mapped[str] = mapped_column(SHA256)
    input_sha256: Mapped[str] = mapped_column(SHA256)
    width: Mapped[int]
    height: Mapped[int]
    um_per_px: Mapped[float | None]
    scale_by: Mapped[str | None] = mapped_column(NAME)
    reason: Mapped[str | None] = mapped_column(Text)
    model: Mapped[dict[str, object]] = mapped_column(JSON)

    @property
    def run_id(self) -> str:
        """The run that read it."""
        return str(self.model["run"])

    @property
    def engine_digest(self) -> str | None:
        """The SHA-256 of the engine that read it, 64 hex digits; None if it was not known."""
        digest = self.model["engine_sha256"]
        return None if digest is None else str(digest)


class CellRow(Tracked):
    """A cell of a picture: what the model made of it, and what persons decided.

    place: of its picture. bbox: (x, y, w, h) in pixels of the picture. outline: [[x, y], ...],
    closed, likewise. state: the call, or why there is none. code: of the check that refused it.
    reason: why it was refused or sent to review. files: SHA-256 of its pictures, by kind. badge:
    whether its heat map may be believed. similar: the training cells most like it. area_px to
    distance: what it is ordered by. seen_by: who saw it first. label: what was decided last, by
    whom and when. settled: whether that ended a disagreement. version: how often it changed.
    """

    __tablename__ = "cell"

    case_id: Mapped[str] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("picture.id", ondelete="CASCADE"))
    place: Mapped[int]
    number: Mapped[int]
    bbox: Mapped[list[int]] = mapped_column(JSON)
    outline: Mapped[list[list[int]]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(24))
    leaning: Mapped[str | None] = mapped_column(String(8))
    probability: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    logit: Mapped[float | None]
    code: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(Text)
    adapted: Mapped[bool]
    area_px: Mapped[int]
    distance: Mapped[float | None]
    files: Mapped[dict[str, str]] = mapped_column(JSON)
    badge: Mapped[str] = mapped_column(Text)
    similar: Mapped[list[dict[str, object]]] = mapped_column(JSON)
    seen_by: Mapped[str | None] = mapped_column(NAME)
    label: Mapped[str | None] = mapped_column(String(16))
    label_by: Mapped[str | None] = mapped_column(NAME)
    label_at: Mapped[str | None] = mapped_column(TIME)
    settled: Mapped[bool]
    version: Mapped[int]

    picture: Mapped[PictureRow] = relationship()

    @property
    def item(self) -> str:
        """What it is called where it is counted: "image" for a whole one, else "cell"."""
        return IMAGE if self.picture.kind == IMAGE else CELL


class DecisionRow(Tracked):
    """What one reader decided about one cell; the last decision of all readers is the cell's.

    label: None if it was taken back. first: what was decided before the model's call was shown;
    None if the case was not blind then.
    """

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("cell_id", "reader"),)

    case_id: Mapped[str] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    cell_id: Mapped[str] = mapped_column(ForeignKey("cell.id", ondelete="CASCADE"))
    reader: Mapped[str] = mapped_column(NAME)
    label: Mapped[str | None] = mapped_column(String(16))
    first: Mapped[str | None] = mapped_column(String(16))
    time: Mapped[str] = mapped_column(TIME)


class SignatureRow(Tracked):
    """A signature under a case of a version: the verdict, and the hash of the event before it."""

    __tablename__ = "signature"

    case_id: Mapped[str] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"), index=True)
    person: Mapped[str] = mapped_column(NAME)
    verified: Mapped[bool]
    time: Mapped[str] = mapped_column(TIME)
    version: Mapped[int]
    head: Mapped[str] = mapped_column(SHA256)
    verdict: Mapped[dict[str, object]] = mapped_column(JSON)


class EventRow(Base):
    """An action, in the order in which all actions happened; see `core.cases.chain`.

    case_version: the version that the case has from then on. payload: JSON; None once the case was
    deleted. previous: the hash of the event before.
    """

    __tablename__ = "event"
    __table_args__ = (Index("event_of_case", "case_id", "case_version"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[str] = mapped_column(TIME)
    person: Mapped[str] = mapped_column(NAME)
    verified: Mapped[bool]
    kind: Mapped[str] = mapped_column(String(24))
    case_id: Mapped[str] = mapped_column(ID)
    case_version: Mapped[int]
    payload: Mapped[str | None] = mapped_column(Text)
    payload_sha256: Mapped[str] = mapped_column(SHA256)
    previous: Mapped[str] = mapped_column(SHA256)
    hash: Mapped[str] = mapped_column(SHA256)


class HeadRow(Base):
    """The end of the chain: its length and last hash. Locked by whoever appends to it."""

    __tablename__ = "head"

    id: Mapped[int] = mapped_column(primary_key=True)
    length: Mapped[int]
    hash: Mapped[str] = mapped_column(SHA256)


TRACKED: dict[str, type[Tracked]] = {
    table.__tablename__: table
    for table in (CaseRow, PictureRow, CellRow, DecisionRow, SignatureRow)
}
