"""Copies, pair by pair: both pictures, where they differ, and what follows."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.data import duplicates, images
from core.data.indexing import Index
from core.report.dataset import what_follows
from pages.ui.common import steps
from pages.ui.common.choices import address
from pages.ui.common.text import plain, shown_errors
from pages.ui.common.tiles import SHAPES, class_name

WHICH = ("all", "of different subjects", "nearly identical", "identical")
_PAIR = "pair"  # of the address: the number of the pair that is shown


def show(index: Index, _measured: pd.DataFrame | None) -> None:
    """Shows one pair, and the way to the next."""
    if index.pairs.empty:
        st.info("No image occurs twice.")
        return
    which = st.segmented_control(
        "Pairs",
        required=True,
        default=WHICH[0],
        **address.choice("pairs_of", "kind of pair", WHICH),
    )
    pairs = _chosen(index, which)
    if pairs.empty:
        st.info("There are no such pairs.")
        return
    number = address.place(_PAIR, len(pairs))
    pair = pairs.iloc[number]
    steps.show(
        range(len(pairs)), number, f"Pair, {_kind(pair)}", "pairs", partial(address.go, _PAIR)
    )
    with shown_errors():
        _show_pair(index, pair)


def _chosen(index: Index, which: str) -> pd.DataFrame:
    if which == WHICH[1]:
        return duplicates.across_subjects(index.pairs)
    kinds = {"nearly identical": "near", "identical": "exact"}
    return index.pairs if which == WHICH[0] else index.pairs[index.pairs["kind"] == kinds[which]]


def _kind(pair: Any) -> str:
    if pair["kind"] == "exact":
        return "the same file, byte by byte"
    changed = int(pair["changed_pixels"])
    return f"nearly identical, {changed:,} {'pixel differs' if changed == 1 else 'pixels differ'}"


def _show_pair(index: Index, pair: Any) -> None:
    cells = index.cells.set_index("image_id", drop=False)
    two = [cells.loc[pair[end]] for end in ("image_a", "image_b")]
    differing = duplicates.difference(*(images.decode(index.path(cell.image_id)) for cell in two))
    places = st.columns(3, gap="medium")
    pictures = (differing.first, differing.second)
    for place, cell, picture in zip(places, two, pictures, strict=False):
        name = class_name(cell.label)
        place.image(picture, width="stretch", alt=f"{name} cell of subject {cell.subject}")
        place.markdown(f"{SHAPES[name]} **{name}** · {_facts(cell)}")
        place.caption(plain(cell.image_id))
    places[2].image(differing.stretched, width="stretch", alt="Where the two pictures differ")
    places[2].markdown(
        f"**Difference**: white is {differing.most} of 255 levels, the most of any pixel."
        if differing.most
        else "**Difference**: none in any pixel.",
        help="Both at their scale, centre on centre; of each pixel the channel that differs most.",
    )
    for sentence in what_follows(*two):
        st.markdown(f"- {plain(sentence)}")


def _facts(cell: Any) -> str:
    known = {"subject": cell.subject, "fold": cell.fold, "part": cell.part, "phase": cell.phase}
    return plain(
        ", ".join(f"{name} {value}" for name, value in known.items() if not pd.isna(value))
    )
