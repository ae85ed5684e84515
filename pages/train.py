"""Train: choose, see what it will cost, start; the live curves take the page while it runs."""

from pathlib import Path

import streamlit as st

from core.data import splits
from core.jobs import local
from core.models import catalog
from core.runs import config, cost, store
from pages.ui import cache, run_monitor, state
from pages.ui.messages import SPLITS, plain, shown_errors, title


def choose(root: Path) -> config.RunConfig | None:
    """The form's settings as a configuration, or None with the reason on the page."""
    found = cache.index(root)
    cells = len(splits.pool(found, "subject"))
    if cells < config.MIN_SAMPLE:
        st.info(f"It has {cells} labelled cells; training needs at least {config.MIN_SAMPLE}.")
        return None
    left, right = st.columns(2)
    with left:
        key = st.selectbox(
            "Architecture",
            list(catalog.ARCHITECTURES),
            index=list(catalog.ARCHITECTURES).index("cnn-16"),
            format_func=lambda name: catalog.architecture(name).title,
        )
    entry = catalog.architecture(key)
    with right:
        recipe = st.segmented_control(
            "Recipe",
            list(config.RECIPES),
            required=True,
            default="recommended",
            help="original: as the original study trained, its mistakes included",
        )
    with st.expander("Settings"):
        a, b, c = st.columns(3)
        method = a.selectbox("Split", list(SPLITS), format_func=SPLITS.__getitem__)
        epochs = b.number_input(
            "Epochs", 1, 1000, config.RECIPES[recipe]["epochs"], key=f"epochs_{recipe}"
        )
        rate = c.number_input(
            "Learning rate", 1e-8, 1.0, entry.learning_rate, format="%g", key=f"rate_{key}"
        )
        a, b, c = st.columns(3, vertical_alignment="bottom")
        limited = a.toggle("Train on a sample of the cells")
        sample = b.number_input(
            "Cells", config.MIN_SAMPLE, cells, min(1000, cells), disabled=not limited
        )
        balance = c.selectbox("Classes", splits.BALANCES, disabled=not limited)
        a, b, c = st.columns(3, vertical_alignment="bottom")
        random = a.toggle("Random instead of ImageNet weights", disabled=not entry.pretrained)
        batch = b.number_input("Batch size", 1, 1024, 32)
        seed = c.number_input("Seed", 0, 2**31 - 1, 0)
    drawn = int(sample) if limited else None
    used = drawn or len(splits.pool(found, method))
    protocol = cache.split(found, method, int(seed), sample=drawn, balance=balance)[1]
    st.caption(splits.verdict(protocol))
    if not show_cost(key, used, int(epochs), imagenet=not random):
        return None
    return config.create(
        key,
        root,
        recipe,
        split=method,
        epochs=int(epochs),
        learning_rate=float(rate),
        sample=drawn,
        balance=balance,
        batch_size=int(batch),
        seed=int(seed),
        weights="random" if random else "imagenet",
    )


def show_cost(architecture: str, cells: int, epochs: int, *, imagenet: bool) -> bool:
    """Time, memory and weights, before anything starts; whether it can start."""
    price = cost.estimate(architecture, cells=cells, epochs=epochs, imagenet=imagenet)
    if price.seconds is None:
        time = "how long is unknown before the first run of this architecture"
    else:
        time = f"about {run_monitor.duration(price.seconds)} at the speed of {price.measured_by}"
    st.caption(f"{cells:,} cells, {price.cache_mebibytes:,.0f} MiB of decoded pixels; {time}.")
    if price.weights:
        st.warning(plain(price.weights))
    return price.weights is None


title("Train", "Train a network here and watch it learn; it goes on if you leave the page.")
with shown_errors():
    unfinished = [run for run in store.runs() if run.status.unfinished]
    for run in reversed(unfinished):
        run_monitor.show(run.run_id)
    with st.container(border=True) if not unfinished else st.expander("Queue another run"):
        root = state.choose_dataset()
        if root is None:
            st.info("There is no data set yet.")
            st.page_link("pages/dataset.py", label="Draw the demo set or add a folder")
        else:
            wanted = choose(root)
            start = st.button(
                "Start training",
                type="primary",
                icon=":material/play_arrow:",
                disabled=wanted is None,
            )
            if start and wanted:
                started = store.create(wanted)
                local.launch(started)
                st.rerun()
    if not unfinished and store.runs():
        st.subheader("Last run", anchor=False)
        run_monitor.show(store.runs()[0].run_id)
