"""Choosing runs by their names, the same on every page."""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from core.runs import about, run_store
from core.runs.run_store import Run
from pages.ui.common.choices import address


def names() -> dict[str, str]:
    """The name of each run by its id."""
    return about.names(run_store.runs())


def choice(key: str, runs: Iterable[Run], *, archived: bool = False) -> Mapping[str, Any]:
    """Arguments of a widget that chooses among runs, by their ids; see `address.choice`.

    A run that is archived is there only if it is asked for: by the address, by the session, or by
    `archived` for all of these runs.
    """
    known, named = list(runs), names()
    kept = st.session_state.get(key)
    asked = {*st.query_params.get_all(key), *(kept if isinstance(kept, list) else [kept])}
    labels = {
        run.run_id: named[run.run_id]
        for run in known
        if archived
        or not about.archived(run)
        or not asked.isdisjoint((run.run_id, named[run.run_id]))
    }
    return address.choice(key, "run", labels, {name: name for name in labels})
