"""What stands beside a reading: what was read, the nearest training cells, the cell in words."""

import streamlit as st

from core.errors import UploadError
from core.reading.checked_picture import Gate
from core.reading.neighbours import Neighbour, Seen
from core.reading.reader import CellReading, Reading
from pages.ui.common import cache
from pages.ui.common.text import CALLS, plain

_WIDTH = 146
_SEEN = {
    "train": "This model was trained on this very cell, so what it says of it proves nothing.",
    "validation": "This cell was used to choose and calibrate this model, so what it says of it "
    "proves little.",
    "test": "This cell is one of those that this model was measured on; it was not trained on it.",
}


def show_prepared(reading: Reading) -> None:
    """The picture as it came, the cell outlined, beside what was read of it; nothing if all was."""
    if reading.prepared is None or reading.picture is None:
        return
    st.markdown(f":material/content_cut: {plain(' '.join(reading.prepared.words))}")
    with st.container(horizontal=True, gap="small"):
        for picture, caption in (
            (reading.prepared.outlined, "As it came, the cell outlined"),
            (reading.picture, "What the model reads"),
        ):
            with st.container(width=240):
                st.image(picture, width="stretch", caption=caption)


def show_unchecked(gate: Gate) -> None:
    """What the gate could not check."""
    if gate.unchecked:
        reasons = " ".join(dict.fromkeys(gate.unchecked.values()))
        st.caption(f":material/help: Not all was checked. {plain(reasons)}")


def show_seen(seen: Seen | None) -> None:
    """A warning where the model knows the very cell."""
    if seen is None:
        return
    copy = "" if seen.exact else " The picture is practically the same."
    text = f"{_SEEN[seen.part]}{copy} It is {plain(seen.image_id)} of its data set."
    if seen.part == "train":
        st.warning(f"**{text}**", icon=":material/visibility:")
    else:
        st.info(text, icon=":material/visibility:")


def show_similar(cell: CellReading) -> None:
    """The nearest training cells with their labels."""
    st.markdown("**The training cells most like it, to this model**")
    if cell.similar is None:
        st.caption("This model did not keep its training cells. Train it again to see them.")
        return
    with st.container(horizontal=True, gap="small"):
        for neighbour in cell.similar:
            _tile(neighbour)
    st.caption("By the model's features, the nearest first. Their labels are no vote.")


def show_words(cell: CellReading) -> None:
    """What was measured, in words."""
    st.markdown("**The cell in words**")
    st.markdown("\n".join(f"- {plain(finding.words)}" for finding in cell.findings))


def _tile(neighbour: Neighbour) -> None:
    with st.container(width=_WIDTH, gap="xxsmall"):
        if neighbour.file is None:
            st.caption(f"{plain(neighbour.image_id)} is not on this machine now.")
        else:
            try:
                changed = neighbour.file.stat().st_mtime_ns
                picture = cache.thumbnail(str(neighbour.file), changed)
                alt = f"Training cell {neighbour.image_id}, labelled {neighbour.label}"
                st.image(picture, width="stretch", alt=alt)
            except (OSError, UploadError) as error:
                st.caption(plain(str(error)))
        st.markdown(CALLS[neighbour.label])
        st.caption(
            f"Subject {plain(neighbour.subject or 'unknown')}, group "
            f"{plain(neighbour.group or 'unknown')}; distance {neighbour.distance:.2g}"
        )
