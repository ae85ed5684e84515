"""The report of a case as FHIR: a DiagnosticReport with its Observations inside.

It is made for R4 (4.0.1) and validated by the models of R4B (4.3.0), which are the nearest that
`fhir.resources` has; R4B left both resources as they are in R4. The models do not know which codes
a field can have, nor the rules between fields, so the codes stand here and the tests hold the
rules. What is measured has no code of a terminology: those of laboratory results would make the
share pass for one.
"""

import uuid
from collections.abc import Mapping, Sequence
from html import escape

from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from pydantic import ValidationError

from core.cases.labels import LABELS
from core.cases.signing import REOPENED
from core.errors import CaseError
from core.report.case import words
from core.report.case.content import CaseReport, ReportedFigures
from core.untrusted.fields import shown

Resource = dict[str, object]
FINAL, PRELIMINARY, AMENDED = "final", "preliminary", "amended"
CATEGORY = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v2-0074",
            "code": "HM",
            "display": "Hematology",
        }
    ],
    "text": "Hematology, research use only",
}
COUNTED = "Share of blasts, as counted"
CORRECTED = "Share of blasts, corrected for wrong calls"
# When the blood was taken, which no picture tells.
UNKNOWN_TIME = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "unknown",
        }
    ]
}
ABSENT = {
    "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
    "code": "unknown",
    "display": "Unknown",
}
URI = "urn:ietf:rfc:3986"
PERCENT = {"unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}


def to_fhir(report: CaseReport) -> bytes:
    """The JSON of a DiagnosticReport: preliminary, final once signed, amended if signed again.

    Raises `CaseError` if it is not valid FHIR.
    """
    status = _status(report)
    made = {
        "status": status,
        "subject": {"reference": "#patient", "display": report.name},
        "_effectiveDateTime": UNKNOWN_TIME,
        "issued": report.made,
        "performer": [{"display": f"BlastLens {report.blastlens}, for research use only"}],
    }
    read_by = ", ".join(model.run for model in report.models)
    device = {"device": {"display": read_by}} if read_by else {}
    observations = [
        {"resourceType": "Observation", "id": name, **observation, **made, **device}
        for name, observation in _observations(report.figures).items()
    ]
    urn = {"system": URI, "value": f"urn:uuid:{uuid.UUID(report.id)}"}
    patient = {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [{"type": {"text": "Case of BlastLens, no number of a patient"}, **urn}],
    }
    conclusion = [
        words.conclusion(report.figures),
        *report.cautions,
        f"{words.state(report)}.",
        words.NOTICE,
    ]
    document: Resource = {
        "resourceType": "DiagnosticReport",
        "id": str(uuid.UUID(report.id)),
        "text": {"status": "generated", "div": _narrative(report.name, conclusion)},
        "contained": [patient, *observations],
        "identifier": [urn],
        "category": [CATEGORY],
        "code": {"text": "Share of blasts among white cells on smear pictures; research use only"},
        **made,
        "result": [{"reference": f"#{observation['id']}"} for observation in observations],
        "conclusion": " ".join(conclusion),
    }
    if report.signatures:
        signers = [f"{one.person} ({words.vouched(one.verified)})" for one in report.signatures]
        document["resultsInterpreter"] = [{"display": signer} for signer in signers]
    try:
        valid = DiagnosticReport.model_validate(document)
    except ValidationError as error:
        raise CaseError(
            f"The report of {report.name} is not valid FHIR: {error}. Take it as HTML or PDF."
        ) from error
    text: str = valid.model_dump_json(indent=1)
    return text.encode()


def _status(report: CaseReport) -> str:
    if report.draft:
        return PRELIMINARY
    return AMENDED if any(event.kind == REOPENED for event in report.events) else FINAL


def _narrative(name: str, conclusion: Sequence[str]) -> str:
    """What a person reads where a program knows no more of a report, as XHTML."""
    texts = (f"Case {name}", *conclusion)
    paragraphs = "".join(f"<p>{escape(shown(text), quote=False)}</p>" for text in texts)
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'


def _observations(figures: ReportedFigures) -> dict[str, Resource]:
    """The share as counted and as corrected, and the counts that they rest on."""
    if words.in_percent(figures):
        counted, corrected = _share(COUNTED, figures.share), _corrected(figures)
    else:
        counted, corrected = (_share(name, None, words.TOO_FEW) for name in (COUNTED, CORRECTED))
    counts = {"Cells that count": figures.cells, "Of these blasts": figures.blasts}
    basis = {
        "Cells that a verdict should rest on": figures.minimum_cells,
        "Read by a model alone": figures.read_by_model_alone,
        "Sent to review and not decided": figures.in_review_undecided,
        "Not read and not decided": sum(figures.refused.values()),
    }
    basis |= {f"Whole images, apart: {name}": n for name, n in figures.images.items()}
    decided = {f"Decided by readers: {label}": figures.decided.get(label, 0) for label in LABELS}
    return {
        "share": counted,
        "corrected-share": corrected,
        "counts": {"code": {"text": "Counts of cells"}, "component": _counts(counts | basis)},
        "decisions": {"code": {"text": "Decisions of readers"}, "component": _counts(decided)},
    }


def _corrected(figures: ReportedFigures) -> Resource:
    corrected = _share(CORRECTED, figures.corrected_share, figures.not_corrected_because or "")
    if figures.interval is None:
        return corrected
    low, high = figures.interval
    ends = {"Lower end of the 95% interval": low, "Upper end of the 95% interval": high}
    return corrected | {"component": [_share(name, end) for name, end in ends.items()]}


def _share(name: str, share: float | None, missing: str = "") -> Resource:
    code: Resource = {"code": {"text": name}}
    if share is None:
        return code | {"dataAbsentReason": {"coding": [ABSENT], "text": missing or words.NOT_KNOWN}}
    return code | {"valueQuantity": {"value": round(100 * share, 2), **PERCENT}}


def _counts(counts: Mapping[str, int]) -> Sequence[Resource]:
    return [{"code": {"text": name}, "valueInteger": count} for name, count in counts.items()]
