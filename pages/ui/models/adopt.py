"""Adopts a model that was trained elsewhere: the form, its progress, and what was found."""

from collections.abc import Callable
from pathlib import Path, PurePath

import streamlit as st

from core import storage
from core.adoption import request, statement
from core.archive import incoming
from core.data import splits
from core.errors import ConfigError, ModelError
from core.jobs.job import Status
from core.models.inputs import CHANNELS, SCALINGS
from core.people import ADOPT_MODEL
from core.report import adoption as words
from core.runs import about, run_store
from core.runs.adoption import MAX_WORDS, Adoption, Wanted
from core.runs.run_store import ADOPTION, Run
from core.settings import settings
from core.workers import launcher
from pages.ui.common import monitor, people, state
from pages.ui.common.progress import run_progress
from pages.ui.common.text import SPLITS, plain, shown_errors
from pages.ui.models import import_run

_FIND_OUT = "find out"


def show() -> None:
    """Shows each adoption that is under way or not settled yet, and the form of the next one."""
    for run in run_store.runs():
        if request.is_open(run):
            with st.container(border=True), shown_errors():
                monitor.show(run, _draw)
    st.caption(
        "A Keras file, a SavedModel folder, ONNX or OpenVINO. No code in it is run: custom layers, "
        "Lambda layers and pickles are refused. How to feed it, and which output is the blast, is "
        "found by trying on labelled cells."
    )
    if root := state.choose_dataset():
        with shown_errors():
            _form(root)


def _draw(run: Run, status: Status) -> None:
    monitor.header(run, status, f"Adopting {plain(about.called(run))}", run.run_id)
    if status.unfinished:
        st.progress(status.share_done, text=run_progress(status))
        return
    monitor.show_error(status)
    adoption = request.of(run)
    if adoption.trials:
        _show_findings(adoption)
    helps = status.state == "failed" and adoption.outputs is not None  # it could be opened
    with st.expander("Change how it is fed", expanded=helps):
        _overrule(run, adoption)
    locked = not people.may(ADOPT_MODEL)
    if status.state != "succeeded":
        if st.button(
            "Delete it", key=f"delete_{run.run_id}", icon=":material/delete:", disabled=locked
        ):
            people.require(ADOPT_MODEL)
            request.delete(run)
            st.rerun()
    elif st.button(
        "Keep it so",
        key=f"keep_{run.run_id}",
        type="primary",
        icon=":material/check:",
        disabled=locked,
    ):
        people.require(ADOPT_MODEL)
        request.discard_original(run)
        import_run.select_next(run)
        st.rerun()


def _show_findings(adoption: Adoption) -> None:
    """Shows how a model is fed, and how the other ways did."""
    st.markdown(f":material/tune: {plain(words.feeding(adoption))}")
    with st.popover("All ways that were tried", icon=":material/list:", type="tertiary"):
        table = [dict(zip(words.COLUMNS, row, strict=True)) for row in words.rows(adoption)]
        st.dataframe(table, hide_index=True)


def _overrule(run: Run, adoption: Adoption) -> None:
    """Adopts a model anew in its run, fed as the user says; what is known is filled in."""
    with st.form(f"overrule_{run.run_id}", border=False):
        wanted = _options(adoption)
        st.caption("It is adopted anew under the same name, on the same data.")
        locked = people.lacks(ADOPT_MODEL)
        pressed = st.form_submit_button("Adopt it so", icon=":material/replay:", disabled=locked)
    if pressed:
        people.require(ADOPT_MODEL)
        request.repeat(run, wanted())
        launcher.resume(run)
        st.rerun()


def _form(root: Path) -> None:
    locked = people.lacks(ADOPT_MODEL)
    with st.form("adopt", border=False):
        left, right = st.columns(2)
        upload = left.file_uploader(
            "Model file",
            type=["keras", "h5", "hdf5", "onnx"],
            max_upload_size=settings().max_archive_bytes // 2**20,
            disabled=locked,
        )
        path = right.text_input(
            "or a file or folder on this machine",
            disabled=locked,
            help="A SavedModel folder, OpenVINO's .xml with its .bin beside it, or any other.",
        )
        left, right = st.columns(2)
        name = left.text_input("Name here", placeholder="date and time", max_chars=100)
        said = right.text_input(
            "Trained elsewhere, on",
            placeholder="not known",
            max_chars=MAX_WORDS,
            help=(
                "State it only if none of the patients of this data set were among those that it "
                "was trained on. Until then, every number says that the model may have seen "
                "these patients."
            ),
        )
        with st.expander("How it is fed, and which cells test it"):
            wanted = _options()
            split = st.selectbox("Split", list(splits.METHODS), format_func=SPLITS.__getitem__)
        pressed = st.form_submit_button(
            "Adopt", type="primary", icon=":material/input:", disabled=locked
        )
    if pressed:
        people.require(ADOPT_MODEL)
        with incoming.folder() as folder:
            model = Path(path.strip()).expanduser()
            if upload is not None:
                model = folder / PurePath(upload.name).name
                storage.write_bytes(model, upload.getbuffer())
            elif not path.strip():
                raise ModelError("Choose a model file, or name one on this machine.")
            else:
                people.require_path(path.strip())
            run = request.create(model, root, name.strip() or None, wanted=wanted(), split=split)
        if said.strip():
            statement.stated(request.of(run), said).write(run.path / ADOPTION)
        launcher.launch(run)
        st.rerun()


def _options(known: Adoption | None = None) -> Callable[[], Wanted]:
    """What the user says of the model, with what is known filled in; raises `ConfigError`."""
    said = known and (known.chosen or known.wanted)
    columns = st.columns(4)
    pixels, channels = (
        column.selectbox(label, [_FIND_OUT, *choices], index=choices.index(was) + 1 if was else 0)
        for column, label, choices, was in (
            (columns[0], "Pixels", list(SCALINGS), said and said.pixels),
            (columns[1], "Channels", list(CHANNELS), said and said.channels),
        )
    )
    positive = columns[2].text_input(
        "Outputs that mean a blast",
        ",".join(map(str, (said and said.positive) or ())),
        placeholder=_FIND_OUT,
        help=(
            "Numbers from 0, such as 0,2. Of a single output, 1 is its upper end and 0 its "
            "lower. With more than two outputs this is required."
        ),
    )
    size = columns[3].text_input(
        "Pixels a side",
        str((known and known.wanted.size) or ""),
        placeholder="its own",
        help="Only if the model takes images of any size.",
    )
    chosen = {"pixels": pixels, "channels": channels, "positive": positive, "size": size.strip()}
    told = {key: value for key, value in chosen.items() if value not in (_FIND_OUT, "")}
    return lambda: Wanted.parse(told, ConfigError)


def show_origin(run: Run) -> None:
    """Shows of an adopted model how it is fed and what it may have seen; takes a statement."""
    adoption = run.adoption
    if adoption is None:
        return
    icon = "warning" if adoption.statement is None else "fact_check"
    st.markdown(f":material/{icon}: {plain(words.training(adoption))}")
    said_what = st.popover("What was it trained on?", icon=":material/edit:", type="tertiary")
    with said_what, st.form(f"state_{run.run_id}", border=False):
        said = st.text_area(
            "Trained on other patients than these, namely",
            adoption.statement or "",
            max_chars=MAX_WORDS,
            help="Empty, if it is not known.",
        )
        locked = people.lacks(ADOPT_MODEL)
        if st.form_submit_button("State it", icon=":material/save:", disabled=locked):
            with shown_errors():
                people.require(ADOPT_MODEL)
                statement.state(run, said)
                st.rerun()
    _show_findings(adoption)
    again = "Say so in the tab 'Adopt'" if request.is_open(run) else "Adopt the model again"
    st.caption(f"Fed wrongly? {again}, and how it is to be fed.")
