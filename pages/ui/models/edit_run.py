"""One run: its name, note and tags, whether it is archived, and how it is deleted."""

import streamlit as st

from core.people import DELETE_RUN, NAME_RUN
from core.removal import deletion
from core.runs import about
from core.runs.about import MAX_NAME, MAX_NOTE, About
from core.runs.run_store import Run
from pages.ui.common import people
from pages.ui.common.text import plain, shown_errors


def show(run: Run) -> None:
    """The form of what people say of a run, the ways to it, and the button that deletes it."""
    with st.container(border=True), shown_errors():
        told = about.of(run)
        st.markdown(f"**{plain(about.called(run))}**")
        st.caption(f"run {plain(run.run_id)}")
        with st.container(horizontal=True):
            one = {"run": about.called(run)}
            st.page_link(
                "pages/train.py",
                label="Its curves",
                icon=":material/model_training:",
                query_params=one,
            )
        _form(run, told)
        with st.container(horizontal=True, vertical_alignment="center"):
            _archive_button(run, told)
            with st.popover("Delete", icon=":material/delete:"):
                _delete(run)


def _form(run: Run, told: About) -> None:
    locked = people.lacks(NAME_RUN)
    with st.form(f"about_{run.run_id}", border=False):
        left, right = st.columns(2)
        name = left.text_input(
            "Name", told.name or "", placeholder=about.called(run), max_chars=MAX_NAME
        )
        tags = right.multiselect(
            "Tags",
            list(told.tags),
            default=list(told.tags),
            accept_new_options=True,
            max_selections=about.MAX_TAGS,
            placeholder="type one",
        )
        note = st.text_area("Note", told.note, max_chars=MAX_NOTE, height=80)
        if st.form_submit_button("Keep", type="primary", disabled=locked):
            people.require(NAME_RUN)
            about.change(run, name=name, note=note, tags=tags)
            st.rerun()


def _archive_button(run: Run, told: About) -> None:
    label, icon = ("Take it back", "unarchive") if told.archived else ("Archive", "archive")
    if st.button(
        label,
        icon=f":material/{icon}:",
        disabled=not people.may(NAME_RUN),
        help="An archived run is left out of choices. It stays as it is, and can be taken back.",
    ):
        people.require(NAME_RUN)
        about.change(run, archived=not told.archived)
        st.rerun()


def _delete(run: Run) -> None:
    """Says what rests on the run, and deletes it once that is confirmed."""
    with shown_errors():
        rests = deletion.dependents(run)
        for sentence in (*rests.forbid, *rests.lost):
            st.markdown(f"- {plain(sentence)}")
        if rests.forbid:
            st.markdown("**So it is not deleted.**")
            return
        locked = people.lacks(DELETE_RUN)
        sure = st.checkbox("Delete it for good", key=f"sure_{run.run_id}")
        if st.button("Delete the run", type="primary", disabled=locked or not sure):
            people.require(DELETE_RUN)
            deletion.delete(run)
            st.rerun()
