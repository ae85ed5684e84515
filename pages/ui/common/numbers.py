"""A number field that says its range, and beside a value beyond it what is wrong.

The limits of `st.number_input` are not used. It keeps the value before in place of one beyond them,
without telling the page, and puts the default in place of one that lies beyond limits that moved:
what the page then starts is not what stands in the field. Here the page gets the value as typed,
and whoever it is for refuses it; the limits come from there.
"""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

Limits = tuple[float, float]


def number(
    place: DeltaGenerator,
    label: str,
    limits: Limits,
    value: float | None,
    *,
    excluded: bool = False,
    help: str = "",
    **options: Any,
) -> Any:
    """Returns the number in the field, also one beyond the limits, which the page then names.

    value: the first number; None for an empty field. excluded: the limits themselves are beyond.
    `options` are those of `st.number_input`.
    """
    range_ = said(limits, excluded=excluded)
    text = f"{help.rstrip('.')}. {range_}" if help else range_
    with place.container(gap="xxsmall"):
        typed = st.number_input(label, value=value, help=f"{text}.", **options)
        if not options.get("disabled") and not within(typed, limits, excluded=excluded):
            st.markdown(f":red[{label} is {typed:,.15g}; it can be {range_.lower()}.]")
    return typed


def within(value: float | None, limits: Limits, *, excluded: bool = False) -> bool:
    """Whether a number lies within the limits; an empty field does."""
    if value is None:
        return True
    low, high = limits
    return low < value < high if excluded else low <= value <= high


def said(limits: Limits, *, excluded: bool = False) -> str:
    """The range in words."""
    low, high = (f"{limit:,.15g}" for limit in limits)
    return f"More than {low} and less than {high}" if excluded else f"From {low} to {high}"
