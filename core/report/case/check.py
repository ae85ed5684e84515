"""Checks a report of a case against its own hashes, without the database.

It finds what was changed in a report. It cannot find that a whole report was made anew, with a
chain of its own: whether its chain is that of a database, `core.cases.chain.verify` tells.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.cases.chain import hash_of
from core.cases.tables import CaseRow, CellRow, DecisionRow, EventRow, PictureRow, SignatureRow
from core.errors import CaseError
from core.report.case import seal
from core.report.case.content import CaseReport

BROKEN = "its seal does not match"
# The pictures of an HTML file, and those of a PDF.
_EMBEDDED = re.compile(
    rb'src="data:image/png;base64,([^"]*)"|stream\r?\n(\xff\xd8\xff.*?\xff\xd9)\r?\n?endstream',
    re.DOTALL,
)
Row = Mapping[str, Any]
Tables = dict[str, dict[str, Row]]


@dataclass(frozen=True)
class CheckedReport:
    """What a report says, and what is wrong with it; () if nothing is."""

    report: CaseReport
    findings: tuple[str, ...]


def check(file: bytes) -> CheckedReport:
    """Checks the file of a report, HTML or PDF.

    Raises `CaseError` if it is none, or if its data cannot be read any more.
    """
    found = seal.open_sealed(file)
    try:
        report = CaseReport.parse(found.content, CaseError)
    except CaseError as error:
        raise CaseError(f"The data of this report are not those of one: {error}") from None
    findings = [BROKEN] if found.broken else []
    tables: Tables = {}
    try:
        if seal.digest(found.content) != found.digest:
            findings.append("its content does not match the hash of it")
        findings += _events(report, tables)
        findings += _content(found.content, tables)
        findings += _pictures(file, found, tables)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        findings.append("its data are not those that a report has")
    return CheckedReport(report, tuple(findings))


def _events(report: CaseReport, tables: Tables) -> Iterator[str]:
    """Checks the events of the case, and adds up in `tables` what they say of its rows."""
    hashes = {event.number: event.hash for event in report.events}
    for version, event in enumerate(report.events, start=1):
        header = {key: value for key, value in event.to_json().items() if key != "said"}
        if hash_of(EventRow(**header)) != event.hash:
            yield f"event {event.number} was changed"
        if hashlib.sha256(event.payload.encode()).hexdigest() != event.payload_sha256:
            yield f"the content of event {event.number} was changed"
        if (event.case_version, event.case_id) != (version, report.id):
            yield f"event {event.number} is not the {version}. of this case"
        if hashes.get(event.number - 1, event.previous) != event.previous:
            yield f"event {event.number} does not follow event {event.number - 1}"
        for change in json.loads(event.payload).get("changes", ()):
            rows = tables.setdefault(change["table"], {})
            if change["after"] is None:
                rows.pop(change["id"], None)
            else:
                rows[change["id"]] = {**rows.get(change["id"], {}), **change["after"]}
    last, head = report.events[-1] if report.events else None, report.head
    if last is None or last.number > head.number or hashes.get(head.number, head.hash) != head.hash:
        yield "its last event is not the end of the chain that it states"


def _content(content: Row, tables: Tables) -> Iterator[str]:
    """What the report says and its events do not."""
    pictures, signatures = content["pictures"], content["signatures"]
    cells = [cell for picture in pictures for cell in picture["cells"]]
    told = {
        CaseRow: [content],
        PictureRow: pictures,
        CellRow: cells,
        SignatureRow: signatures,
    }
    for table, said in told.items():
        yield from _differences(table.__tablename__, said, tables.get(table.__tablename__, {}))
    decisions = [
        {"cell_id": cell["id"], **decision} for cell in cells for decision in cell["decisions"]
    ]
    rows = tables.get(DecisionRow.__tablename__, {}).values()
    names = ("cell_id", "reader", "label", "first", "time")
    if _sorted(decisions, names) != _sorted(rows, names):
        yield "its decisions are not those of its events"
    signed = [tables.get(SignatureRow.__tablename__, {}).get(one["id"]) for one in signatures]
    verdict = signed[0]["verdict"] if signed and signed[0] else {}
    if any(verdict.get(name, value) != value for name, value in content["figures"].items()):
        yield "its verdict is not the one that was signed"


def _differences(table: str, said: Iterable[Row], rows: Mapping[str, Row]) -> Iterator[str]:
    left = dict(rows)
    for one in said:
        row = left.pop(one["id"], None)
        if row is None:
            yield f"no event tells of {table} {one['id']}"
            continue
        changed = [name for name in one if name in row and one[name] != row[name]]
        if changed:
            yield f"{', '.join(changed)} of {table} {one['id']}: not what its events say"
    for identifier in left:
        yield f"{table} {identifier} is missing in it"


def _sorted(rows: Iterable[Row], names: Iterable[str]) -> list[list[str]]:
    return sorted([str(row[name]) for name in names] for row in rows)


def _pictures(file: bytes, found: seal.SealedData, tables: Tables) -> Iterator[str]:
    """Embedded pictures that are not those that were embedded, nor of the case."""
    left = dict(found.pictures)
    for match in _EMBEDDED.finditer(file):
        try:
            data = match[2] if match[1] is None else base64.b64decode(match[1], validate=True)
        except binascii.Error:
            data = b""
        if hashlib.sha256(data).hexdigest() not in found.pictures:
            yield "a picture was changed"
        left.pop(hashlib.sha256(data).hexdigest(), None)
    yield from (f"the picture {kept[:12]} is not in it any more" for kept in left.values())
    known = {row["file"] for row in tables.get(PictureRow.__tablename__, {}).values()}
    for row in tables.get(CellRow.__tablename__, {}).values():
        known |= set(row["files"].values())
    for kept in set(found.pictures.values()) - known:
        yield f"no event tells of the picture {kept[:12]}"
