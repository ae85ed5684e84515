"""The report of a case to take away, and a report that is checked."""

from functools import partial

import streamlit as st

from core.cases.case_store import SIGNED
from core.cases.tables import CaseRow
from core.errors import CaseError
from core.report.case import words
from core.report.case.build import build
from core.report.case.check import check
from core.report.case.export import FORMATS, export
from pages.ui.common.downloads import download
from pages.ui.common.text import plain, shown_errors

_LABELS = {
    "pdf": "PDF, A4",
    "html": "HTML, one file",
    "fhir": "FHIR R4, DiagnosticReport",
    "geojson": "GeoJSON of the cells, for QuPath",
}


def show(case: CaseRow) -> None:
    """Buttons that make the report of a case in each format."""
    if case.blind and case.state != SIGNED:
        st.info("A case that is read blind has a report once it is signed: it shows all calls.")
        return
    if case.state != SIGNED:
        st.markdown(f"Nobody has signed this case: its report is marked **{words.DRAFT}**.")
    draft = "" if case.state == SIGNED else "draft_"
    with st.container(horizontal=True, gap="small"):
        for kind, label in _LABELS.items():
            # By its identifier: the name of a case can be that of a patient.
            name = f"{draft}case_{case.id[:8]}.{FORMATS[kind]}"
            download(label, partial(_made, case.id, kind), name, key=f"report_{kind}")
    st.caption(words.CHECK)


def show_check() -> None:
    """Checks a report that somebody has handed in."""
    with st.expander("Check a report", icon=":material/verified:"), shown_errors():
        file = st.file_uploader("A report, HTML or PDF", type=["html", "pdf"], key="check_report")
        if file is None:
            return
        found = check(file.getvalue())
        if found.findings:
            raise CaseError(f"{file.name} was changed: {'; '.join(found.findings)}.")
        st.success(
            f"{plain(file.name)} is as it was made: {plain(found.report.name)}, "
            f"{words.state(found.report)}.",
            icon=":material/verified:",
        )
        st.caption(f"Last event of the case: {words.last_event(found.report)}")


def _made(case_id: str, kind: str) -> bytes:
    return export(build(case_id), kind)
