"""New cases, and pictures added to one and removed from it: cells and fields mixed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.typing import UploadedFile

from core.cases import case_store, intake, retention
from core.cases.case_store import MAX_NAME, MOST_CELLS, SIGNED
from core.cases.intake import ReadPicture
from core.cases.tables import CaseRow, PictureRow
from core.cells.scale import CAMERA_UM
from core.data import images
from core.data.pixel_cache import CELL, IMAGE
from core.errors import CaseError, ConfigError, UploadError
from core.people import Person
from core.reading.fields.summary import BLOOD, MARROW
from core.reading.preparing.options import ReadingOptions
from core.report.case.history import counted
from core.runs import active_model
from pages.ui.cases import cache as case_cache
from pages.ui.cases import parts
from pages.ui.common import cache
from pages.ui.common.choices.runs import names as run_names
from pages.ui.common.numbers import number, said, within
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, shown_errors

NONE_KEPT = "None of the pictures can be kept."
MINIMUM = "Cells to count"
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
            "Name of the case",
            max_chars=MAX_NAME,
            placeholder=("Smear 12/3; empty: named by its files"),
        )
        files = _uploader("new_case_files")
        left, right = st.columns(2, vertical_alignment="bottom")
        minimum = number(left, MINIMUM, (1, MOST_CELLS), BLOOD, help=_MINIMUM)
        blind = right.toggle(
            "Read blind", help="Readers decide a cell before they see what the model says."
        )
        how = _ask_how("new")
        if st.form_submit_button("Read and keep", type="primary"):
            if not files:
                raise CaseError("A case is made of pictures: drop those of one patient above.")
            read = _read(files, how)
            if not read:
                raise CaseError(NONE_KEPT)
            name = name.strip() or intake.name_for([file.name for file in files])[:MAX_NAME]
            case_id = case_store.create(person, name, read, minimum_cells=minimum, blind=blind)
            st.query_params["case"] = case_id
            st.rerun()


AS_SHOWN, AS_FIELDS, AS_CELLS = "recognised in each picture", "fields of a smear", "single cells"
_KINDS = {AS_SHOWN: None, AS_FIELDS: True, AS_CELLS: False}
_ADAPT = (
    "Cells that only their appearance has refused are read as if stained like the reference "
    "cells. They are marked and sent to review, and their interval is wider."
)
_REMOVE = (
    "A picture of somebody else, or one that was read wrongly: add it again and say what is known "
    "of it. It cannot be removed once a reader has decided one of its cells."
)


@dataclass(frozen=True)
class HowRead:
    """What a person says of pictures that are to be read, see `intake.read`."""

    as_field: bool | None
    um_per_px: float | None
    adapt: bool


def _ask_how(key: str) -> HowRead:
    """Asks for what only a person can know of pictures; nothing needs to be said."""
    with st.expander("What is known of the pictures", icon=":material/tune:"):
        left, middle, right = st.columns(3, vertical_alignment="bottom")
        kind = left.selectbox("They are", list(_KINDS), key=f"kind_{key}")
        um_per_px = number(
            middle,
            "µm a pixel",
            CAMERA_UM,
            None,
            help=(
                "For fields: the camera's pixel size over the magnification. If empty, red cells "
                "give the scale"
            ),
            placeholder="by red cells",
            format="%.3f",
            key=f"scale_{key}",
        )
        adapt = right.toggle("Adapt cells of another stain", help=_ADAPT, key=f"adapt_{key}")
    return HowRead(_KINDS[kind], um_per_px, adapt)


def show_pictures(case: CaseRow, person: Person) -> None:
    """The pictures of a case, and a form to add more."""
    if case.state != SIGNED:
        with st.form(f"add_{case.id}", border=False, clear_on_submit=True), shown_errors():
            files = _uploader(f"files_{case.id}")
            how = _ask_how(case.id)
            if st.form_submit_button("Read and add"):
                if added := _read(files, how):
                    case_store.add(person, case.id, added)
                st.rerun()
    cells = Counter(cell.picture_id for cell in case.cells)
    read = Counter(cell.picture_id for cell in case.cells if cell.probability is not None)
    touched = {decision.cell_id for decision in case.decisions}
    decided = {cell.picture_id for cell in case.cells if cell.id in touched}
    named = run_names()
    with st.container(horizontal=True, gap="medium"):
        for picture in case.pictures:
            with st.container(width=280, gap="xxsmall"):
                place = case_cache.place(case.id, picture.overview, picture.width, ())
                st.image(place, width="stretch", alt=f"The picture {picture.name}")
                model = plain(named.get(picture.run_id, picture.run_id))
                st.caption(
                    f"{plain(picture.name)}: {picture.kind}, "
                    f"{_found(picture, cells[picture.id], read[picture.id])} by {model}"
                )
                if picture.reason:
                    st.caption(f":material/warning: {plain(picture.reason)}")
                if case.state != SIGNED and picture.id not in decided:
                    st.button(
                        "Remove",
                        icon=":material/delete:",
                        type="tertiary",
                        key=f"remove_{picture.id}",
                        help=_REMOVE,
                        on_click=parts.act,
                        args=(_remove, person, case.id, picture.id),
                    )


def _found(picture: PictureRow, cells: int, read: int) -> str:
    if picture.kind == IMAGE:
        return "read whole" if read else "not read"
    if picture.kind == CELL:
        return "read" if read else "not read"
    return f"{counted(cells, 'cell')} found, {read:,} read"


def _remove(person: Person, case_id: str, picture_id: str) -> None:
    retention.remove_picture(person, case_id, picture_id)
    case_cache.forget()


def _uploader(key: str) -> list[UploadedFile]:
    files = st.file_uploader(
        "Pictures of one patient: cells and fields mixed",
        type=list(images.SUFFIXES),
        accept_multiple_files=True,
        key=key,
    )
    return files


def _read(files: Sequence[UploadedFile], how: HowRead) -> list[ReadPicture]:
    """Reads the files with the active model; those that cannot be read are named."""
    if not within(how.um_per_px, CAMERA_UM):
        raise ConfigError(f"A pixel covers {how.um_per_px:g} µm; it can be {said(CAMERA_UM)}.")
    reader, read = cache.reader(active_model.active()), []
    with show_progress("Reading", "pictures") as progress:
        for done, file in enumerate(files, start=1):
            try:
                read.append(
                    intake.read(
                        reader,
                        file.name,
                        file.getvalue(),
                        ReadingOptions(adapt_stain=how.adapt),
                        as_field=how.as_field,
                        um_per_px=how.um_per_px,
                    )
                )
            except (UploadError, CaseError) as error:
                st.toast(plain(str(error)), icon=":material/error:", duration="infinite")
            progress(done, len(files))
    return read
