"""Predict: pictures in; calls, confidence and their reasons out, one by one or as a table."""

import streamlit as st

from core.runs import active_model, run_store
from pages.ui.cases import keep
from pages.ui.common import uploads
from pages.ui.common.choices.runs import choice as run_choice
from pages.ui.common.text import research_notice, shown_errors, title
from pages.ui.reading import cell, picture, table

MOST_MODELS = 3

title("Predict", "Reads stained cells, and says why.")
with shown_errors():
    options = run_choice("models", run_store.models())
    names = options["options"]
    active: str | None = None
    with shown_errors():
        active = active_model.active().run_id
    if names:
        picking, model = st.columns([3, 2], gap="large")
        models = model.container()
        aside = model.container(horizontal=True, vertical_alignment="center")
        with picking:
            chosen = uploads.choose(
                "predict", "Drop stained cells or fields here", several=True, aside=aside
            )
        with models:
            picked = st.multiselect(
                "Models, read side by side",
                default=[active if active in names else names[0]],
                max_selections=MOST_MODELS,
                **options,
            )
            runs = [run_store.get(name) for name in picked]
            for run in runs if not chosen else ():
                cell.show_model(run)
        if not runs:
            st.info("Choose a model to read with.")
        elif not chosen:
            st.caption(
                "BMP, PNG, JPEG, TIFF or WebP; one cell a picture, cut out on black as in C-NMC "
                "2019 or on its natural background, or a whole field of a smear."
            )
        elif len(chosen) == 1:
            with aside:
                keep.offer(runs, chosen, "predict")
            picture.show(runs, chosen[0])
        else:
            with aside:
                keep.offer(runs, chosen, "predict", picture.chosen_options("predict"))
            table.show(runs, chosen, "predict")
research_notice()
