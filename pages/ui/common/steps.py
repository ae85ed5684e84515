"""Previous and next: the same two buttons, and the arrow keys, wherever one goes through cells."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

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
