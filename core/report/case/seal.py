"""The data in a report, and its seal: a hash over all of the file, with the seal itself as zeros.

The data are one line of JSON that stands in the file as it is, so that it can be checked without
software that reads the format of the file.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from core.cases.chain import canonical
from core.errors import CaseError
from core.report.case.content import CaseReport
from core.untrusted.json_text import parse

FORMAT = 1
# No text can hold it: it has a line break, which names do not have and JSON escapes.
MARK = b'\n{"blastlens_case_report":1,"seal":"'
BLANK = b"0" * 64


@dataclass(frozen=True)
class SealedData:
    """The data of a report as they stand in its file.

    broken: whether the file is not what was sealed. content: `CaseReport` as JSON; digest: the
    SHA-256 that is stated of it. pictures: the kept picture (SHA-256) of each embedded one.
    """

    broken: bool
    content: Any
    digest: str
    pictures: dict[str, str]


def data(report: CaseReport, pictures: dict[str, str]) -> bytes:
    """The data of a report, to be embedded in its file: one line of JSON, free of markup."""
    content = report.to_json()
    rest = {"content": content, "content_sha256": digest(content), "pictures": pictures}
    text = MARK + BLANK + b'",' + canonical(rest)[1:] + b"\n"
    # As JSON has them elsewhere, so that no text of a user ends the element that holds it.
    for character in b"<>&":
        text = text.replace(bytes([character]), f"\\u{character:04x}".encode())
    return text


def digest(content: object) -> str:
    """The SHA-256 over the canonical JSON of a report's content."""
    return hashlib.sha256(canonical(content)).hexdigest()


def seal(file: bytes) -> bytes:
    """Seals a finished file that has `data` in it once."""
    start = file.index(MARK) + len(MARK)
    return file[:start] + hashlib.sha256(file).hexdigest().encode() + file[start + len(BLANK) :]


def open_sealed(file: bytes) -> SealedData:
    """Reads the data of a report. Raises `CaseError` if the file has none that can be read."""
    if file.count(MARK) != 1:
        raise CaseError(
            "This is not a case report in HTML or PDF, or its data were taken out or added to. "
            "Give the file as BlastLens wrote it."
        )
    begin = file.index(MARK)
    start, end = begin + len(MARK), file.find(b"\n", begin + 1)
    stated = file[start : start + len(BLANK)]
    whole = memoryview(file)
    hashed = hashlib.sha256(whole[:start])
    hashed.update(BLANK)
    hashed.update(whole[start + len(BLANK) :])
    broken = hashed.hexdigest().encode() != stated
    try:
        found = parse(file[begin:end])
        return SealedData(broken, found["content"], found["content_sha256"], found["pictures"])
    except (KeyError, RecursionError, TypeError, ValueError):
        raise CaseError(
            "The data of this report cannot be read: the file was changed. Do not rely on it; "
            "make the report again from its case."
        ) from None
