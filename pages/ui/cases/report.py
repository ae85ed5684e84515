"""The report of a case to read and to take away, and a report that is checked."""

from functools import partial

import streamlit as st

from core.cases.case_store import SIGNED
from core.cases.tables import CaseRow
from core.errors import CaseError
from core.report.case import words
from core.report.case.build import build
from core.report.case.check import check
from core.report.case.export import FORMATS, export
from pages.ui.cases import cache, parts
from pages.ui.common.downloads import download
from pages.ui.common.text import plain, shown_errors

_HEIGHT = 760  # pixels of the preview
# The report is a page of its own: in a sandbox it runs nothing and reaches nothing of the app.
_FRAME = st.components.v2.component(
    "blastlens_report",
    css=""".report {
  box-sizing: border-box; width: 100%; height: 100%; border: 1px solid #d9e0e3; background: #fff;
}""",
    js="""export default function ({ parentElement, data }) {
  let frame = parentElement.querySelector(".report");
  if (!frame) {
    frame = document.createElement("iframe");
    frame.className = "report";
    frame.title = "The report";
    frame.tabIndex = 0;
    frame.setAttribute("sandbox", "");
    parentElement.append(frame);
  }
  if (frame.srcdoc !== data.page) frame.srcdoc = data.page;
}""",
)
_LABELS = {
    "pdf": ("PDF", "A4"),
    "html": ("HTML", "One file"),
    "fhir": ("FHIR", "R4, DiagnosticReport"),
    "geojson": ("GeoJSON", "The cells, for QuPath"),
}


def show(case: CaseRow) -> None:
    """The report as it is now, and buttons that make it in each format."""
    if case.blind and case.state != SIGNED:
        st.info("A case that is read blind has a report once it is signed: it shows all calls.")
        return
    if case.state != SIGNED:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(
                f"Nobody has signed this case: its report is marked **{words.DRAFT}**.",
                width="content",
            )
            st.button(
                parts.VERDICT,
                icon=":material/draw:",
                type="tertiary",
                on_click=parts.go_to,
                args=(parts.VERDICT,),
            )
    draft = "" if case.state == SIGNED else "draft_"
    with st.container(horizontal=True, gap="small"):
        for kind, (label, what) in _LABELS.items():
            # By its identifier: the name of a case can be that of a patient.
            name = f"{draft}case_{case.id[:8]}.{FORMATS[kind]}"
            download(label, partial(_made, case.id, kind), name, key=f"report_{kind}", help=what)
    with shown_errors(), st.spinner("Making the report…"):
        smaller = tuple((picture.file, picture.overview) for picture in case.pictures)
        page = cache.preview(case.id, case.version, smaller)
        _FRAME(key=f"preview_{case.id}", data={"page": page}, height=_HEIGHT)
    st.caption("Shown with small pictures.", help=words.CHECK)


def show_check() -> None:
    """Checks a report that somebody has handed in."""
    with st.expander("Check a report", icon=":material/verified:"), shown_errors():
        file = st.file_uploader("A report, HTML or PDF", type=["html", "pdf"], key="check_report")
        if file is None:
            return
        found = check(file.getvalue(), file.name)
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
