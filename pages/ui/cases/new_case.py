"""New cases, and pictures added to one: cells and fields mixed."""

from collections import Counter
from collections.abc import Sequence

import streamlit as st
from streamlit.typing import UploadedFile

from core.cases import case_store, intake
from core.cases.case_store import MAX_NAME, MOST_CELLS, SIGNED
from core.cases.intake import ReadPicture
from core.cases.tables import CaseRow
from core.data import images
from core.errors import CaseError, UploadError
from core.people import Person
from core.reading.fields.summary import BLOOD, MARROW
from core.reading.preparing.told import Told
from core.report.case.history import counted
from core.runs import active_model
from pages.ui.cases import cache as case_cache
from pages.ui.common import cache
from pages.ui.common.choices.runs import names as run_names
from pages.ui.common.numbers import number
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, shown_errors

NONE_KEPT = "None of the pictures can be kept."
MINIMUM = "Cells it should rest on"
_MINIMUM = f"A differential of blood counts {BLOOD} cells, one of marrow {MARROW}."


def show(person: Person) -> None:
    """A form that makes a case of dropped pictures."""
    unfolded = not case_store.cases()
    with (
        st.expander("New case", icon=":material/add:", expanded=unfolded),
        st.form("new_case", border=False),
        shown_errors(),
    ):
        name = st.text_input(
            "Name of the case", max_chars=MAX_NAME, placeholder="Smear 12/3; else by the files"
        )
        files = _uploader("new_case_files")
        left, middle, right = st.columns(3, vertical_alignment="bottom")
        minimum = number(left, MINIMUM, (1, MOST_CELLS), BLOOD, help=_MINIMUM)
        blind = middle.toggle(
            "Read blind", help="Readers decide a cell before they see what the model says."
        )
        adapt = right.toggle("Adapt cells of another stain", help=_ADAPT)
        if st.form_submit_button("Read and keep", type="primary"):
            if not files:
                raise CaseError("A case is made of pictures: drop those of one patient above.")
            read = _read(files, adapt)
            if not read:
                raise CaseError(NONE_KEPT)
            name = name.strip() or intake.name_for([file.name for file in files])[:MAX_NAME]
            case_id = case_store.create(person, name, read, minimum_cells=minimum, blind=blind)
            st.query_params["case"] = case_id
            st.rerun()


_ADAPT = (
    "Cells refused for their appearance alone are read as if stained like the reference cells, "
    "marked so, and with a wider interval."
)


def show_pictures(case: CaseRow, person: Person) -> None:
    """The pictures of a case, and a form to add more."""
    if case.state != SIGNED:
        with st.form(f"add_{case.id}", border=False, clear_on_submit=True), shown_errors():
            files = _uploader(f"files_{case.id}")
            adapt = st.toggle("Adapt cells of another stain", help=_ADAPT, key=f"adapt_{case.id}")
            if st.form_submit_button("Read and add"):
                if added := _read(files, adapt):
                    case_store.add(person, case.id, added)
                st.rerun()
    cells = Counter(cell.picture_id for cell in case.cells)
    read = Counter(cell.picture_id for cell in case.cells if cell.probability is not None)
    named = run_names()
    with st.container(horizontal=True, gap="medium"):
        for picture in case.pictures:
            with st.container(width=280, gap="xxsmall"):
                place = case_cache.place(case.id, picture.overview, picture.width, ())
                st.image(place, width="stretch", alt=f"The picture {picture.name}")
                model = plain(named.get(picture.run_id, picture.run_id))
                st.caption(
                    f"{plain(picture.name)}: {picture.kind}, "
                    f"{counted(cells[picture.id], 'cell')} found, {read[picture.id]:,} read by "
                    f"{model}"
                )
                if picture.reason:
                    st.caption(f":material/warning: {plain(picture.reason)}")


def _uploader(key: str) -> list[UploadedFile]:
    files = st.file_uploader(
        "Pictures of one patient: cells and fields mixed",
        type=list(images.SUFFIXES),
        accept_multiple_files=True,
        key=key,
    )
    return files


def _read(files: Sequence[UploadedFile], adapt: bool) -> list[ReadPicture]:
    """Reads the files with the active model; those that cannot be read are named."""
    reader, read = cache.reader(active_model.active()), []
    with show_progress("Reading", "pictures") as progress:
        for done, file in enumerate(files, start=1):
            try:
                told = Told(adapt_stain=adapt)
                read.append(intake.read(reader, file.name, file.getvalue(), told))
            except (UploadError, CaseError) as error:
                st.toast(plain(str(error)), icon=":material/error:", duration="infinite")
            progress(done, len(files))
    return read
