"""Dataset: what stands out, in words; then counts, gallery, inspector."""

import streamlit as st

from core import storage
from core.data import findings, manifest, sources, synthetic
from core.data.manifest import Index
from pages.ui import cache, charts, gallery, state
from pages.ui.messages import citation, plain, shown_errors, title


def add_sources() -> None:
    """Adding a data set: draw the demo set, or name a folder."""
    if storage.demo_dir() not in sources.known() and st.button(
        "Draw the synthetic demo set", type="primary", icon=":material/add:"
    ):
        bar = st.progress(0.0)
        synthetic.write_dataset(
            storage.demo_dir(),
            progress=lambda done, total: bar.progress(
                done / total, text=f"Drawing synthetic cells: {done} of {total}"
            ),
        )
        st.rerun()
    with st.form("add", border=False):
        path = st.text_input("Folder of a C-NMC training tree on this machine")
        if st.form_submit_button("Add") and path:
            bar = st.progress(0.0)
            st.session_state["dataset"] = sources.add(
                path,
                lambda done, total: bar.progress(
                    done / total, text=f"Indexing images: {done} of {total}"
                ),
            )
            st.rerun()


def show_counts(found: Index) -> None:
    """The figures of the data set and its subjects."""
    cells = found.cells
    numbers = st.columns(5)
    numbers[0].metric("Cells", f"{len(cells):,}")
    numbers[1].metric("▲ ALL", f"{(cells['label'] == 1).sum():,}")
    numbers[2].metric("● HEM", f"{(cells['label'] == 0).sum():,}")
    numbers[3].metric("Subjects", cells["subject"].nunique())
    numbers[4].metric("Groups", cells["group"].nunique(), help="Subjects that share images are one")
    charts.show(
        charts.cells_by_subject(cells), alt="Number of cells by subject and class", key="subjects"
    )


def show_gallery(found: Index) -> None:
    """Filters, then the pictures."""
    cells = found.cells
    label, fold, subject = st.columns([2, 2, 3])
    with label:
        name = st.segmented_control("Class", ["ALL", "HEM"], key="gallery_class")
    with fold:
        folds = sorted(cells["fold"].dropna().unique())
        part = st.segmented_control("Official fold", folds, key="gallery_fold")
    with subject:
        people = st.multiselect("Subjects", sorted(cells["subject"].unique()))
    if name:
        cells = cells[cells["label"] == (name == "ALL")]
    if part is not None:
        cells = cells[cells["fold"] == part]
    if people:
        cells = cells[cells["subject"].isin(people)]
    gallery.show(found, manifest.spread(cells))


def show_tables(found: Index) -> None:
    """Everything known of the files, to look through and to take away."""
    for label, table in (
        ("Manifest", found.cells),
        ("Duplicates", found.pairs),
        ("Rejected files", found.rejected),
    ):
        st.markdown(f"**{label}**: {len(table) or 'none'}")
        if table.empty:
            continue
        st.dataframe(table, hide_index=True, height=220)
        data = table.to_csv(index=False)
        st.download_button(f"{label} as CSV", data, f"{label}.csv", on_click="ignore")
    with st.container(horizontal=True):
        if st.button("Look at the files again", icon=":material/refresh:"):
            cache.look_again()
            st.rerun()
        if sources.name(found.root) != sources.DEMO and st.button(
            "Forget this folder", icon=":material/close:", help="The folder itself is left alone."
        ):
            sources.forget(found.root)
            st.rerun()


def show_dataset(found: Index) -> None:
    """Findings in words, then the cells, the counts and the tables."""
    for finding in findings.findings(found):
        (st.warning if finding.serious else st.info)(plain(finding.text))
    pictures, counts, tables = st.tabs(["Cells", "Counts", "Tables"])
    with pictures:
        show_gallery(found)
        citation(found)
    with counts:
        show_counts(found)
    with tables:
        show_tables(found)


title("Dataset", "Look at the cells, and at what is wrong with the data, before any model does.")
with shown_errors():
    choice, adding = st.columns([4, 1], vertical_alignment="bottom")
    with choice:
        root = state.choose_dataset()
    # A key of its own for each length of the list closes the popover when something was added.
    popover = adding.popover(
        "Add data", icon=":material/add:", width="stretch", key=f"add_{len(sources.known())}"
    )
    with popover, shown_errors():
        add_sources()
    if root is None:
        st.info("There is no data set yet. Draw the synthetic demo set, or add a folder.")
    else:
        show_dataset(cache.index(root))
