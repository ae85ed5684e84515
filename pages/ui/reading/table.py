"""Many pictures: read as a batch, listed in a table, and each a click away."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from core.evaluation.track_record import call_rates
from core.reading import table
from core.reading.fields.summary import summarise
from core.reading.preparing.options import ReadingOptions
from core.runs.run_store import Run
from pages.ui.common import cache, steps
from pages.ui.common.choices import address
from pages.ui.common.choices.runs import names as run_names
from pages.ui.common.downloads import download
from pages.ui.common.progress import show_progress
from pages.ui.common.text import plain, shown_errors
from pages.ui.common.uploads import Upload
from pages.ui.reading import field, field_parts, picture

_SHAPES = {
    "ALL": "▲ ALL",
    "HEM": "● HEM",
    "review": "◆ review",
    table.AS_FIELD: "▦ field",
    table.NOT_READ: "⊘ not read",
}
_PICTURE = "picture"  # of the address: the number of the one that is shown
_FILE = 155  # pixels: a telephone shows the call beside it
_SIZE = 125  # pixels: a diameter in micrometres and pixels
_INTERVAL = 95  # pixels
_HEIGHT = 300  # of the table, so that the chosen cell begins above the fold
_FEW = 4  # rows, which are all shown
_ROW = 52  # pixels: how high a row with its picture is


def show(runs: list[Run], uploads: Sequence[Upload], key: str) -> None:
    """The table of all readings, and below it the one that is chosen."""
    with shown_errors():
        offer = st.container()
        options = picture.chosen_options(key)
        _turn_to_new(uploads, key)
        placed = _read(runs, uploads, key, options)
        found = table.table(row for _, row in placed).assign(place=[place for place, _ in placed])
        if found.empty:
            return
        _show_fields(runs[0], [row for _, row in placed])
        with offer:
            if not all(run.config.sees_whole_images for run in runs):
                _offer(found, key, options)
        chosen = _filter(found, key)
        _download(runs, uploads, found, options)
        place = _choose(chosen, uploads, key)
        if place is not None:
            _step(chosen, place, key, arrows=not field.shows_cell(uploads[place].digest))
            picture.show(runs, uploads[place], options)
            if _told(_rows_now(runs, uploads[place], options)) != _rows_in(found, place):
                st.rerun()  # what was changed or read below the table has changed its row


def _turn_to_new(uploads: Sequence[Upload], key: str) -> None:
    """Shows the first of the pictures that have come since the table was last shown."""
    before = st.session_state.get(f"{key}_files", ())
    digests = tuple(upload.digest for upload in uploads)
    st.session_state[f"{key}_files"] = digests
    if before and (new := [place for place, one in enumerate(digests) if one not in before]):
        _go(key, new[0])


def _offer(found: pd.DataFrame, key: str, options: ReadingOptions) -> None:
    """Lets the user have all cells read that only their appearance has refused."""
    refused = int((found["check"] == "appearance").sum())
    if refused or options.adapt_stain:
        st.toggle(
            "Read cells of another stain as if stained like the reference cells",
            key=f"{key}_{picture.ADAPT}",
            persist_state="session",
            help=f"{refused} were refused for their appearance alone. "
            + picture.HINTS[picture.ADAPT],
        )


def _show_fields(run: Run, rows: Sequence[table.Row]) -> None:
    """Shows the sum of several fields, which are taken to be of one patient."""
    counted = [row.counts for row in rows if row.counts is not None]
    if len(counted) > 1:
        st.markdown(f"## {len(counted)} fields together, as of one patient")
        field_parts.show_sum(summarise(counted, call_rates(run)))


def _read(
    runs: list[Run], uploads: Sequence[Upload], key: str, options: ReadingOptions
) -> list[tuple[int, table.Row]]:
    """A row a picture and run, with its place among the uploads; of what has been read so far."""
    asked = tuple(upload.digest for upload in uploads)
    stopped = st.session_state.get(f"{key}_stopped") == asked
    missing = {run.run_id: _missing(run, uploads, options) for run in runs}
    left = sum(map(len, missing.values()))
    if left and not stopped:
        box = st.empty()
        with box.container():
            st.button("Stop", key=f"{key}_stop", on_click=_stop, args=(key, asked))
            with show_progress("Reading", "pictures") as progress:
                done = 0
                for run in runs:
                    for upload, row in _rows(run, missing[run.run_id], options):
                        cache.kept_rows(run)[upload.digest, upload.name, options] = row
                        done += 1
                        progress(done, left)
        box.empty()
        left = 0
    if left:
        st.info(f"Stopped with {left} readings to go.", icon=":material/pause:")
        st.button("Read the rest", key=f"{key}_go_on", on_click=_stop, args=(key, None))
    return [
        (place, row)
        for place, upload in enumerate(uploads)
        for row in _rows_now(runs, upload, options)
    ]


def _told(rows: list[table.Row]) -> list[tuple[str, str, str]]:
    return [(row.model, row.call, row.reason) for row in rows]


def _rows_in(found: pd.DataFrame, place: int) -> list[tuple[str, str, str]]:
    rows = found[found["place"] == place]
    return list(zip(rows["model"], rows["call"], rows["reason"], strict=True))


def _missing(run: Run, uploads: Sequence[Upload], options: ReadingOptions) -> list[Upload]:
    kept = cache.kept_rows(run)
    return [upload for upload in uploads if (upload.digest, upload.name, options) not in kept]


def _rows(
    run: Run, uploads: Sequence[Upload], options: ReadingOptions
) -> Iterator[tuple[Upload, table.Row]]:
    items = [(upload.name, upload.load) for upload in uploads]
    made = table.rows(cache.reader(run), items, options)
    for upload, (row, _) in zip(uploads, made, strict=True):
        yield upload, row


def _rows_now(runs: list[Run], upload: Upload, options: ReadingOptions) -> list[table.Row]:
    """The rows of one picture, which say what is shown of it below the table.

    A field is read with the first of the runs, with the scale and the edits that the user gave it;
    a refused picture with the options that the user chose for it.
    """
    kept = {
        run: row
        for run in runs
        if (row := cache.kept_rows(run).get((upload.digest, upload.name, options)))
    }
    first = kept.get(runs[0])
    if first is None:
        return list(kept.values())
    readings = picture.read_with_options(runs, upload, options)
    if readings is not None:
        return [
            table.row(reading, run.run_id, run.calibration)
            for run, reading in zip(runs, readings, strict=True)
        ]
    chosen = picture.chosen_as_field(upload)
    if first.read_as == table.FIELD if chosen is None else chosen:
        shown = field.latest(runs[0], upload.digest)
        return [first if shown is None else table.field_row(shown, runs[0].run_id)]
    return [
        _as_cell(run, upload) if row.read_as == table.FIELD else row for run, row in kept.items()
    ]


def _as_cell(run: Run, upload: Upload) -> table.Row:
    """The row of a field that the user had read as one cell all the same."""
    reading = cache.reading(run, upload.data, upload.name)
    return replace(table.row(reading, run.run_id, run.calibration), read_as=table.NOTHING)


def _stop(key: str, asked: tuple[str, ...] | None) -> None:
    st.session_state[f"{key}_stopped"] = asked


def _filter(found: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows of the calls that are wanted, all of them where none is chosen."""
    counts = found["call"].value_counts()
    wanted = st.pills(
        "Show",
        [call for call in _SHAPES if call in counts],
        selection_mode="multi",
        key=f"{key}_calls",
        persist_state="session",
        format_func=lambda call: f"{_SHAPES[call]} {counts[call]}",
        label_visibility="collapsed",
    )
    return found[found["call"].isin(wanted)] if wanted else found


def _choose(chosen: pd.DataFrame, uploads: Sequence[Upload], key: str) -> int | None:
    """Shows the table; the place of the picture to be shown, None where there is none."""
    if chosen.empty:
        return None
    places = chosen["place"].tolist()
    kept = address.place(f"{key}_{_PICTURE}", len(uploads))
    place: int = kept if kept in places else places[0]
    # Another key is another table: so it follows the buttons, and a filter.
    version = st.session_state.get(f"{key}_steps", 0)
    name = f"{key}_table_{version}_{hash(tuple(places))}"
    shown = chosen.assign(call=chosen["call"].map(_SHAPES), model=chosen["model"].map(run_names()))
    shown["interval"] = _intervals(chosen)
    shown["probability_all"] = chosen["probability_all"].round(2)
    shown["picture"] = [cache.row_picture(uploads[one].digest, uploads[one].load) for one in places]
    columns = ["picture", "file", "call", "probability_all", "interval"]
    columns += ["read_as", "diameter", "reason"]
    if chosen["model"].nunique() > 1:
        columns.insert(columns.index("file") + 1, "model")
    if chosen["adapted_stain"].any():
        columns.insert(columns.index("call") + 1, "adapted_stain")
    st.dataframe(
        shown[columns],
        key=name,
        height="content" if len(shown) <= _FEW else _HEIGHT,
        row_height=_ROW,
        hide_index=True,
        on_select=partial(_select, key, name, places),
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [places.index(place)]}},
        column_config={
            "picture": st.column_config.ImageColumn("", width=_ROW),
            "file": st.column_config.TextColumn("File", width=_FILE),
            "model": st.column_config.TextColumn("Model", width="medium"),
            "read_as": st.column_config.TextColumn("Read as", width="small"),
            "call": st.column_config.TextColumn("Call", width="small"),
            "adapted_stain": st.column_config.CheckboxColumn(
                "Adapted", width="small", help="Read as if stained like the reference cells"
            ),
            "probability_all": st.column_config.ProgressColumn(
                "P(ALL)", width="small", format="percent", min_value=0.0, max_value=1.0
            ),
            "interval": st.column_config.TextColumn(
                "Interval", width=_INTERVAL, help="95% interval of P(ALL)"
            ),
            "reason": st.column_config.TextColumn("Why not, or why doubtful", width="large"),
            "diameter": st.column_config.TextColumn("Diameter", width=_SIZE),
        },
        alt="All readings, a row each",
    )
    return place


def _intervals(found: pd.DataFrame) -> list[str]:
    pairs = zip(found["interval_low"], found["interval_high"], strict=True)
    return ["" if pd.isna(low) else f"{low:.0%} to {high:.0%}" for low, high in pairs]


def _select(key: str, name: str, places: list[int]) -> None:
    rows = st.session_state[name]["selection"]["rows"]
    if rows:
        address.go(f"{key}_{_PICTURE}", places[rows[0]])


def _step(chosen: pd.DataFrame, place: int, key: str, *, arrows: bool) -> None:
    """Which picture is shown, and the ways to those before and after it."""
    places = chosen["place"].drop_duplicates().tolist()
    name = plain(str(chosen.loc[chosen["place"] == place, "file"].iloc[0]))
    steps.show(places, place, name, key, partial(_go, key), arrows=arrows)


def _go(key: str, place: int) -> None:
    address.go(f"{key}_{_PICTURE}", place)
    st.session_state[f"{key}_steps"] = st.session_state.get(f"{key}_steps", 0) + 1


def _download(
    runs: list[Run], uploads: Sequence[Upload], found: pd.DataFrame, options: ReadingOptions
) -> None:
    with st.container(horizontal=True, gap="small"):
        download("Table (CSV)", table.to_csv(found.drop(columns="place")), "readings.csv")
        download(
            "Pictures (ZIP)",
            partial(_zip, runs, uploads, options),
            "readings.zip",
            help=(
                "On a click the cells are read again, drawn and judged: half a second a cell. "
                "Each heat map carries its badge."
            ),
        )


def _zip(runs: list[Run], uploads: Sequence[Upload], options: ReadingOptions) -> bytes:
    readers = [cache.reader(run) for run in runs]
    return table.zipped(readers, [(upload.name, upload.load) for upload in uploads], options)
