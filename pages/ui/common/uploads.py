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
from pages.ui.common import cache

_ICON = ":material/science:"
ALL_EXAMPLES = "all of them"


@dataclass(frozen=True)
class Upload:
    """One picture: its name, the digest of its content, and a way to its bytes.

    example: whether it is one of the shipped examples.
    """

    name: str
    digest: str
    load: Callable[[], bytes]
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
    first_example: bool = False,
) -> list[Upload]:
    """Uploaded files, or else shipped examples; empty where nothing is chosen.

    Once something is, the examples are folded away: into `aside`, if there is such a place. With
    `first_example` the first one is chosen from the beginning, and the others stay in sight.
    """
    given = st.file_uploader(
        label,
        type=list(images.SUFFIXES),
        accept_multiple_files=several,
        key=f"{key}_upload_{st.session_state.get(f'{key}_cleared', 0)}",
        max_upload_size=settings().max_scan_bytes // 2**20,
    )
    files = given if isinstance(given, list) else [] if given is None else [given]
    examples = sorted(storage.examples_dir().glob("*.png"))
    chosen = st.session_state.get(f"{key}_example")
    if first_example and examples and not chosen:
        chosen = examples[0].name
    if files or (chosen and not first_example):
        folded = (aside or st).popover("Synthetic examples", icon=_ICON, type="tertiary")
        with folded:
            _offer(examples, key, several=several, chosen=None if files else chosen)
    elif examples:
        st.caption("or try one of these synthetic cells")
        _offer(examples, key, several=several, chosen=chosen)
    if files:
        return [
            Upload(file.name, cache.digest(file.file_id, file), file.getvalue) for file in files
        ]
    taken = [file for file in examples if chosen in (file.name, ALL_EXAMPLES)]
    return [Upload(file.name, _digest(file), file.read_bytes, example=True) for file in taken]


def _offer(examples: list[Path], key: str, *, several: bool, chosen: str | None) -> None:
    with st.container(horizontal=True, gap="small"):
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
            f"Read all {len(examples)}", key=f"{key}_all", on_click=_take, args=(key, ALL_EXAMPLES)
        )


def _take(key: str, name: str) -> None:
    st.session_state[f"{key}_example"] = name
    # Another key is another uploader, without the files of this one.
    st.session_state[f"{key}_cleared"] = st.session_state.get(f"{key}_cleared", 0) + 1


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
