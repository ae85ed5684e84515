"""Builds the report of a case from the database and from the runs that read its pictures."""

from collections.abc import Mapping

from sqlalchemy import select

from core.cases import case_store, chain, database
from core.cases.agreement import Agreement, agreements
from core.cases.chain import HEADER
from core.cases.tables import CellRow, DecisionRow, EventRow, HeadRow, Tracked
from core.cases.verdict import verdict
from core.documents import Section
from core.errors import CaseError
from core.report import phrases
from core.report.case import history, model
from core.report.case.content import (
    CaseReport,
    ReportedAgreement,
    ReportedCell,
    ReportedDecision,
    ReportedPicture,
    ReportedSignature,
)
from core.settings import version


def build(case_id: str) -> CaseReport:
    """Builds the report of a case as it is now.

    Raises `CaseError` if there is no such case, or if it is read blind and not signed yet: the
    report would show a reader what the model and the others made of the cells.
    """
    with database.reading() as session:
        case = case_store.load(session, case_id)
        of_case = select(EventRow).where(EventRow.case_id == case_id).order_by(EventRow.number)
        events = session.scalars(of_case).all()
        head = session.scalars(select(HeadRow)).one()
    if case.blind and not case.signatures:
        raise CaseError(
            f"The case {case.name} is read blind and not signed yet: its report would show readers "
            "what the model and the others made of its cells. Sign it first."
        )
    signed = case.signatures[0].verdict if case.signatures else None
    cells: dict[str, list[ReportedCell]] = {picture.id: [] for picture in case.pictures}
    decisions = _by_cell(case.decisions)
    by_id = {cell.id: cell for cell in case.cells}
    for cell in case.cells:
        cells[cell.picture_id].append(_cell(cell, decisions.get(cell.id, [])))
    return CaseReport.parse(
        _columns(case, CaseReport)
        | {
            "blastlens": version(),
            "made": chain.now(),
            "head": {"number": head.length, "hash": head.hash},
            "signatures": [_columns(row, ReportedSignature) for row in case.signatures],
            "figures": signed or verdict(case).to_json(),
            "agreements": [_agreement(pair) for pair in agreements(case)],
            "pictures": [
                _columns(row, ReportedPicture) | {"cells": cells[row.id]} for row in case.pictures
            ],
            "models": model.cards([picture.model for picture in case.pictures]),
            "events": [_event(event, by_id) for event in events],
        },
        CaseError,
    )


def _columns(row: Tracked, section: type[Section]) -> dict[str, object]:
    """The columns of a row that a section of the report has."""
    return {name: value for name, value in row.values().items() if name in section.model_fields}


def _by_cell(rows: list[DecisionRow]) -> dict[str, list[DecisionRow]]:
    by_cell: dict[str, list[DecisionRow]] = {}
    for row in sorted(rows, key=lambda row: row.time):
        by_cell.setdefault(row.cell_id, []).append(row)
    return by_cell


def _cell(row: CellRow, decisions: list[DecisionRow]) -> ReportedCell:
    made = [_columns(decision, ReportedDecision) for decision in decisions]
    return ReportedCell.parse(_columns(row, ReportedCell) | {"decisions": made}, CaseError)


def _agreement(pair: Agreement) -> ReportedAgreement:
    return ReportedAgreement(
        first=pair.first,
        second=pair.second,
        cells=pair.cells,
        equal=pair.equal,
        kappa=phrases.full(pair.kappa),
        blind=pair.blind,
        item=pair.item,
    )


def _event(event: EventRow, cells: Mapping[str, CellRow]) -> dict[str, object]:
    facts = {name: getattr(event, name) for name in (*HEADER, "hash", "payload")}
    return facts | {"said": history.said(event, cells)}
