"""The checks before a reading, in words and with their figures."""

import pandas as pd
import streamlit as st

from core.reading.checked_picture import Gate
from core.reading.gate import CHECKS
from pages.ui.common.text import plain

_CHECKS = {
    "stained": "It shows a stained cell",
    "field": "It shows one cell, not a whole field",
    "natural background": "The cell stands alone on black, or could be cut out",
    "scale": "The cell is of a size that the model knows",
    "sharp": "It is whole, in focus and well exposed",
    "appearance": "Colour, light and chromatin are those of training cells",
    "known": "To the model it is like the cells it has learned from",
}
_FIGURES = {
    "black_border": "Black share of the border",
    "cell_share": "Share of the window that the cell fills",
    "other_regions": "Further regions, of the cell's area",
    "green": "Green over the weaker of red and blue",
    "texture": "Chromatin texture",
    "diameter_px": "Diameter, pixels",
    "least_diameter_px": "Least diameter in training, pixels",
    "most_diameter_px": "Largest diameter in training, pixels",
    "focus": "Focus",
    "least_focus": "Least focus",
    "cut_off": "Straight edge, of the diameter",
    "foreign_colours": "Share of colours no smear has",
    "glass": "Share of empty glass",
    "white_cells": "White cells found",
    "red_cells_across": "Red cells across the picture",
    "enlargement": "Enlargement to the scale of training",
    "appearance": "Distance in what is measured",
    "appearance_limit": "Its limit",
    "distance": "Distance to training cells, by the model",
    "distance_limit": "Limit of that distance",
}


def show_checks(gate: Gate) -> None:
    """What was checked, what could not be, which check refused, and what was measured."""
    with st.expander("Checks made"):
        for code in CHECKS:
            if code in gate.checks:
                st.markdown(f":material/check: {_CHECKS[code]}")
            elif code in gate.unchecked:
                st.markdown(f":material/help: {_CHECKS[code]}: {plain(gate.unchecked[code])}")
            elif code == gate.code:
                st.markdown(f":material/block: **Not so: {_CHECKS[code].lower()}**")
        if gate.figures:
            measured = {_FIGURES.get(name, name): value for name, value in gate.figures.items()}
            st.dataframe(
                pd.DataFrame(
                    {
                        "Measured": list(measured),
                        "Value": [
                            "none" if value is None else f"{value:.3g}"
                            for value in measured.values()
                        ],
                    }
                ),
                hide_index=True,
            )
