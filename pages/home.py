"""Home: a reading right away; beside it the model, the data and the runs it rests on."""

import streamlit as st

from core.data import datasets
from core.errors import RunError
from core.runs import active_model, run_store
from pages.ui.common import state, uploads
from pages.ui.common.text import plain, research_notice, shown_errors, title
from pages.ui.reading import cell, picture

_PARTS = (
    "**The model suggests** its call: ALL, HEM or, where it is not sure, review. The "
    "**probability** stands with how sure it is. The **heat map** shows what speaks for the call, "
    "and its badge whether the map has passed its own tests. Below stand the cell in words, the "
    "reference cells most like it, and the checks made before the reading."
)

title(
    "BlastLens",
    "Reads single stained cells for leukemic blasts, and says how far to believe it.",
)
reading, beside = st.columns([5, 2], gap="large")
active: run_store.Run | None = None
try:
    active = active_model.active()
except RunError as error:
    reading.info(plain(str(error)))

with reading, shown_errors():
    if active is not None:
        chosen = uploads.choose(
            "home", "Drop one stained cell here", several=False, first_example=True
        )
        for upload in chosen:
            if upload.example:
                st.markdown(f"**{plain(upload.name)}**, a synthetic cell, is read below. {_PARTS}")
            picture.show([active], upload)
        research_notice()

with beside, shown_errors():
    with st.container(border=True):
        st.markdown("**Active model**")
        if active is None:
            st.markdown("None yet.")
        else:
            st.markdown(active.run_id)
            st.caption(cell.protocol(active))
    with st.container(border=True):
        st.markdown("**Data sets**")
        known = datasets.known()
        for root in known:
            st.markdown(state.dataset_name(root))
        if not known:
            st.markdown("None yet.")
            st.page_link("pages/dataset.py", label="Draw the demo set", icon=":material/add:")
    with st.container(border=True):
        st.markdown("**Last runs**")
        for run in list(filter(run_store.stands_alone, run_store.runs()))[:4]:
            st.markdown(f"{run.run_id}: {run.status.state}")
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
