"""Checks a report of a case against its own hashes, without the database.

It finds what was changed in a report. It cannot find that a whole report was made anew, with a
chain of its own: whether its chain is that of a database, `core.cases.chain.verify` tells.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cases.chain import hash_of
from core.cases.tables import CaseRow, CellRow, DecisionRow, EventRow, PictureRow, SignatureRow
from core.errors import CaseError
from core.report.case import seal
from core.report.case.content import CaseReport
from core.untrusted.fields import shown
from core.untrusted.files import TooManyBytesError, read_regular
from core.untrusted.json_text import parse

BROKEN = "its seal does not match"
MOST_BYTES = 2**29  # of the file of a report
MOST_FINDINGS, MOST_SHOWN = 1000, 300  # characters of a finding
_IN_HTML = re.compile(rb'src="data:image/png;base64,([^"]*)"')
_BEGIN_IN_PDF = re.compile(rb"stream\r?\n(?=\xff\xd8\xff)")
_END_IN_PDF = re.compile(rb"\xff\xd9(?=\r?\n?endstream)")
Row = Mapping[str, Any]
Tables = dict[str, dict[str, Row]]


@dataclass(frozen=True)
class CheckedReport:
    """What a report says, and what is wrong with it; () if nothing is."""

    report: CaseReport
    findings: tuple[str, ...]


def check_file(file: Path) -> CheckedReport:
    """Checks a report, of which nobody knows where it comes from.

    Raises `CaseError`, with the name of the file, as `check` does, and if it is not a regular file
    or too large for a report.
    """
    try:
        return check(read_regular(file, MOST_BYTES), file.name)
    except TooManyBytesError as error:
        raise CaseError(_too_large(file.name, error.size)) from None
    except OSError as error:
        raise CaseError(
            f"{file.name} cannot be opened: {error.strerror or error}. Check the path."
        ) from None


def check(file: bytes, name: str = "The file") -> CheckedReport:
    """Checks the file of a report, HTML or PDF.

    Raises `CaseError`, with its `name`, if it is none, is too large for one, or if its data cannot
    be read any more.
    """
    if len(file) > MOST_BYTES:
        raise CaseError(_too_large(name, len(file)))
    try:
        found = seal.open_sealed(file)
    except CaseError as error:
        raise CaseError(f"{name}: {error}") from None
    try:
        report = CaseReport.parse(found.content, CaseError)
    except CaseError as error:
        why = shown(str(error))[:MOST_SHOWN]
        raise CaseError(f"{name}: its data are not those of a report. {why}") from None
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
    said = tuple(shown(finding)[:MOST_SHOWN] for finding in findings[:MOST_FINDINGS])
    return CheckedReport(report, said)


def _too_large(name: str, size: int) -> str:
    return (
        f"{name} has {size / 2**20:.0f} MiB, more than a report can have "
        f"({MOST_BYTES / 2**20:.0f} MiB). Choose the file that BlastLens wrote."
    )


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
        for change in parse(event.payload.encode()).get("changes", ()):
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
    for data in _embedded(file):
        digest = hashlib.sha256(data).hexdigest()
        if digest not in found.pictures:
            yield "a picture was changed"
        left.pop(digest, None)
    yield from (f"the picture {kept[:12]} is not in it any more" for kept in left.values())
    known = {row["file"] for row in tables.get(PictureRow.__tablename__, {}).values()}
    for row in tables.get(CellRow.__tablename__, {}).values():
        known |= set(row["files"].values())
    for kept in set(found.pictures.values()) - known:
        yield f"no event tells of the picture {kept[:12]}"


def _embedded(file: bytes) -> Iterator[bytes]:
    """The pictures of an HTML file, and those of a PDF; b"" for one that cannot be decoded."""
    for match in _IN_HTML.finditer(file):
        try:
            yield base64.b64decode(match[1], validate=True)
        except binascii.Error:
            yield b""
    # Each is looked for behind the end of the one before, so that no byte is read often.
    end = 0
    while begin := _BEGIN_IN_PDF.search(file, end):
        if (last := _END_IN_PDF.search(file, begin.end())) is None:
            return
        end = last.end()
        yield file[begin.end() : end]
