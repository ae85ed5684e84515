"""What only a printed page shows: when, by which version and with which models it was made."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from html import escape

import streamlit as st

from core.runs import run_store
from core.runs.run_store import Run
from core.settings import version

_SHOWN = "printed_readings"
_DIGITS = 12  # of the SHA-256 of an engine, as in the history of models


def begin() -> None:
    """Forgets what the page showed before; called ahead of each run of a page."""
    st.session_state[_SHOWN] = {}


def shows(runs: Sequence[Run], file: str = "") -> None:
    """Says that the page shows what these models make, of a file or by themselves."""
    shows_engines({run.run_id: _digest(run.run_id, run.exported_ns) for run in runs}, file)


def shows_engines(engines: Mapping[str, str | None], file: str = "") -> None:
    """Says that the page shows what models made earlier, by the SHA-256 of their engines then."""
    shown: dict[str, Mapping[str, str | None]] = st.session_state.setdefault(_SHOWN, {})
    shown[file] = dict(engines)


def foot() -> None:
    """The line at the foot; called after each run of a page."""
    now = datetime.now(UTC)
    parts = [f"BlastLens {version()}, {now:%d %B %Y, %H:%M} UTC"]
    shown: dict[str, Mapping[str, str | None]] = st.session_state.get(_SHOWN, {})
    for file, engines in shown.items():
        models = ", ".join(
            f"{run} ({f'engine {digest[:_DIGITS]}' if digest else 'no engine'})"
            for run, digest in engines.items()
        )
        parts.append(f"{file}: {models}" if file else models)
    st.html(f'<p class="printed">{escape(". ".join(parts))}. For research use only.</p>')


@lru_cache(maxsize=64)
def _digest(run_id: str, exported_ns: int) -> str | None:
    """The engine's SHA-256, None without one; `exported_ns` tells when it was replaced."""
    return run_store.get(run_id).engine_digest
