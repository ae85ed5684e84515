"""Models: the one that reads, its card and its history; whole runs out and in."""

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from core.archive import archive
from core.errors import RunError
from core.people import PROMOTE
from core.report.card import render
from core.runs import about, active_model, run_store
from core.runs.run_store import Run
from pages.ui.common import cache, people
from pages.ui.common.choices import address
from pages.ui.common.choices.runs import choice as run_choice
from pages.ui.common.downloads import download
from pages.ui.common.frame import printed
from pages.ui.common.text import plain, research_notice, shown_errors, title
from pages.ui.models import adopt, all_runs, card_view, import_run, operating_point
from pages.ui.reading import cell


def active_run() -> Run | None:
    """The run that reads; None, with the reason on the page, if it is gone."""
    with shown_errors():
        return active_model.active()
    return None


def show_active(active: Run | None) -> None:
    """Which model reads, how well it did, since when, and the way back."""
    with st.container(border=True):
        words, back = st.columns([4, 1], vertical_alignment="center")
        with words:
            if active is None:
                st.markdown("**No model reads now.** Choose one below, or undo the last choice.")
            else:
                said = f":material/biotech: **{plain(about.called(active))}** reads now"
                st.markdown(said, help=since(active))
                st.markdown(cell.protocol(active))
        with words:
            locked = people.lacks(PROMOTE)
        undo = can_undo() and back.button(
            "Undo",
            icon=":material/undo:",
            width="stretch",
            disabled=locked,
            help="Goes back to the model that was chosen before; the history keeps both.",
        )
    if active is not None and (before := active_model.changed_since(active)):
        st.warning(
            f"{plain(about.called(active))} does not read as it did when it was chosen"
            f"{day(before.at)}. Changed since: {', '.join(active_model.changes(before, active))}. "
            "If that was meant, choose it again.",
            icon=":material/warning:",
        )
    if undo:
        people.require(PROMOTE)
        active_model.undo()
        st.rerun()


def can_undo() -> bool:
    """Whether there is a choice to take back; not if the history is damaged."""
    try:
        return active_model.can_undo()
    except RunError:
        return False


def since(active: Run) -> str:
    """Since when the active model reads."""
    entries = active_model.history()
    if not entries or entries[-1].run is None:
        return "By default: no model has been chosen, so the first one reads."
    return f"Chosen for readings{day(entries[-1].at)}."


def day(at: float | None) -> str:
    """A Unix time as " on" that day; nothing where it is not known."""
    return f" on {datetime.fromtimestamp(at, UTC):%d %B %Y, %H:%M} UTC" if at else ""


def choose(finished: list[Run], active: Run | None) -> Run:
    """The run to look at, the active one first, and the button that makes it read."""
    runs = {run.run_id: run for run in finished}
    import_run.select_imported(runs)
    options = run_choice("model", finished)
    ids = options["options"]
    picking, using, taking = st.columns([4, 1, 1], vertical_alignment="bottom")
    chosen = runs[
        picking.selectbox(
            "Model",
            index=ids.index(active.run_id) if active and active.run_id in ids else 0,
            **options,
        )
    ]
    used = chosen == active and active_model.changed_since(chosen) is None
    pressed = using.button(
        "Used for readings" if used else "Use for readings",
        type="primary",
        icon=":material/check:",
        disabled=used or not people.may(PROMOTE),
        width="stretch",
    )
    if pressed:
        people.require(PROMOTE)
        active_model.promote(chosen)
        st.rerun()
    with taking:
        offer_downloads(chosen)
    return chosen


def offer_downloads(run: Run) -> None:
    """The card and the whole run, written when they are asked for."""
    name = run.run_id
    with st.popover("Download", icon=":material/download:", width="stretch"):
        download("Card, HTML", lambda: render.html(cache.card(run)), f"{name}.html")
        download("Card, Markdown", lambda: render.markdown(cache.card(run)), f"{name}.md")
        download("Whole run", lambda: archive.packed(run), f"{name}{archive.SUFFIX}")


def show_history(_: Run) -> None:
    """Every choice of a model for readings, the newest first."""
    rows = active_model.table_rows()
    if not rows:
        st.info("No model has been chosen yet, so the first one reads.")
        return
    when = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone="UTC")
    st.dataframe(rows, hide_index=True, column_config={"When": when})
    st.caption(
        "Times are UTC. Engine: the first digits of the SHA-256 of the engine that read then. No "
        "line is ever removed; undoing a choice adds one."
    )


VIEWS: dict[str, Callable[[Run], None]] = {
    "Card": card_view.show,
    "Operating point": operating_point.show,
    "Fill in": card_view.fill_in,
    "All runs": lambda _: all_runs.show(),
    "History": show_history,
    "Import": lambda _: import_run.show(),
    "Adopt": lambda _: adopt.show(),
}

# Before there is any model.
_FIRST = {
    "Import": import_run.show,
    "Adopt": adopt.show,
    "All runs": all_runs.show,
}

title("Models", "Which model reads, and how far to believe it.")
with shown_errors():
    finished = run_store.models()
    if not finished:
        st.info("No run has finished yet. Train a model, import a run, or adopt a model.")
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        for tab, view in zip(st.tabs(list(_FIRST)), _FIRST.values(), strict=True):
            with tab:
                view()
    else:
        active = active_run()
        show_active(active)
        run = choose(finished, active)
        printed.shows([run])
        adopt.show_origin(run)
        # Only the open tab is computed.
        for tab, show in zip(address.tabs("about", VIEWS), VIEWS.values(), strict=True):
            if tab.open:
                with tab, shown_errors():
                    show(run)
research_notice()
