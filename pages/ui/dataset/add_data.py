"""Ways to a data set: draw the demo set, name a folder, fetch C-NMC 2019."""

from pathlib import Path

import streamlit as st

from core import storage
from core.data import datasets
from core.data.fetch_job import LICENCE, UNPACKED_BYTES, Fetch, size_text
from core.data.layouts import Labelling, UnlabelledError
from core.data.synthetic import dataset
from core.jobs.job import Status
from core.people import ADD_DATA
from core.report.phrases import duration
from pages.ui.common import monitor, people, state
from pages.ui.common.frame import focus
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, sentence, shown_errors
from pages.ui.dataset import labels_form

_ASKED = "folders_asked_about"
_FOLDER = "folder_to_add"


def show() -> None:
    """All the ways, one below the other; a data set that was added is the chosen one."""
    locked = people.lacks(ADD_DATA)
    _offer_synthetic(locked)
    with st.form("add", border=False):
        path = st.text_input(
            "Folder on this machine",
            key=_FOLDER,
            disabled=locked,
            help="C-NMC 2019 in any phase; or images of any classes, which stand in folders, in "
            "file names or in a table",
        )
        if st.form_submit_button("Add", disabled=locked) and path:
            people.require_path(path)
            _add(path)
    focus.on(_FOLDER)
    st.divider()
    _fetch()


def _offer_synthetic(locked: bool) -> None:
    """Buttons that draw the synthetic sets that are not there yet."""
    known = datasets.known()
    if storage.demo_dir() not in known and st.button(
        "Draw the synthetic demo set", type="primary", icon=":material/add:", disabled=locked
    ):
        _draw(storage.demo_dir(), dataset.CELLS, dataset.SUBJECTS)
    if storage.demo_dir(datasets.FEW_PATIENTS) not in known and st.button(
        "Draw one of few patients",
        icon=":material/add:",
        disabled=locked,
        help=f"{dataset.CELLS_OF_FEW:,} cells of {dataset.FEW_SUBJECTS} patients: networks come to "
        "recognise them, and the leakage meter shows by how much.",
    ):
        _draw(storage.demo_dir(datasets.FEW_PATIENTS), dataset.CELLS_OF_FEW, dataset.FEW_SUBJECTS)


def _draw(root: Path, cells: int, subjects: int) -> None:
    people.require(ADD_DATA)
    with show_progress("Drawing", "synthetic cells") as progress:
        dataset.write_dataset(root, cells=cells, subjects=subjects, progress=progress)
    if root != storage.demo_dir():
        datasets.add(str(root))
    state.choose_next(root)
    st.rerun()


def ask_for_labels() -> None:
    """Opens the dialog on classes if a folder was added whose labels are not known."""
    if path := st.session_state.get(labels_form.UNLABELLED):
        labels_form.ask(path, _add)


def popover_key() -> str:
    """Another key, which closes the popover, after each data set that was added or asked about."""
    return f"add_{len(datasets.known())}_{st.session_state.get(_ASKED, 0)}"


def _add(path: str, labelling: Labelling | None = None) -> None:
    people.require(ADD_DATA)
    st.session_state.pop(labels_form.UNLABELLED, None)
    try:
        with show_progress("Indexing", "files") as progress:
            root: Path = datasets.add(path, progress, labelling)
    except UnlabelledError:
        st.session_state[labels_form.UNLABELLED] = path
        st.session_state[_ASKED] = st.session_state.get(_ASKED, 0) + 1
    else:
        state.choose_next(root)
    st.rerun()


def _fetch() -> None:
    """Offers to fetch C-NMC 2019, follows a fetch live, and adds the folder when asked to."""
    with shown_errors():
        job = Fetch()
        if job.status.unfinished:
            monitor.show(job, _draw_fetch)
        else:
            _ended_fetch(job, job.status)


def _draw_fetch(job: Fetch, status: Status) -> None:
    st.markdown("**Fetching C-NMC 2019 from Kaggle**")
    st.progress(status.share_done, text=_progress_text(status))
    monitor.stop_button(
        [job],
        "fetch_stop",
        label="Stop fetching",
        help="What has arrived is kept. Leaving this page does not stop it.",
        action=ADD_DATA,
    )


def _ended_fetch(job: Fetch, status: Status) -> None:
    if status.root:
        st.success(f"C-NMC 2019 is in {plain(str(status.root))}", icon=":material/check_circle:")
        if st.button(
            "Use this data set", type="primary", key="fetch_use", disabled=not people.may(ADD_DATA)
        ):
            _add(str(status.root))
        return
    monitor.show_error(status)
    if status.state == "cancelled":
        st.info("Fetching was stopped. What has arrived is kept.", icon=":material/cancel:")
    label = "Fetch C-NMC 2019 from Kaggle" if status.state == "none" else "Try again"
    monitor.start_button(
        job,
        label,
        "fetch_start",
        icon=":material/download:",
        help=f"Twice that while it is unpacked. It goes to {plain(str(job.path))}",
        action=ADD_DATA,
    )
    st.caption(f"{size_text(UNPACKED_BYTES)}, {LICENCE}")


def _progress_text(status: Status) -> str:
    """What the worker is doing, how much is done, its rate and the time left."""
    if status.state == "queued":
        return "Starting"
    parts = [sentence(status.phase)]
    if status.total:
        parts.append(f"{size_text(status.done)} of {size_text(status.total)}")
    elif status.done:
        parts.append(f"{size_text(status.done)} so far")
    if status.rate:
        parts.append(f"{status.rate / 10**6:.1f} MB/s")
    if status.seconds_left is not None:
        parts.append(f"{duration(status.seconds_left)} left")
    return " · ".join(parts)
