"""The encoding of a table: recognised, or chosen by a person who sees how it was read."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.data.layouts.labelling import ENCODINGS
from core.data.layouts.tables import assumed
from pages.ui.common.text import plain

LABEL = "Encoding of the table"


def choose(place: DeltaGenerator) -> str | None:
    """Asks for one of `ENCODINGS`; None has it recognised."""
    return place.selectbox(
        LABEL,
        list(ENCODINGS),
        index=None,
        placeholder="recognised",
        format_func=ENCODINGS.__getitem__,
        help="Of a table that is text. Digits and letters without accents are the same in all but "
        "UTF-16.",
    )


def ask(encoding: str, table: str, where: str) -> None:
    """Asks for the encoding of a table, `where` it is chosen, instead of assuming one."""
    st.warning(
        f"{plain(assumed(encoding, table))} Choose its encoding under “{where}”, this or another, "
        "and go on.",
        icon=":material/translate:",
    )


def warn(encoding: str | None, table: str) -> None:
    """Says if the encoding in which a table is read is only assumed."""
    if words := assumed(encoding, table):
        st.warning(
            f"{plain(words)} Choose another under “{LABEL}” if they are wrong.",
            icon=":material/translate:",
        )
