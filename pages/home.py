"""Home: what one came for, right away; beside it the model, the data and the runs it rests on."""

from collections.abc import Callable, Mapping

import streamlit as st

from core.cases import case_store
from core.cases.case_store import SIGNED
from core.data import datasets
from core.errors import RunError
from core.runs import about, active_model, run_store
from core.runs.run_store import Run
from pages.ui.cases import keep
from pages.ui.common import state, uploads
from pages.ui.common.choices.runs import names
from pages.ui.common.monitor import STATES
from pages.ui.common.text import plain, research_notice, section, shown_errors, title
from pages.ui.home import first_steps, purposes
from pages.ui.reading import cell, picture, table

SHOWN = 3  # cases, and runs
READ, LOOK, TRAIN = "read a cell", "look at data", "train a model"
OPENING = "UID_142_1_1_all.png"  # an example that is called, and whose heat map passes


def read_a_cell(active: Run | None) -> None:
    """Uploaded pictures or an example, read."""
    if active is None:
        st.page_link("pages/models.py", label="Choose a model", icon=":material/inventory_2:")
        return
    label = "Drop stained cells or fields of one patient here"
    chosen = uploads.choose("home", label, several=True, first_example=OPENING)
    if len(chosen) > 1:
        table.show([active], chosen, "home")
    else:
        for upload in chosen:
            picture.show([active], upload)
    if chosen and not chosen[0].example:
        keep.offer([active], chosen, "home", picture.chosen_options("home"))
    research_notice()


def show_active(active: Run | None) -> None:
    """The model that reads."""
    if active is None:
        _link("models", "None yet", "biotech")
    else:
        _link("models", about.called(active), "biotech", help=cell.protocol(active))
        _link("models", "When it calls a blast", "tune", about="Operating point")


def show_cases() -> None:
    """The cases that are not signed yet, the one changed last first."""
    known = case_store.cases()
    still_open = [case for case in known if case.state != SIGNED]
    for one in still_open[:SHOWN]:
        _link("cases", one.name, "folder_shared", case=one.id)
    if not still_open:
        st.caption("No case is open." if known else "None yet.")
    _link("cases", "All cases" if known else "Start a case", "folder_shared" if known else "add")


def show_datasets() -> None:
    """The known data sets."""
    for root in datasets.known():
        name = state.dataset_name(root)
        _link("dataset", name, "grid_view", dataset=name)
    if not datasets.known():
        _link("dataset", "Draw the demo set", "add")


def show_runs() -> None:
    """The last runs that stand alone, and what became of them."""
    named = names()
    for run in list(filter(run_store.stands_alone, about.at_hand(run_store.runs())))[:SHOWN]:
        name, state_of = named[run.run_id], STATES[run.status.state][1]
        if run.status.state == "succeeded":
            _link("compare", name, "show_chart", runs=name)
        else:
            _link("train", f"{name}: {state_of}", "timelapse", run=name)
    if not named:
        st.caption("None yet.")


def _link(
    page: str, label: str, icon: str | None = None, help: str | None = None, **chosen: str
) -> None:
    st.page_link(
        f"pages/{page}.py",
        label=plain(label),
        icon=icon and f":material/{icon}:",
        query_params=chosen or None,
        help=help,
    )


def show_cards(cards: Mapping[str, Callable[[], None]]) -> None:
    """Headings, each with what is below it."""
    for heading, show in cards.items():
        with st.container(border=True, gap="xsmall"), shown_errors():
            section(heading)
            show()


CARDS = {"Active model": lambda: show_active(active), "Open cases": show_cases}
BACKGROUND = {"Data sets": show_datasets, "Last runs": show_runs}

title(
    "BlastLens",
    "Reads stained cells for leukemic blasts, and says how far to believe each reading.",
)
# What is uploaded has the whole width; the same elements, so that the uploader keeps its files.
wide = st.session_state.get("for", READ) == READ and uploads.has("home")
if not wide:
    first_steps.show()
reading, beside = st.columns([40, 1] if wide else [5, 2], gap="xsmall" if wide else "large")
beside = st.expander("Model, cases, data and runs") if wide else beside
active: Run | None = None
try:
    active = active_model.active()
except RunError as error:
    reading.info(plain(str(error)))

with reading, shown_errors():
    purpose = st.segmented_control(
        "I want to",
        (READ, LOOK, TRAIN),
        default=READ,
        required=True,
        format_func=str.capitalize,
        label_visibility="collapsed",
        key="for",
        bind="query-params",
    )
    if purpose == READ:
        read_a_cell(active)
    elif purpose == LOOK:
        purposes.look_at_data()
    else:
        purposes.train_a_model()

with beside:
    show_cards(CARDS)
    # No expander stands in another.
    with st.container() if wide else st.expander("Data and runs"):
        show_cards(BACKGROUND)
