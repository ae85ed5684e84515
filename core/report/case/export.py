"""The report of a case as a file of one of its formats.

What a format needs is imported when it is asked for: ReportLab and the models of FHIR are slow.
"""

from core.errors import CaseError
from core.report.case.content import CaseReport

# The ending of the file name of each.
FORMATS = {"html": "html", "pdf": "pdf", "fhir": "fhir.json", "geojson": "geojson.zip"}


def export(report: CaseReport, kind: str) -> bytes:
    """Returns the file of a report. Raises `CaseError` if there is no such format."""
    match kind:
        case "html":
            from core.report.case.formats.html import to_html

            return to_html(report)
        case "pdf":
            from core.report.case.formats.pdf import to_pdf

            return to_pdf(report)
        case "fhir":
            from core.report.case.formats.fhir import to_fhir

            return to_fhir(report)
        case "geojson":
            from core.report.case.formats.geojson import to_zip

            return to_zip(report)
    raise CaseError(f"{kind!r} is not a format of a report. Formats are {', '.join(FORMATS)}.")


def file_name(report: CaseReport, kind: str) -> str:
    """A name for the file: the identifier of the case, since its name can be that of a patient."""
    draft = "draft_" if report.draft else ""
    return f"{draft}case_{report.id[:8]}_event_{report.head.number}.{FORMATS[kind]}"
