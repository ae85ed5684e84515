"""BlastLens: `streamlit run app.py`.

Streamlit imports this file once, as `app`, before it serves anything, and runs it as a script for
each view of a page.
"""

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from core import memory, storage
from core.errors import ConfigError, DiskError
from pages.ui.cases import outbox
from pages.ui.common import compat, login, server
from pages.ui.common.frame import bar, keys, printed
from pages.ui.common.text import show_error

HOME = "Home"


def show_page() -> None:
    """Shows the page that the address names, to whoever is let in."""
    st.set_page_config(
        page_title="BlastLens",
        page_icon=str(Path(__file__).parent / "pages/ui/icon.svg"),
        layout="wide",
    )
    inside = login.let_in()
    pages = [
        st.Page("pages/home.py", title=HOME, icon=":material/home:", default=True),
        st.Page("pages/dataset.py", title="Dataset", icon=":material/grid_view:"),
        st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("pages/tune.py", title="Tune", icon=":material/tune:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/balance:"),
        st.Page("pages/predict.py", title="Predict", icon=":material/biotech:"),
        st.Page("pages/cases.py", title="Cases", icon=":material/folder_shared:"),
        st.Page("pages/cohorts.py", title="Cohorts", icon=":material/groups:"),
        st.Page("pages/models.py", title="Models", icon=":material/inventory_2:"),
    ]
    page = st.navigation(pages, position="top" if inside else "hidden")
    if inside:
        if page.title != HOME:
            st.set_page_config(page_title=f"{page.title} · BlastLens")
        compat.dress()
        compat.enter_app()
        printed.begin()
        compat.keep_choices_on_back()
        page.run()
        keys.offer()
        outbox.show()
        compat.name_menu()
        bar.show(pages)
        printed.foot()
    memory.settle()


memory.keep_little()
compat.share_upload_bytes()
if __name__ == "__main__":
    show_page()
else:
    # Another server than Streamlit's binds to an address of its own choice.
    by_streamlit = Path(sys.argv[0]).resolve() == Path(__file__).resolve()
    try:
        storage.seed_artifacts()
        server.require_safe(local=by_streamlit and server.is_local())
    except (ConfigError, DiskError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    app = st.App(
        __file__, on_script_error=show_error, middleware=[Middleware(server.WithoutMetrics)]
    )
