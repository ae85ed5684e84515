"""Dataset: what stands out, in words; then the cells, the counts, the splits and the files."""

import pandas as pd
import streamlit as st

from core.data import datasets, splits, summary
from core.data.indexing import Index
from core.errors import DataError
from pages.ui.common import cache, charts, state
from pages.ui.common.downloads import download_table
from pages.ui.common.text import SPLITS, citation, plain, shown_errors, title
from pages.ui.dataset import add_data, counts, gallery

ROWS = 400
FORMATS = {
    "share": "percent",
    "nucleus_share": "percent",
    "diameter_px": "%.0f",
    **dict.fromkeys(("density", "texture", "focus"), "%.3f"),
}


def show_findings(found: Index) -> None:
    """What stands out: what would mislead first, then the rest."""
    said = cache.findings(found)
    for box, icon, serious in ((st.warning, "warning", True), (st.info, "info", False)):
        lines = [plain(finding.text) for finding in said if finding.serious == serious]
        if lines:
            box("  \n".join(lines), icon=f":material/{icon}:")


def show_counts(found: Index) -> None:
    """The figures of the data set, its phases and folds."""
    parts = cache.by_phase(found)
    phases = parts[~parts["part"].str.startswith("fold_")]
    with st.container(horizontal=True, gap="large"):
        for name, number in (
            ("Cells", phases["images"].sum()),
            ("▲ ALL", phases["ALL"].sum()),
            ("● HEM", phases["HEM"].sum()),
            ("Subjects", found.cells["subject"].nunique()),
            ("Groups of subjects", found.cells["group"].nunique()),
        ):
            st.metric(name, f"{number:,}", width="content")
    charts.show(counts.by_part(parts), alt="Cells of each phase and fold", key="parts")
    show_table("Phases and folds", parts)


def show_subjects(found: Index) -> None:
    """Who gave how many cells, and how their typical cell looks."""
    table = cache.by_subject(found)
    if table.empty:
        st.info("This data set names no subjects.")
        return
    charts.show(
        counts.by_subject(found.cells),
        alt="Number of cells by subject and class",
        key="subjects",
    )
    st.caption("Diameter, nucleus share, stain density, texture and focus are medians.")
    show_table("Subjects", table)
    show_table("Subjects that share images", summary.links(found))


def show_splits(found: Index) -> None:
    """What each way to split would let cross from training to test."""
    audits = {}
    for method in splits.METHODS:
        try:
            audits[method] = cache.split(found, method)[1]
            icon = "warning" if audits[method].leaking else "check_circle"
            words = splits.verdict(audits[method])
        except DataError as error:
            icon, words = "block", f"Not possible. {error}"
        st.markdown(f":material/{icon}: **{SPLITS[method]}**: {plain(words)}")
    if audits:
        method = st.selectbox("Parts of", list(audits), format_func=SPLITS.__getitem__)
        parts = splits.parts_table(audits[method])
        charts.show(counts.by_part(parts), alt="Cells of each part", key="split_parts")
        show_table("Parts", parts)
        st.caption("With seed 0. Train says the same of the sample and seed that are chosen there.")


def show_files(found: Index) -> None:
    """Everything known of the files, to look through and to take away."""
    show_table("Manifest", found.cells)
    show_table("Duplicates", found.pairs)
    show_table("Rejected files", found.rejected)
    with st.container(horizontal=True):
        if st.button("Look at the files again", icon=":material/refresh:"):
            cache.look_again()
            st.rerun()
        if datasets.name(found.root) != datasets.DEMO and st.button(
            "Forget this folder", icon=":material/close:", help="The folder itself is left alone."
        ):
            datasets.forget(found.root)
            st.rerun()


def show_table(label: str, table: pd.DataFrame) -> None:
    """A table with its download, which is written when it is asked for."""
    st.markdown(f"**{label}**: {len(table) or 'none'}")
    if not table.empty:
        st.dataframe(
            table,
            hide_index=True,
            height="content" if len(table) <= 10 else ROWS,
            column_config={
                name: st.column_config.NumberColumn(format=form)
                for name, form in FORMATS.items()
                if name in table
            }
            | {"mtime_ns": None},
        )
        download_table(f"{label} as CSV", table, f"{label}.csv")


VIEWS = {
    "Cells": gallery.show,
    "Counts": show_counts,
    "Subjects": show_subjects,
    "Splits": show_splits,
    "Files": show_files,
}

title("Dataset", "Look at the cells, and at what is wrong with the data, before any model does.")
with shown_errors():
    choice, adding = st.columns([4, 1], vertical_alignment="bottom")
    with choice:
        root = state.choose_dataset()
    # A key of its own for each length of the list closes the popover when something was added.
    popover = adding.popover(
        "Add data", icon=":material/add:", width="stretch", key=f"add_{len(datasets.known())}"
    )
    with popover, shown_errors():
        add_data.show()
    if root is None:
        st.info("There is no data set yet. Draw the synthetic demo set, or add a folder.")
    else:
        found = cache.index(root)
        show_findings(found)
        # Only the open tab is computed.
        tabs = st.tabs(list(VIEWS), on_change="rerun", key="dataset_view")
        for tab, show in zip(tabs, VIEWS.values(), strict=True):
            if tab.open:
                with tab, shown_errors():
                    show(found)
        citation(found)
