"""What programs that read a report's FHIR and GeoJSON require beyond what the models check."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from fhir.resources.R4B.diagnosticreport import DiagnosticReport

from core.cases import case_store, review, signing
from core.report.case import words
from core.report.case.build import build
from core.report.case.content import CaseReport, ReportedPicture
from core.report.case.export import export
from core.report.case.formats import geojson
from tests.factories import cases

# FHIR R4: the systems that may stand behind a code here, and the codes of each.
CODES = {
    "http://terminology.hl7.org/CodeSystem/v2-0074": {("HM", "Hematology")},
    "http://terminology.hl7.org/CodeSystem/data-absent-reason": {("unknown", "Unknown")},
    "http://unitsofmeasure.org": {("%", None)},  # UCUM
}
STATUS = {"registered", "partial", "preliminary", "final", "amended", "corrected", "cancelled"}
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
XHTML = "{http://www.w3.org/1999/xhtml}"


def states(count: int) -> CaseReport:
    """A case of so many times a blast, a healthy cell and one sent to review, all seen."""
    case_id = cases.make([cases.field(("ALL", "HEM", "review") * count)], name="A & B <b>1</b>")
    review.see(cases.READER, case_id, cases.versions(case_store.get(case_id)))
    return build(case_id)


def signed_again() -> CaseReport:
    """A case that was signed, opened again and signed once more."""
    case_id = states(1).id
    for action in (signing.sign, signing.reopen, signing.sign):
        action(cases.SECOND, case_id, case_store.get(case_id).version)
    return build(case_id)


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a document."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield from parts(item)


@pytest.mark.parametrize("count", [1, 8], ids=["too few for a share", "with a share"])
def test_fhir_keeps_the_rules_between_fields(count: int) -> None:
    document = json.loads(export(states(count), "fhir"))
    contained = {one["id"]: one for one in document["contained"]}
    referred = {one["reference"].removeprefix("#") for one in parts(document) if "reference" in one}
    assert referred == set(contained)  # each resolves, and dom-3: each is referred to
    for one in (document, *contained.values()):
        assert ID.fullmatch(one["id"])
        assert "contained" not in one or one is document  # dom-2
        assert "text" not in one or one is document  # nor a narrative in a contained one
        assert "meta" not in one  # dom-4, dom-5
    for one in (document, *(it for it in contained.values() if it["resourceType"] != "Patient")):
        assert one["status"] in STATUS and one["code"]["text"]
        assert one["subject"]["reference"] == "#patient" and one["performer"]
        assert datetime.fromisoformat(one["issued"]).utcoffset() is not None
        assert "effectiveDateTime" not in one  # nobody knows when the blood was taken
        (absent,) = one["_effectiveDateTime"]["extension"]
        assert absent["valueCode"] == "unknown"
    for one in parts(document):
        if "system" in one and "code" in one:  # a Coding or a Quantity
            assert (one["code"], one.get("display")) in CODES[one["system"]]
        if "value" in one and "system" in one and "code" not in one:  # an Identifier
            assert one["system"] == "urn:ietf:rfc:3986"
            uuid.UUID(one["value"].removeprefix("urn:uuid:"))
        values = [name for name in one if name.startswith("value") and name != "value"]
        assert len(values) + ("dataAbsentReason" in one) <= 1  # obs-6
        assert all(item not in ("", [], {}, None) for item in one.values())  # ele-1


def test_the_narrative_is_xhtml_that_says_what_the_report_says() -> None:
    report = states(1)
    text = json.loads(export(report, "fhir"))["text"]
    body = ElementTree.fromstring(text["div"])
    assert text["status"] == "generated" and body.tag == f"{XHTML}div"
    said = [paragraph.text for paragraph in body]
    assert {paragraph.tag for paragraph in body} == {f"{XHTML}p"}
    assert said[0] == "Case A & B <b>1</b>" and said[-1] == words.NOTICE
    assert words.conclusion(report.figures) in said and f"{words.DRAFT}." in said


def test_a_case_that_was_opened_after_a_signature_is_amended() -> None:
    document = json.loads(export(signed_again(), "fhir"))
    assert {one["status"] for one in parts(document) if "issued" in one} == {"amended"}
    assert DiagnosticReport.model_validate(document)


def drawn(outline: list[list[int]], um_per_px: float | None = 0.5) -> ReportedPicture:
    """A picture of one cell of 10 pixels with that outline."""
    read = cases.field(("HEM",), um_per_px=um_per_px)
    read.cells[0].columns.update(outline=outline, area_px=10)
    return build(cases.make([read])).pictures[0]


def test_a_cell_is_what_qupath_reads() -> None:
    picture = drawn([[0, 0], [0, 2], [4, 2], [4, 0], [0, 0]])
    cell = picture.cells[0]
    assert geojson.to_geojson(picture) == {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": str(uuid.UUID(cell.id)),
                # The same way round as (0, 0), (4, 0), (4, 2), (0, 2): by the right-hand rule.
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[[0, 0], [4, 0], [4, 2], [0, 2], [0, 0]]],
                },
                "properties": {
                    "objectType": "detection",
                    "name": "1",
                    "classification": {"name": "HEM", "color": [0, 114, 178]},
                    "measurements": {
                        "Probability of a blast": 0.08,
                        "Probability, low": 0.03,
                        "Probability, high": 0.12,
                        "Area px^2": 10,
                        "Area µm^2": 2.5,
                    },
                    "metadata": {
                        "Called by the model": "HEM",
                        "Decided by": "nobody",
                        "Decided at": "",
                    },
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("outline", "ring"),
    [
        ([(0, 0), (3, 0), (0, 3)], [(0, 0), (3, 0), (0, 3), (0, 0)]),
        ([(0, 0), (0, 3), (3, 0), (0, 0)], [(0, 0), (3, 0), (0, 3), (0, 0)]),
        ([(0, 0), (5, 0), (9, 0), (0, 0)], []),  # a line
        ([(2, 2), (2, 2)], []),
        ([], []),
    ],
)
def test_rings_are_closed_and_run_counterclockwise(
    outline: list[tuple[int, int]], ring: list[tuple[int, int]]
) -> None:
    assert geojson.ring(outline) == ring


def test_every_file_is_geojson_as_rfc_7946_has_it() -> None:
    report = build(cases.make([cases.field(um_per_px=None)]))
    text = json.dumps(geojson.to_geojson(report.pictures[0]), allow_nan=False)
    document = json.loads(text)
    assert document.keys() == {"type", "features"} and len(document["features"]) == 5
    for feature in document["features"]:
        assert feature.keys() == {"type", "id", "geometry", "properties"}  # section 3.2
        (ring,) = feature["geometry"]["coordinates"]
        assert len(ring) >= 4 and ring[0] == ring[-1]
        assert sum(x * b - a * y for (x, y), (a, b) in pairwise(ring)) > 0
        numbers: Mapping[str, float] = feature["properties"]["measurements"]
        assert all(isinstance(number, int | float) for number in numbers.values())
        assert "Area µm^2" not in numbers
