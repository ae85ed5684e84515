"""BlastLens: `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from core import memory, storage
from pages.ui.common import compat

memory.keep_little()
storage.seed_artifacts()
compat.share_upload_bytes()
compat.enter_app()
st.set_page_config(
    page_title="BlastLens",
    page_icon=str(Path(__file__).parent / "pages/ui/icon.svg"),
    layout="wide",
)
st.navigation(
    [
        st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("pages/dataset.py", title="Dataset", icon=":material/grid_view:"),
        st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("pages/tune.py", title="Tune", icon=":material/tune:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/balance:"),
        st.Page("pages/predict.py", title="Predict", icon=":material/biotech:"),
        st.Page("pages/models.py", title="Models", icon=":material/inventory_2:"),
    ],
    position="top",
).run()
