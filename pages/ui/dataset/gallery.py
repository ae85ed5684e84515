"""Pages of small cell pictures, behind filters."""

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd
import streamlit as st

from core.data import explore, quality, splits, summary
from core.data.explore import Filters
from core.data.indexing import Index
from core.data.layouts import PHASES
from core.report.glossary import explain
from pages.ui.common import cache
from pages.ui.common.cells import cell_pages
from pages.ui.common.choices import address
from pages.ui.common.text import SPLITS, shown_errors
from pages.ui.common.tiles import SHAPES


def show(index: Index, measured: pd.DataFrame | None) -> None:
    """Filters, then a page of the pictures; a button under each opens the inspector."""
    classes = _present(index, "label")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        label = st.segmented_control(
            "Class",
            **address.choice(
                "class",
                "class",
                {name: f"{SHAPES[name]} {name}" for name in classes},
                {name: name for name in classes},
            ),
            help=explain("ALL", "HEM"),
        )
        order = st.selectbox(
            "Order", width=220, **address.choice("order", "order", list(explore.ORDERS))
        )
        with st.popover("More filters", icon=":material/filter_list:"):
            filters, parts = _more_filters(index)
    filters = replace(filters, label=label)
    if measured is None and explore.needs_measures(filters, order):
        st.info("This order or filter works once all images are measured; see above.")
        return
    with shown_errors():
        chosen = explore.select(index, filters, order, parts, measured)
        cell_pages.show(index, chosen, "page", "No image matches these filters.")


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
    phase = fold = names = None
    if len(phases) > 1:
        phase = st.segmented_control("Phase", **address.choice("phase", "phase", phases))
    if folds:
        fold = st.segmented_control("Official fold", **address.choice("fold", "fold", folds))
    if len(index.classes) > 2:
        names = _one_or_all("Publisher's class", "named", list(index.classes), "All classes")
    people = sorted(index.cells["subject"].dropna().unique(), key=summary.natural)
    chosen_people = st.multiselect(
        "Subjects", placeholder="All subjects", **address.choice("subjects", "subject", people)
    )
    flags = [explore.ANY_FLAG, explore.NO_FLAG, *quality.FLAGS]
    flag = _one_or_all("Quality", "quality", flags, "Any quality")
    copies = _one_or_all("Copies", "copies", explore.COPIES, "With or without copies")
    left, right = st.columns(2)
    methods = {method: SPLITS[method] for method in splits.METHODS}
    method = left.selectbox("Split", **address.choice("split", "split", methods))
    with right:
        part = _one_or_all("Part", "part", splits.PARTS, "All parts")
    chosen = Filters(
        phase=phase,
        class_name=names,
        fold=fold,
        subjects=tuple(chosen_people),
        part=part,
        flag=flag,
        copies=copies,
    )
    if not part:
        return chosen, None
    with shown_errors():
        return chosen, cache.split(index, method)[0]
    return chosen, None


def _one_or_all(label: str, key: str, options: Iterable[str], placeholder: str) -> str | None:
    choice = address.choice(key, label.lower(), options)
    chosen: str | None = st.selectbox(label, index=None, placeholder=placeholder, **choice)
    return chosen
