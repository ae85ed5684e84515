"""Previous and next: buttons, pages and the arrow keys, wherever one goes through cells."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui.common.choices import address

T = TypeVar("T")


def show(
    places: Sequence[T],
    now: T,
    name: str,
    key: str,
    go: Callable[[T], None],
    *,
    arrows: bool = True,
) -> None:
    """Buttons to the place before and after `now`, and the name of what is shown, as Markdown.

    `go` is called with the other place before the page, or the dialog, is drawn anew. Of two such
    pairs on a page only one may have the arrow keys.
    """
    at = places.index(now)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, arrow, to in (("Previous", "Left", at - 1), ("Next", "Right", at + 1)):
            there = 0 <= to < len(places)
            st.button(
                label,
                key=f"{key}_{label}",
                disabled=not there,
                on_click=go,
                args=(places[to] if there else now,),
                shortcut=arrow if arrows else None,
            )
        st.markdown(f"**{name}**, {at + 1:,} of {len(places):,}")


def pages(place: DeltaGenerator, things: int, per_page: int, key: str) -> slice:
    """The page to be shown of so many things, which stands in the address as `key`.

    The numbers of the pages stand in `place`, none where one page holds all. Where nothing else on
    the page has the arrow keys, they turn these pages (`frame/keys.py`).
    """
    count = -(-things // per_page)
    page = 1
    if count > 1:
        with place.container(key=f"pages_{key}"):
            page = st.pagination(count, key=key, **address.BOUND)
    return slice((page - 1) * per_page, page * per_page)
