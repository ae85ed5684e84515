"""A dialog that asks where the classes of a data set stand, and which of them are positive."""

import base64
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from core import storage
from core.data.boxes.cut import cut_cells
from core.data.layouts import Labelling
from core.data.layouts.described import Described
from core.data.layouts.folders import levels_of
from core.data.layouts.labelling import ROLES, label_classes
from core.data.layouts.layout import ColumnsUnknownError
from core.data.layouts.patterns import PRESETS, Pattern
from core.errors import DataError, UploadError
from core.people import ADD_DATA
from core.report.dataset import subjects_and_parts
from core.untrusted import expressions
from pages.ui.common import cache, people
from pages.ui.common.choices import encodings
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, shown_errors

_SIDES = (("positive", 1, "Positive: ALL, blasts"), ("negative", 0, "Negative: HEM, healthy"))
# The folder that the dialog asks about, in the state of the session.
UNLABELLED = "unlabelled_folder"
Add = Callable[[str, Labelling | None], None]
_RECOGNISED, _BOXES = "Recognised", "Boxes in fields"
_OWN = "an expression of my own"
ROW = 64  # pixels: the height of a row with example cells
_SHOWN = 8  # files that a pattern is tried on in view


def _leave() -> None:
    del st.session_state[UNLABELLED]


@st.dialog("Classes of this data set", width="large", on_dismiss=_leave)
def ask(path: str, add: Add) -> None:
    """Asks, shows what the answers find, and calls `add` with them when the button is pressed."""
    st.caption(plain(path))
    boxes = cache.box_classes(path)
    source = st.segmented_control(
        "Where is the class of an image given?",
        [*_SOURCES, _BOXES] if boxes else list(_SOURCES),
        default=_BOXES if boxes else _likely(path),
        required=True,
    )
    with shown_errors():
        if source == _BOXES:
            _cut(path, boxes, add)
            return
        labelling = _SOURCES[source](path)
        if labelling is None:
            return
        found = cache.described(path, labelling.model_dump_json())
        if found.columns:
            listed = ", ".join(f"{role} from {column}" for role, column in found.columns.items())
            absent = f" {len(found.absent):,} listed images are missing." if found.absent else ""
            st.caption(plain(f"Columns: {listed}.{absent}"))
            if labelling.encoding is None:
                encodings.warn(found.encoding, labelling.table or next(iter(found.tables)))
        st.caption(plain(subjects_and_parts(found)))
        labelling = _classes(path, found, labelling)
        ready = label_classes(found.counts, labelling) is not None
        if st.button("Add this data set", type="primary", disabled=not ready):
            add(path, labelling)
        if len(found.counts) == 1:
            st.info(
                "It has one class, and a data set needs ALL and HEM: choose another place where "
                "the class is given. Without two classes its images can be read, on Predict or "
                "Cohorts, but no model can be trained on them."
            )
        elif not ready:
            st.caption("Choose at least one class for ALL and one for HEM.")


def _likely(path: str) -> str:
    """The source to begin with: what is recognised, or a table whose columns are not."""
    try:
        cache.described(path, Labelling().model_dump_json())
    except ColumnsUnknownError:
        return "A table"
    except DataError:
        tables = [name for name in cache.names(path)[1] if not name.lower().endswith(".txt")]
        return "A table" if tables else "File names"
    return _RECOGNISED


def _recognised(path: str) -> Labelling:
    return Labelling()


def _cut(path: str, boxes: dict[str, int], add: Add) -> None:
    """Makes a data set of the cells in the boxes of a detection set."""
    classes = st.pills(
        "Boxes of white cells",
        list(boxes),
        selection_mode="multi",
        format_func=lambda name: f"{name} ({boxes[name]:,})",
    )
    source = Path(path).expanduser()
    target = storage.cut_cells_dir(source)
    st.caption(
        "Each cell is outlined in its box, scaled by the red cells of its field and put on black; "
        f"its field counts as its subject. The cells go to {plain(str(target))}"
    )
    if st.button("Cut the cells out", type="primary", disabled=not classes):
        people.require(ADD_DATA)
        with show_progress("Cutting", "fields") as progress:
            made = cut_cells(source, target, classes=classes, progress=progress)
        st.toast(f"{sum(made.cells.values()):,} cells cut, {len(made.left_out):,} left out.")
        add(str(made.root), None)


def _folders(path: str) -> Labelling:
    images, _ = cache.names(path)
    levels = levels_of(images)
    if not levels:
        st.info("There are no folders below this one that hold images.")
    options = [number for number, _ in enumerate(levels, start=1)]
    words = {n: f"{n}: {', '.join(list(level)[:4])}" for n, level in enumerate(levels, start=1)}
    left, right = st.columns(2)
    return Labelling(
        class_folder=left.selectbox("Folder of the class", options, format_func=words.__getitem__),
        subject_folder=right.selectbox(
            "Folder of the subject",
            options,
            index=None,
            format_func=words.__getitem__,
            placeholder="The one below the class, if any",
        ),
    )


def _pattern(path: str) -> Labelling | None:
    preset = st.selectbox("File names of", [*PRESETS, _OWN])
    text = preset
    if preset == _OWN:
        text = st.text_input(
            "Expression over the path of an image, with (?P<class>...) and, if it is there, "
            "(?P<subject>...) and (?P<part>...)",
            value=r"(?P<subject>[^/_]+)_(?P<class>[^/_]+)_\d+\.\w+$",
        )
    else:
        st.code(PRESETS[preset].pattern, language=None)
    images, _ = cache.names(path)
    if preset == _OWN:
        expressions.require_quick(text, images)
    pattern = Pattern(text)
    matched = sum(map(pattern.matches, images))
    st.caption(f"It finds {matched:,} of {len(images):,} images. The first:")
    tried = [{"file": name, **pattern.facts(name)} for name in images[:_SHOWN]]
    st.dataframe(pd.DataFrame(tried), hide_index=True, placeholder="–")
    return Labelling(pattern=text) if matched else None


def _table(path: str) -> Labelling | None:
    _, tables = cache.names(path)
    left, middle, right = st.columns([2, 2, 1])
    below = left.selectbox("Table below the folder", tables, index=0 if tables else None)
    other = middle.text_input("Or another file on this machine", placeholder="/path/to/labels.csv")
    encoding = encodings.choose(right)
    table = other.strip() or below
    if not table:
        return None
    people.require_path(str(Path(path).expanduser() / table))
    try:
        asked = Labelling(table=table, encoding=encoding)
        found = cache.described(path, asked.model_dump_json())
        columns, recognised = list(found.all_columns), dict(found.columns)
    except ColumnsUnknownError as error:
        columns, recognised = list(error.columns), dict(error.recognised)
        if encoding is None:
            encodings.warn(error.encoding, table)
    chosen = {}
    for place, role in zip(st.columns(len(ROLES)), ROLES, strict=True):
        at = columns.index(recognised[role]) if role in recognised else None
        column = place.selectbox(
            f"Column of the {role}", columns, index=at, placeholder="none", key=f"{table}_{role}"
        )
        if column:
            chosen[role] = column
    if {"file", "class"} <= set(chosen):
        return Labelling(table=table, columns=chosen, encoding=encoding)
    st.info("Choose the columns that name the image file and its class.")
    return None


def _classes(path: str, found: Described, labelling: Labelling) -> Labelling:
    """Asks which classes are positive and which negative, above example cells of each."""
    key = labelling.model_dump_json()
    chosen = {}
    for place, (side, label, words) in zip(st.columns(2), _SIDES, strict=True):
        chosen[side] = place.multiselect(
            words,
            list(found.counts),
            default=[name for name, own in found.classes.items() if own == label],
            format_func=lambda name: f"{name} ({found.counts[name]:,})",
            key=f"{side}_{key}",
        )
    said = labelling.replace(**{side: tuple(names) for side, names in chosen.items()})
    labels = label_classes(found.counts, said)
    if labels and (rest := [name for name, label in labels.items() if label is None]):
        st.caption(plain(f"Left out, never shown to a model: {', '.join(rest)}."))
    rows = [
        {
            "Class": name,
            "Images": images,
            **{f"{n}": _picture(path, image) for n, image in enumerate(found.examples[name])},
        }
        for name, images in found.counts.items()
    ]
    pictures = {f"{n}": st.column_config.ImageColumn("", width="small") for n in range(3)}
    st.dataframe(pd.DataFrame(rows), hide_index=True, row_height=ROW, column_config=pictures)
    return said


def _picture(path: str, image: str) -> str | None:
    """A small picture as a data URL; None where it cannot be read."""
    try:
        data = cache.thumbnail(str(Path(path).expanduser() / image), 0)
    except UploadError:
        return None
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


_SOURCES: dict[str, Callable[[str], Labelling | None]] = {
    _RECOGNISED: _recognised,
    "Folders": _folders,
    "File names": _pattern,
    "A table": _table,
}
