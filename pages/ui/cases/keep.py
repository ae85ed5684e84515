"""Keeps what is read on Predict as a case."""

from collections.abc import Sequence

import streamlit as st

from core.cases import case_store, intake
from core.cases.intake import ReadPicture
from core.errors import CaseError, UploadError
from core.people import DECIDE, MAX_NAME, Person
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.runs.run_store import Run
from pages.ui.cases.new_case import NONE_KEPT
from pages.ui.common import cache, people
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, shown_errors
from pages.ui.common.uploads import Upload, forget
from pages.ui.reading import field, picture

_LABEL, _ICON = "Keep as a case", ":material/folder_shared:"
_HELP = "Keeps pictures and readings, to be gone through and signed on the Cases page."


def offer(
    runs: Sequence[Run], uploads: Sequence[Upload], key: str, options: ReadingOptions = NO_OPTIONS
) -> None:
    """A button that keeps pictures, with what the user has said of them, and opens their case.

    The uploader with that key is empty afterwards: the next pictures may be another patient's.
    """
    with shown_errors():
        person = people.current()
        if person is None:
            pressed, person = _ask_for_name()
        else:
            pressed = st.button(_LABEL, disabled=people.lacks(DECIDE), help=_HELP, icon=_ICON)
        if pressed and person is not None:
            read = _read(runs[0], uploads, options)
            name = intake.name_for([upload.name for upload in uploads])[: case_store.MAX_NAME]
            case_id = case_store.create(person, name, read)
            forget(key)
            st.switch_page("pages/cases.py", query_params={"case": case_id})


def _ask_for_name() -> tuple[bool, Person | None]:
    """Asks for the name that a case is recorded with, in place; whether to keep, and who does."""
    with st.popover(_LABEL, icon=_ICON, help=_HELP), st.form("keep", border=False):
        name = st.text_input("Your name", max_chars=MAX_NAME, help="It is recorded with the case.")
        pressed = st.form_submit_button("Keep", type="primary")
    if pressed:
        people.call_me(name)
    return pressed, people.current()


def _read(run: Run, uploads: Sequence[Upload], options: ReadingOptions) -> list[ReadPicture]:
    """The readings as the page shows them; a file that cannot be kept is named and left out."""
    read = []
    with show_progress("Keeping", "pictures") as progress:
        for done, upload in enumerate(uploads, start=1):
            try:
                read.append(
                    intake.read(
                        cache.reader(run),
                        upload.name,
                        upload.data,
                        picture.options_of(run, upload, options),
                        as_field=picture.chosen_as_field(upload),
                        known=field.latest(run, upload.digest),
                    )
                )
            except (UploadError, CaseError) as error:
                st.toast(plain(str(error)), icon=":material/error:", duration="infinite")
            progress(done, len(uploads))
    if not read:
        raise CaseError(NONE_KEPT)
    return read
