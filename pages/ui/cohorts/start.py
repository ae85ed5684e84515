"""The form that starts a cohort."""

from pathlib import PurePath

import streamlit as st

from core.cohort import cohort_store, places
from core.data.layouts import labelling
from core.errors import ConfigError
from core.people import SCORE
from core.reading.preparing.options import ReadingOptions
from core.runs import active_model, run_store
from core.workers import launcher, pools
from pages.ui.common import people
from pages.ui.common.choices import encodings
from pages.ui.common.choices.runs import choice
from pages.ui.common.numbers import number
from pages.ui.common.text import shown_errors

_MORE = "Patients, encoding, scale and stain"
_ADAPT = (
    "Cells that only their appearance has refused are read as if stained like the reference "
    "cells. They are marked and sent to review, and their interval is wider."
)


def show() -> None:
    """What is to be scored, with which model; how patients are known; the one button."""
    models = {run.run_id: run for run in run_store.models()}
    if not models:
        st.info("No model has been trained yet. Train one first.")
        return
    locked = people.lacks(SCORE)
    with st.form("score", border=False), shown_errors():
        left, right = st.columns([3, 2])
        place = left.text_input(
            "Folder or table on this machine",
            placeholder="/data/smears or /data/pictures.csv",
            help="A folder with pictures of cells and fields, mixed; or a table (CSV, Parquet) "
            "with a column of their paths, and perhaps one of patients",
            disabled=locked,
        )
        options = choice("cohort_model", models.values())
        active, ids = active_model.active().run_id, options["options"]
        index = ids.index(active) if active in ids else 0
        chosen = right.selectbox("Model", index=index, **options)
        said, reading_options, workers = _more()
        if st.form_submit_button(
            "Score", type="primary", icon=":material/play_arrow:", disabled=locked
        ):
            people.require(SCORE)
            if not place.strip():
                raise ConfigError("No pictures are named. Give a folder or a table.")
            roots = people.allowed_roots()
            places.require_allowed(place.strip(), roots)
            plan = cohort_store.planned(
                models[chosen],
                place.strip(),
                labelling=labelling.from_texts(**said),
                options=reading_options,
                workers=workers,
                roots=tuple(map(str, roots)),
            )
            found = plan.source.labelling.encoding
            if found and not said["encoding"]:
                encodings.ask(found, PurePath(place.strip()).name, _MORE)
                return
            launcher.launch(cohort_store.create(plan))
            st.rerun()


def _more() -> tuple[dict[str, str | int | None], ReadingOptions, int | None]:
    """How patients are known, what is said of the pictures, and how many processes read."""
    with st.expander(_MORE):
        a, b, c = st.columns(3)
        said: dict[str, str | int | None] = {
            "columns": a.text_input(
                "Columns of the table",
                placeholder="file=Image, subject=Patient",
                help="Where they are not recognised by their names",
            )
            or None,
            "pattern": b.text_input(
                "Pattern of file names",
                placeholder=r"(?P<subject>P\d+)_",
                help="A regular expression whose group named subject is the patient. File names of "
                "C-NMC 2019 are recognised without.",
            )
            or None,
            "subject_folder": number(
                c, "Folder level that names the patient", (1, 30), None, placeholder="none"
            ),
        }
        place, d, e, f = st.columns(4, vertical_alignment="bottom")
        said["encoding"] = encodings.choose(place)
        scale = number(
            d,
            "Micrometres a pixel",
            (0, 10),
            None,
            excluded=True,
            placeholder="by red cells",
            help="The scale of fields, and of cells on black",
        )
        workers = number(
            e,
            "Processes",
            (1, 64),
            pools.default_workers(),
            help="How many read side by side; by default as many as cores and memory allow",
        )
        adapt = f.toggle("Adapt cells of another stain", help=_ADAPT)
    return said, ReadingOptions(False, scale, adapt), workers
