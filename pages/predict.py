"""Predict: image, call and confidence in one view; the explanation beside it."""

import streamlit as st

from core.runs import store
from pages.ui import readings
from pages.ui.messages import research_notice, shown_errors, title

title("Predict", "Upload one segmented cell; see what the model suggests, and why.")
with shown_errors():
    names = [run.run_id for run in store.finished()]
    active: str | None = None
    with shown_errors():
        active = store.active().run_id
    if names:
        picking, model = st.columns([3, 2], gap="large")
        with picking:
            chosen = readings.choose_image("predict")
        with model:
            name = st.selectbox(
                "Model",
                names,
                index=names.index(active) if active in names else 0,
                format_func=lambda run_id: run_id + (" (active)" if run_id == active else ""),
            )
            run = store.get(name)
            if chosen is None:
                st.caption(readings.protocol(run))
        if chosen is None:
            st.caption("BMP, PNG, JPEG, TIFF or WebP; one cell on black, as in C-NMC 2019.")
        else:
            readings.show(run, *chosen)
research_notice()
