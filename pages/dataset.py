"""Dataset: what stands out, in words; then the images, the counts, the splits and the files."""

import pandas as pd
import streamlit as st

from core.data import datasets, splits, summary
from core.data.indexing import Index
from core.data.layouts import LABELS
from core.errors import BlastLensError
from core.people import ADD_DATA
from core.report.dataset import parts_table, split_verdict
from pages.ui.common import cache, charts, people, state
from pages.ui.common.choices import address
from pages.ui.common.downloads import download_table
from pages.ui.common.text import SPLITS, citation, plain, shown_errors, title
from pages.ui.dataset import add_data, counts, duplicates, embedding, findings, gallery, measuring

ROWS = 400  # pixels: the height of a long table
HEADINGS = {
    **{name: label for name, (label, _) in summary.MEASURES.items()},
    **{name: name.capitalize() for name in ("part", "phase", "fold", "class", "label", "kind")},
    **{name: name.capitalize() for name in ("unlabelled", "subjects", "groups", "path", "reason")},
    "images": "Images",
    "cells": "Images",
    "subject": "Subject",
    "subject_a": "Subject",
    "subject_b": "The other subject",
    "group": "Group of subjects",
    "share": "Share of all",
    "flagged": "With a quality flag",
    "copies": "With a copy",
    "identical": "Identical pairs",
    "near": "Nearly identical pairs",
    "image_id": "File",
    "image_a": "File",
    "image_b": "The other file",
    "changed_pixels": "Pixels that differ",
    "bytes": "Bytes",
    "sha256": "SHA-256",
    "quality": "Quality flags",
    "class_name": "Publisher's class",
    "counts_as": "Counts as",
}
FILES = ("image_id", "image_a", "image_b", "path")
FILE = 180  # pixels: a telephone shows more than the file
SHARES = ("share", "nucleus_share", "fragment_share")


def show_counts(index: Index, _measured: pd.DataFrame | None) -> None:
    """The figures of the data set, its phases and folds."""
    parts = cache.by_phase(index)
    phases = parts[~parts["part"].str.startswith("fold_")]
    with st.container(horizontal=True, gap="large"):
        for name, number in (
            ("Images", phases["images"].sum()),
            ("▲ ALL", phases["ALL"].sum()),
            ("● HEM", phases["HEM"].sum()),
            ("Subjects", index.cells["subject"].nunique()),
            ("Groups of subjects", index.cells["group"].nunique()),
        ):
            st.metric(name, f"{number:,}", width="content")
    charts.show(counts.by_part(parts), alt="Images of each phase and fold", key="parts")
    if len(index.classes) > 2:
        show_table("Publisher's classes", summary.by_class(index))
    show_table("Phases and folds", parts)


def show_subjects(index: Index, measured: pd.DataFrame | None) -> None:
    """Who gave how many images, and how their typical cell looks."""
    table = cache.by_subject(index, measured)
    if table.empty:
        st.info("This data set names no subjects.")
        return
    charts.show(
        counts.by_subject(index.cells),
        alt="Number of images by subject and class",
        key="by_subject",
    )
    looks = "Diameter, nucleus, stain density, texture and focus: the median over its images"
    st.caption(f"{looks}." if measured is not None else f"{looks}, once all are measured.")
    show_table("Subjects", table)
    show_table("Subjects that share images", summary.links(index))


def show_splits(index: Index, _measured: pd.DataFrame | None) -> None:
    """What each way to split would let cross from training to test."""
    audits = {}
    for method in splits.METHODS:
        try:
            audits[method] = cache.split(index, method)[1]
            icon = "warning" if audits[method].leaking else "check_circle"
            words = split_verdict(audits[method])
        except BlastLensError as error:
            icon, words = "block", f"Not possible. {error}"
        st.markdown(f":material/{icon}: **{SPLITS[method]}**: {plain(words)}")
    if audits:
        labels = {method: SPLITS[method] for method in audits}
        method = st.selectbox("Parts of", **address.choice("parts_of", "split", labels))
        parts = parts_table(audits[method])
        charts.show(counts.by_part(parts), alt="Images of each part", key="split_parts")
        show_table("Parts", parts)
        st.caption(
            "Drawn with seed 0, over all images. Train checks the sample and the seed chosen there."
        )


def show_files(index: Index, measured: pd.DataFrame | None) -> None:
    """Everything known of the files, to look through and to take away."""
    known = index.cells if measured is None else index.cells.merge(measured, on="image_id")
    show_table("Images", known)
    show_table("Copies", index.pairs)
    show_table("Rejected files", index.rejected)
    with st.container(horizontal=True):
        if st.button("Look at the files again", icon=":material/refresh:"):
            cache.index.clear()
            st.rerun()
        if datasets.name(index.root) != datasets.DEMO and st.button(
            "Forget this folder",
            icon=":material/close:",
            disabled=not people.may(ADD_DATA),
            help="The folder itself is left alone.",
        ):
            people.require(ADD_DATA)
            datasets.forget(index.root)
            st.rerun()


def show_table(label: str, table: pd.DataFrame) -> None:
    """A table with its download, which is written when it is asked for."""
    st.markdown(f"**{label}**: {len(table) or 'none'}")
    if table.empty:
        return
    shown = table.drop(columns=["mtime_ns", "visible"], errors="ignore").round(3)
    shown = shown.round({name: 2 for name in SHARES})
    if "label" in shown:
        shown["label"] = shown["label"].map({label: name for name, label in LABELS.items()})
    percent = st.column_config.NumberColumn(format="percent")
    shares = {HEADINGS[name]: percent for name in SHARES}
    narrow = st.column_config.TextColumn(width=FILE)
    st.dataframe(
        shown.rename(columns=HEADINGS),
        hide_index=True,
        height="content" if len(table) <= 10 else ROWS,
        column_config=shares | {HEADINGS[name]: narrow for name in FILES},
        placeholder="–",
    )
    download_table(f"{label} as CSV", table, f"{label}.csv")


def show_images(index: Index, measured: pd.DataFrame | None) -> None:
    """What stands out, then the images."""
    findings.show(index, measured)
    gallery.show(index, measured)


VIEWS = {
    "Images": show_images,
    "Map": embedding.show,
    "Copies": duplicates.show,
    "Counts": show_counts,
    "Subjects": show_subjects,
    "Splits": show_splits,
    "Files": show_files,
}

title(
    "Dataset",
    "The images, and faults to know of before you train.",
)
with shown_errors():
    choice, adding = st.columns([4, 1], vertical_alignment="bottom")
    with choice:
        root = state.choose_dataset(link=False)
    popover = adding.popover(
        "Add data", icon=":material/add:", width="stretch", key=add_data.popover_key()
    )
    with popover, shown_errors():
        add_data.show()
    add_data.ask_for_labels()
    if root:
        index = cache.index(root)
        measured = cache.all_measures(index)
        progress = st.container()
        # Only the open tab is computed.
        for tab, show in zip(address.tabs("view", VIEWS), VIEWS.values(), strict=True):
            if tab.open:
                with tab, shown_errors():
                    show(index, measured)
        citation(index)
        if measured is None:
            with progress:
                measuring.show(index)
