"""Pages of small cell pictures, behind filters."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from core.data import explore, quality, splits, summary
from core.data.explore import Filters
from core.data.indexing import Index
from core.data.layouts import PHASES
from pages.ui.common import cache
from pages.ui.common.cells import cell_pages
from pages.ui.common.text import SPLITS, shown_errors
from pages.ui.common.tiles import SHAPES


def show(index: Index, measured: pd.DataFrame | None) -> None:
    """Filters, then a page of the pictures; a button under each opens the inspector."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        label = st.segmented_control(
            "Class",
            _present(index, "label"),
            format_func=lambda name: f"{SHAPES[name]} {name}",
            key="gallery_class",
        )
        order = st.selectbox("Order", list(explore.ORDERS), width=220)
        with st.popover("More filters", icon=":material/filter_list:"):
            filters, parts = _more_filters(index)
    filters = replace(filters, label=label)
    if measured is None and explore.needs_measures(filters, order):
        st.info("This order or filter works once all cells are measured; see above.")
        return
    with shown_errors():
        chosen = explore.select(index, filters, order, parts, measured)
        cell_pages.show(index, chosen, "gallery_page", "No cell matches these filters.")


def _present(index: Index, what: str) -> list[str]:
    """The choices that this data set can answer."""
    cells = index.cells
    if what == "label":
        has = {"ALL": 1 in set(cells["label"]), "HEM": 0 in set(cells["label"])}
        return [n for n in explore.LABELS if has.get(n, bool(cells["label"].isna().any()))]
    return [phase for phase in PHASES if phase in set(cells["phase"])]


def _more_filters(index: Index) -> tuple[Filters, pd.Series | None]:
    """The rarer filters, and the split that one of them is about."""
    phases, folds = _present(index, "phase"), sorted(index.cells["fold"].dropna().unique())
    phase = st.segmented_control("Phase", phases) if len(phases) > 1 else None
    fold = st.segmented_control("Official fold", folds, key="gallery_fold") if folds else None
    names = (
        st.selectbox(
            "Publisher's class", list(index.classes), index=None, placeholder="All classes"
        )
        if len(index.classes) > 2
        else None
    )
    people = sorted(index.cells["subject"].dropna().unique(), key=summary.natural)
    subjects = tuple(st.multiselect("Subjects", people, placeholder="All subjects"))
    flags = [explore.ANY_FLAG, explore.NO_FLAG, *quality.FLAGS]
    flag = st.selectbox("Quality", flags, index=None, placeholder="Any quality", key="quality")
    copies = st.selectbox(
        "Copies", explore.COPIES, index=None, placeholder="With or without copies"
    )
    left, right = st.columns(2)
    method = left.selectbox("Split", list(splits.METHODS), format_func=SPLITS.__getitem__)
    part = right.selectbox("Part", splits.PARTS, index=None, placeholder="All parts")
    chosen = Filters(
        phase=phase,
        class_name=names,
        fold=fold,
        subjects=subjects,
        part=part,
        flag=flag,
        copies=copies,
    )
    if not part:
        return chosen, None
    with shown_errors():
        return chosen, cache.split(index, method)[0]
    return chosen, None
