"""All runs in a table: filtered, compared, named, tagged, archived and deleted."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.jobs.job import STATE_WORDS
from core.report import run_table
from core.runs import about, run_store
from core.runs.run_store import Run
from core.tuning import sweep_store
from core.tuning.sweep_store import Sweep
from pages.ui.common import monitor
from pages.ui.common.choices import address
from pages.ui.common.choices import runs as runs_by_name
from pages.ui.common.downloads import download_table
from pages.ui.common.text import plain
from pages.ui.models import edit_run

HEIGHT = 420  # pixels: of a long table
_EVERY = 3.0  # seconds between two looks at runs that are at work
_SELECTED = "ticked"  # of the address: the ids of the runs that are ticked


def show() -> None:
    """Filters, the table, and what can be done with the runs that are ticked."""
    runs, sweeps, names = run_store.runs(), sweep_store.sweeps(), runs_by_name.names()
    if not runs:
        st.info("There is no run yet.")
        return
    shown, opened = _filtered(runs, sweeps, names)
    if not shown:
        st.info("No run matches these filters.")
        return
    if any(run.status.unfinished for run in shown):

        def follow() -> bool:
            _table(shown, sweeps, names, opened)
            return all(run.deleted or not run.status.unfinished for run in shown)

        monitor.repeat(follow, _EVERY)
    else:
        _table(shown, sweeps, names, opened)
    ticked = _ticked()
    _act([run for run in shown if run.run_id in ticked], names)


def _filtered(
    runs: list[Run], sweeps: list[Sweep], names: dict[str, str]
) -> tuple[list[Run], list[str]]:
    """The runs that the filters leave, and the sweeps whose runs are to be seen one by one."""
    told = {run.run_id: about.told(run) for run in runs}
    tags = sorted({tag for one in told.values() for tag in one.tags})
    states = {state: STATE_WORDS[state] for state in {run.status.state for run in runs}}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input(
            "Search", placeholder="name, note, tag, …", width=220, key="search", **address.BOUND
        )
        state = st.selectbox(
            "State",
            index=None,
            placeholder="any state",
            width=170,
            **address.choice("state", "state", states),
        )
        tag = None
        if tags:
            tag = st.selectbox(
                "Tag",
                index=None,
                placeholder="any tag",
                width=150,
                **address.choice("tag", "tag", tags),
            )
        opened: list[str] = []
        if sweeps:
            options = address.choice("open", "sweep", [sweep.name for sweep in sweeps])
            opened = st.multiselect("Runs of", placeholder="no sweep", width=260, **options)
        order = st.selectbox(
            "Order", width=150, **address.choice("sort", "order", list(run_table.ORDERS))
        )
        archived = st.toggle("Archived, too", key="archived", **address.BOUND)
    left = [
        run
        for run in run_table.matching(runs, names, text)
        if (state is None or run.status.state == state)
        and (tag is None or tag in told[run.run_id].tags)
        and (archived or not told[run.run_id].archived)
    ]
    return run_table.in_order(left, names, order), opened


def _table(
    runs: Sequence[Run], sweeps: Sequence[Sweep], names: dict[str, str], opened: Sequence[str]
) -> None:
    table = run_table.table(runs, sweeps, names, opened)
    # Another list of runs is another table: what was ticked in it is not what is there now.
    key = f"runs_{hash(tuple(table.index))}"
    chosen = st.dataframe(
        table,
        key=key,
        hide_index=True,
        height="content" if len(table) <= 10 else HEIGHT,
        on_select=lambda: _tick(key, table),
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [row for row, one in enumerate(table.index) if one in _ticked()]}
        },
        column_config={
            "Name": st.column_config.TextColumn(width="medium", pinned=True),
            "Tags": st.column_config.ListColumn(width="small"),
            run_table.SCORE: st.column_config.NumberColumn(format="%.2f"),
            run_table.INTERVAL: st.column_config.TextColumn(width="small"),
            run_table.LOSS: st.column_config.LineChartColumn(
                help="Prediction error on the validation part, epoch by epoch"
            ),
            "Started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone="UTC"),
            "Minutes": st.column_config.NumberColumn(format="%.0f", width="small"),
        },
        placeholder="–",
        alt="All runs, a row each",
    )
    if not chosen["selection"]["rows"]:
        _keep([])
    st.caption(
        "Tick a run to name, tag, archive or delete it; several to compare them. A click on a "
        "heading sorts this view alone; the order above stands in the address. Times are UTC."
    )
    download_table(
        "Table as CSV", table.drop(columns=run_table.LOSS), "runs.csv", key="runs_csv", index=True
    )


def _tick(key: str, table: pd.DataFrame) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    _keep([table.index[row] for row in rows])


def _keep(ticked: list[str]) -> None:
    st.session_state[_SELECTED] = ticked
    if ticked:
        st.query_params[_SELECTED] = ticked
    else:
        st.query_params.pop(_SELECTED, None)


def _ticked() -> list[str]:
    return st.query_params.get_all(_SELECTED) or st.session_state.get(_SELECTED, [])


def _act(ticked: list[Run], names: dict[str, str]) -> None:
    if len(ticked) == 1:
        edit_run.show(ticked[0])
    elif ticked:
        finished = [run for run in ticked if run.status.state == "succeeded"]
        st.page_link(
            "pages/compare.py",
            label=f"Compare these {len(finished)}",
            icon=":material/balance:",
            query_params={"runs": [names[run.run_id] for run in finished]},
            disabled=len(finished) < 2,
        )
        differing = run_table.differences(ticked, names)
        if differing.empty:
            st.markdown("Their settings are the same.")
        else:
            listed = ", ".join(name.lower() for name in differing.index)
            st.markdown(f"**What differs in their settings:** {plain(listed)}")
            st.dataframe(differing, height="content", alt="Settings that differ between the runs")
