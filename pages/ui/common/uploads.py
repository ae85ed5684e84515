"""What is to be read: files dropped by the user, or shipped examples. They stay where they are."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import storage
from core.data import images
from core.settings import settings
from pages.ui.common import cache, kept_uploads, people
from pages.ui.common.text import plain

_ICON = ":material/science:"
ALL_EXAMPLES = "all of them"
_EXAMPLE = "example"  # of the address: the one that is read


@dataclass(frozen=True)
class Upload:
    """One picture: its name, the digest of its content, a way to its bytes, and their number.

    example: whether it is one of the shipped examples.
    """

    name: str
    digest: str
    load: Callable[[], bytes]
    size: int
    example: bool = False

    @property
    def data(self) -> bytes:
        """The file as it came."""
        return self.load()


def choose(
    key: str,
    label: str,
    *,
    several: bool,
    aside: DeltaGenerator | None = None,
    first_example: str = "",
) -> list[Upload]:
    """Uploaded files, or else shipped examples; empty where nothing is chosen.

    Files stay when another page or the same one is opened, for `kept_uploads.SECONDS`.
    Once something is, the examples are folded away: into `aside`, if there is such a place. The
    example named `first_example`, or the first one, is chosen from the beginning if a name is
    given; then files of one's own take the place of all examples.
    """
    files = _upload(key, label, several=several)
    examples = sorted(storage.examples_dir().glob("*.png"))
    if files:
        st.query_params.pop(_EXAMPLE, None)
    asked = st.query_params.get(_EXAMPLE)
    if asked not in (ALL_EXAMPLES, *(example.name for example in examples)):
        asked = None
    chosen = asked or st.session_state.get(f"{key}_example")
    names = [example.name for example in examples]
    if first_example and names and not chosen:
        chosen = first_example if first_example in names else names[0]
    if (files and not first_example) or (chosen and not files):
        label = "Synthetic examples"
        if not files and chosen in names:
            label = f"Synthetic example {names.index(chosen) + 1} of {len(names)}"
        folded = (aside or st).popover(label, icon=_ICON, type="tertiary")
        with folded:
            _offer(examples, key, several=several, chosen=None if files else chosen)
    elif examples and not files:
        st.caption("or try a synthetic cell")
        _offer(examples, key, several=several, chosen=chosen)
    if files:
        return files
    taken = [file for file in examples if chosen in (file.name, ALL_EXAMPLES)]
    return [
        Upload(file.name, _digest(file), file.read_bytes, file.stat().st_size, example=True)
        for file in taken
    ]


def has(key: str) -> bool:
    """Whether files stand in the uploader that `choose` shows, or are kept of it."""
    given = st.session_state.get(_uploader(key))
    return bool(given) or bool(kept_uploads.kept(people.browser(), key)[0])


def _uploader(key: str) -> str:
    return f"{key}_upload_{st.session_state.get(f'{key}_cleared', 0)}"


def _upload(key: str, label: str, *, several: bool) -> list[Upload]:
    """The files in an uploader; as long as it has none, those of when the page was shown before.

    Files that come later may be another patient's, so they take the place of those.
    """
    uploader = _uploader(key)
    whose = people.browser()
    if uploader not in st.session_state:  # drawn anew, and so empty
        st.session_state[f"{key}_kept"] = kept_uploads.kept(whose, key)
    given = st.file_uploader(
        label,
        type=list(images.SUFFIXES),
        accept_multiple_files=several,
        key=uploader,
        max_upload_size=settings().max_scan_bytes // 2**20,
    )
    files = given if isinstance(given, list) else [] if given is None else [given]
    uploads = [
        Upload(file.name, cache.digest(file.file_id, file), file.getvalue, file.size)
        for file in files
    ]
    before, dropped = st.session_state[f"{key}_kept"]
    if before and not uploads:
        _say_kept(key, before)
        uploads = before
    if dropped:
        st.caption(f"Dropped to make room: {plain(', '.join(dropped))}. Upload them again.")
    kept_uploads.keep(whose, key, uploads)
    return uploads


def _say_kept(key: str, before: list[Upload]) -> None:
    names = plain(", ".join(upload.name for upload in before[:3]))
    more = f" and {len(before) - 3} more" if len(before) > 3 else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/attach_file: Kept: {names}{more}", width="content")
        st.button("Take away", key=f"{key}_forget", type="tertiary", on_click=forget, args=(key,))


def forget(key: str) -> None:
    """Empties the uploader: another key is another uploader, without the files of this one."""
    kept_uploads.keep(people.browser(), key, [])
    st.session_state[f"{key}_cleared"] = st.session_state.get(f"{key}_cleared", 0) + 1


def _offer(examples: list[Path], key: str, *, several: bool, chosen: str | None) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        for number, example in enumerate(examples, start=1):
            with st.container(width=80, gap="xxsmall"):
                picture = cache.thumbnail(str(example), example.stat().st_mtime_ns)
                st.image(picture, width="stretch", alt=f"Synthetic cell {example.stem}")
                st.button(
                    f"Read {number}" + " ✓" * (example.name == chosen),
                    key=f"{key}_{example.stem}",
                    width="stretch",
                    on_click=_take,
                    args=(key, example.name),
                )
        if several and examples:
            st.button(
                f"Read all {len(examples)}",
                key=f"{key}_all",
                on_click=_take,
                args=(key, ALL_EXAMPLES),
            )


def _take(key: str, name: str) -> None:
    st.session_state[f"{key}_example"] = st.query_params[_EXAMPLE] = name
    forget(key)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
