"""Imports a run from an archive."""

import streamlit as st

from core.archive import archive
from core.errors import BlastLensError
from core.people import IMPORT_RUN
from core.runs import about
from core.runs.run_store import Run
from core.settings import settings
from core.workers import verification
from pages.ui.common import people
from pages.ui.common.text import plain, shown_errors

_IMPORTED = "imported_run"
_REFUSED = "import_refused"  # what was asked for, and the error that it met


def show() -> None:
    """Shows the uploader, its options, and the result of the last import."""
    if message := st.session_state.pop("import_said", None):
        st.success(message, icon=":material/check_circle:")
    locked = people.lacks(IMPORT_RUN)
    with st.expander("Options"):
        name = st.text_input("Name here", placeholder="the name it had", max_chars=100)
        compare = st.toggle(
            "Also load the Keras file, in safe mode, and compare it with the engine",
            help="In a process of its own; about 15 seconds. Readings use the engine alone.",
        )
    # A new key after each import empties the uploader.
    upload = st.file_uploader(
        "Drop the archive of a run here",
        type=["zip"],
        key=f"archive_{st.session_state.get('imports', 0)}",
        max_upload_size=settings().max_archive_bytes // 2**20,
        disabled=locked,
        help="Every file is checked against its hash and its kind before the run is placed among "
        "the others. Nothing in it is run, and nothing is unpickled.",
    )
    if upload is None:
        return
    with shown_errors():
        people.require(IMPORT_RUN)
        asked = (upload.file_id, name, compare)
        if (why := st.session_state.get(_REFUSED)) and why[0] == asked:
            raise why[1]
        try:
            with st.spinner("Verifying the archive…"):
                check = _check if compare else None
                run = archive.import_run(upload, name.strip() or None, check=check)
        except BlastLensError as error:
            st.session_state[_REFUSED] = (asked, error)  # not tried again at each click
            raise
        _remember(run, compared=compare)
        st.rerun()


def _check(run: Run) -> None:
    verification.verify(run)


def _remember(run: Run, *, compared: bool) -> None:
    also = "; its Keras file agrees with its engine" if compared else ""
    st.session_state["import_said"] = f"{plain(about.called(run))} is verified{also} and imported."
    st.session_state["imports"] = st.session_state.get("imports", 0) + 1
    select_next(run)


def select_next(run: Run) -> None:
    """Has `select_imported` select a run."""
    st.session_state[_IMPORTED] = run.run_id


def select_imported(runs: dict[str, Run]) -> None:
    """Selects the run imported last in the select box that follows."""
    if (name := st.session_state.pop(_IMPORTED, None)) in runs:
        st.session_state["model"] = name
