"""A changed report is found out offline, by its seal, and behind a new seal by hashes inside."""

import base64
import hashlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.cases import case_store, review, signing
from core.errors import CaseError
from core.report.case import check, seal, words
from core.report.case.build import build
from core.report.case.content import MOST_PAYLOAD
from core.report.case.export import export
from core.untrusted.fields import is_line
from tests.factories import cases

KINDS = ("html", "pdf")
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The report of a signed case of four cells in HTML and PDF; the database is gone by then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path_factory.mktemp("reports")))
        case_id = cases.make([cases.field(("ALL", "HEM", "review"))])
        review.decide(cases.READER, case_id, "HEM", cases.versions(case_store.get(case_id), 1, 3))
        case_store.add(cases.READER, case_id, [cases.single(seed=1)])
        signing.sign(cases.SECOND, case_id, case_store.get(case_id).version)
        report = build(case_id)
        return {kind: export(report, kind) for kind in KINDS}


def changed(file: bytes) -> bool:
    """Whether the check finds that a file is not as it was made."""
    try:
        return bool(check.check(file).findings)
    except CaseError:
        return True


def resealed(file: bytes, change: Change) -> bytes:
    """A file with other data, whose content hash and seal fit again."""
    start, end = file.index(seal.MARK), file.index(b"\n", file.index(seal.MARK) + 1)
    document = json.loads(file[start:end])
    change(document)
    rest = {key: document[key] for key in ("content", "pictures")}
    plain = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    text = json.dumps(document["content"], **plain)
    rest["content_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    data = seal.MARK + seal.BLANK + b'",' + json.dumps(rest).encode()[1:]
    return seal.seal(file[:start] + data + file[end:])


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_as_it_was_made_passes(files: dict[str, bytes], kind: str) -> None:
    checked = check.check(files[kind])
    assert checked.findings == ()
    assert [one.person for one in checked.report.signatures] == ["reader two"]
    assert check.check(resealed(files[kind], lambda document: None)).findings == ()


@pytest.mark.parametrize("kind", KINDS)
def test_any_changed_byte_is_found(files: dict[str, bytes], kind: str) -> None:
    file = files[kind]
    start = file.index(seal.MARK)
    places = {0, len(file) - 1, *range(start, start + 60, 7)}
    places |= set(random.Random(0).sample(range(len(file)), 40))
    for place in places:
        other = bytes([file[place] ^ 1])
        assert changed(file[:place] + other + file[place + 1 :]), place


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_added_or_cut_off_is_found(files: dict[str, bytes], kind: str) -> None:
    file = files[kind]
    assert changed(file + b"\n") and changed(file[:-1]) and changed(file[: len(file) // 2])
    assert changed(file + file) and changed(b"") and changed(b"%PDF-1.4")


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_picture_is_found_behind_a_new_seal(files: dict[str, bytes], kind: str) -> None:
    file = files[kind]
    if kind == "html":
        found = re.search(rb'png;base64,([^"]+)', file)
        assert found is not None
        data = bytearray(base64.b64decode(found[1]))
        data[len(data) // 2] ^= 1
        other = file.replace(found[1], base64.b64encode(bytes(data)))
    else:
        place = file.index(b"\xff\xd8\xff") + 700
        other = file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :]
    findings = check.check(resealed(other, lambda document: None)).findings
    assert "a picture was changed" in findings and check.BROKEN not in findings


def label(document: dict[str, Any]) -> None:
    document["content"]["pictures"][0]["cells"][0]["label"] = "ALL"


def signer(document: dict[str, Any]) -> None:
    document["content"]["signatures"][0]["person"] = "reader three"


def no_signature(document: dict[str, Any]) -> None:
    document["content"]["signatures"] = []


def verdict(document: dict[str, Any]) -> None:
    document["content"]["figures"]["blasts"] += 1


def reader(document: dict[str, Any]) -> None:
    document["content"]["pictures"][0]["cells"][0]["decisions"][0]["reader"] = "reader three"


def cell_gone(document: dict[str, Any]) -> None:
    document["content"]["pictures"][0]["cells"].pop()


def person(document: dict[str, Any]) -> None:
    document["content"]["events"][1]["person"] = "reader three"


def payload(document: dict[str, Any]) -> None:
    event = document["content"]["events"][2]
    event["payload"] = event["payload"].replace("HEM", "ALL")


def broken_payload(document: dict[str, Any]) -> None:
    document["content"]["events"][2]["payload"] = "no JSON"


def no_events(document: dict[str, Any]) -> None:
    document["content"]["events"] = []


def event_gone(document: dict[str, Any]) -> None:
    del document["content"]["events"][2]


def order(document: dict[str, Any]) -> None:
    events = document["content"]["events"]
    events[2], events[3] = events[3], events[2]


def head(document: dict[str, Any]) -> None:
    document["content"]["head"]["hash"] = "0" * 64


def picture(document: dict[str, Any]) -> None:
    for embedded in document["pictures"]:
        document["pictures"][embedded] = "0" * 64


CHANGES = (
    label, signer, no_signature, verdict, reader, cell_gone, person, payload, broken_payload,
    no_events, event_gone, order, head, picture,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_of_the_data_is_found_behind_a_new_seal(
    files: dict[str, bytes], change: Change
) -> None:
    findings = check.check(resealed(files["html"], change)).findings
    assert findings and check.BROKEN not in findings


def test_other_files_are_no_reports_and_named(tmp_path: Path) -> None:
    other, pipe = tmp_path / "other.html", tmp_path / "pipe"
    other.write_bytes(b"<html></html>")
    os.mkfifo(pipe)
    with pytest.raises(CaseError, match=r"^other.html: This is not a case report"):
        check.check_file(other)
    for path in (tmp_path, pipe, Path("/dev/zero"), tmp_path / "none"):
        with pytest.raises(CaseError, match=f"^{path.name} cannot be opened"):
            check.check_file(path)


def test_a_file_too_large_for_a_report_is_refused_before_it_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large.pdf"
    with large.open("wb") as file:
        file.truncate(check.MOST_BYTES + 1)
    with pytest.raises(CaseError, match=r"large.pdf has 512 MiB, more than a report can have"):
        check.check_file(large)


def test_data_that_json_does_not_have_cannot_be_read(files: dict[str, bytes]) -> None:
    def no_number(document: dict[str, Any]) -> None:
        document["content"]["more"] = float("nan")

    with pytest.raises(CaseError, match="cannot be read"):
        check.check(resealed(files["html"], no_number))


def test_pictures_that_never_end_are_read_once(files: dict[str, bytes]) -> None:
    begun = b"stream\n\xff\xd8\xff" + b'src="data:image/png;base64,' * 3
    started = time.process_time()
    findings = check.check(
        resealed(files["html"] + 100_000 * begun, lambda document: None)
    ).findings
    assert "a picture was changed" in findings and len(findings) <= check.MOST_FINDINGS
    assert time.process_time() - started < 20  # 0.5 s where this was written


VAST = "x" * (MOST_PAYLOAD + 1)
HOSTILE = (
    "\u202eevil\x1b[2J\n\x00",
    "9" * 5000,
    "x" * 100_000,
    -(10**30),
    1e308,
    [[]],
    {},
    None,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values that are no lists or objects; of a list, those in its first item."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value[:1]):
            yield from places(item, (*path, number))
    else:
        yield path


@pytest.mark.slow
def test_a_hostile_value_anywhere_is_found_in_a_line_that_shows(files: dict[str, bytes]) -> None:
    """Or harms nothing: `said` and `kappa` are words of which no event tells."""
    content = seal.open_sealed(files["html"]).content
    seen, vast = 0, {"id", "time", "payload"}  # one of each is longer than any content may be
    for path in places(content):
        values = (*HOSTILE, VAST) if path[-1] in vast else HOSTILE
        vast.discard(path[-1])
        for value in values:

            def put(
                document: dict[str, Any], path: tuple[Any, ...] = path, value: Any = value
            ) -> None:
                place = document["content"]
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = value

            try:
                checked = check.check(resealed(files["html"], put), "report.html")
                said = list(checked.findings)
                texts = [
                    checked.report.name,
                    *(words.signature(s) for s in checked.report.signatures),
                ]
            except CaseError as error:
                said, texts = [str(error)], []
                assert "report.html" in said[0]
            assert all(is_line(text) and len(text) < 1000 for text in said + texts), path
            seen += bool(said)
    assert seen > 400


def test_findings_about_hostile_rows_show_as_lines(files: dict[str, bytes]) -> None:
    def hostile_rows(document: dict[str, Any]) -> None:
        event = document["content"]["events"][1]
        payload = json.loads(event["payload"])
        change = dict(payload["changes"][0], id="\x1b[2J" * 200, table="picture")
        event["payload"] = json.dumps(payload | {"changes": [change] * 5000})

    findings = check.check(resealed(files["html"], hostile_rows)).findings
    assert findings and all(is_line(one) and len(one) <= check.MOST_SHOWN for one in findings)
