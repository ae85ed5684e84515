"""The history of the runs that readings use: `artifacts/active.json`.

The newest entry is the last. Undoing a promotion adds an entry too, and none is ever removed, so
that the file says which model was in use on which day.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field

from core import locks, storage
from core.documents import Document, Section
from core.errors import RunError
from core.runs import run_store
from core.runs.run_store import Run
from core.untrusted.fields import Count, Instant, Line

# What a run reads with, beside its engine: the colours of its cells, its calibration with the
# operating point, and the cells that readings are compared with.
FILES = ("stain.json", "calibration.json", "reference.npz")


class Promotion(Section):
    """An entry of the history.

    run: the run in use from then on; None if every promotion has been undone, so that the run that
    arrived first is in use. at: Unix time, None in files of version 1. previous: the run in use
    before, None if there was none. engine: the `Run.engine_digest` of the run at that time, None if
    unknown. files: the SHA-256 of each of `FILES` at that time, None where there was none; older
    entries have no files. undone: whether the entry undoes promotions. depth: promotions in force
    after it.
    """

    run: Line | None
    at: Instant | None
    previous: Line | None
    engine: Line | None
    files: dict[Line, Line | None] = Field(default_factory=dict)
    undone: bool = False
    depth: Count = 1


class _History(Document):
    """active.json, in which the format is called version."""

    FORMAT: ClassVar[int] = 2

    history: tuple[Promotion, ...]

    def stored(self) -> dict[str, Any]:
        return {"version": self.FORMAT, **self.to_json()}

    @classmethod
    def _known(cls, document: Any) -> Any:
        if isinstance(document, dict) and set(document) == {"run"}:
            # Version 1 has only the run in use.
            unknown = dict.fromkeys(("at", "previous", "engine"))
            return {"history": [{"run": str(document["run"]), **unknown}]}
        if isinstance(document, dict) and "version" in document:
            document = {"format": document["version"], **document}
        return super()._known(document)


def history() -> list[Promotion]:
    """All entries, the oldest first. Raises `RunError` if active.json is damaged."""
    file = storage.active_file()
    if not file.exists():
        return []
    try:
        return list(_History.read(file).history)
    except RunError:
        raise RunError(
            f"{file.name} is damaged, so it is not known which model was chosen for readings. "
            "Choose one on the Models page (or: python -m core promote RUN)."
        ) from None


def active() -> Run:
    """Returns the run that readings use: the promoted one, else the one that arrived first.

    Training or importing another model therefore never changes readings. Raises `RunError` if no
    run has finished or the promoted one is gone.
    """
    entries = history()
    if entries and entries[-1].run is not None:
        return _require(entries[-1].run)
    models = run_store.models()
    if not models:
        raise RunError("No model has been trained yet. Train one first.")
    return min(models, key=lambda run: (run.arrived, run.run_id))


def _require(run_id: str) -> Run:
    try:
        run = run_store.get(run_id)
        if run.status.state == "succeeded":
            return run
    except RunError:
        pass
    raise RunError(
        f"The model chosen for readings, {run_id}, is gone. Choose another on the Models page, or "
        "undo the choice there (or: python -m core undo-promotion)."
    )


def promote(run: Run) -> Promotion:
    """Makes `run` the one that readings use, and returns its entry.

    Changes nothing if the run is in use already and reads as when it was promoted. A damaged
    history is replaced. Raises `RunError` if the run has not succeeded or is a control.
    """
    run.require_succeeded("read images")
    run_store.require_model(run)
    with locks.lock(storage.active_file()):
        try:
            before = history()
        except RunError:
            before = []
        last = before[-1] if before else None
        if last and last.run == run.run_id and not (last.undone or changes(last, run)):
            return last
        depth = len(_in_force(before)) + 1
        entry = _entry(run, previous=_run_in_use(), depth=depth)
        _write([*before, entry])
    return entry


def undo() -> Promotion:
    """Undoes the latest promotion in force, and returns the entry.

    Skips promotions of runs that are gone; if none remains, the run that arrived first is used.
    Raises `RunError` if there is no promotion to undo.
    """
    with locks.lock(storage.active_file()):
        entries = history()
        in_force = _in_force(entries)
        if not in_force:
            raise RunError(
                "No model has been chosen for readings, so no choice can be undone. Choose one: "
                "python -m core promote RUN."
            )
        previous = in_force[-1].run
        in_force = in_force[:-1]
        while in_force and not _is_model(in_force[-1].run):
            in_force = in_force[:-1]
        run_id = in_force[-1].run if in_force else None
        run = run_store.get(run_id) if run_id else None
        entry = _entry(run, previous=previous, undone=True, depth=len(in_force))
        _write([*entries, entry])
    return entry


def _entry(run: Run | None, *, previous: str | None, depth: int, undone: bool = False) -> Promotion:
    """An entry of now, with the digests of what the run reads with."""
    return Promotion(
        run=run.run_id if run else None,
        at=time.time(),
        previous=previous,
        engine=run.engine_digest if run else None,
        files={name: _digest(run, name) for name in FILES} if run else {},
        undone=undone,
        depth=depth,
    )


def _digest(run: Run, name: str) -> str | None:
    file = run.path / name
    return storage.sha256(file) if file.is_file() else None


def changes(entry: Promotion, run: Run) -> list[str]:
    """What of a run is not as it was at an entry: "engine", or some of `FILES`."""
    engine = ["engine"] if entry.engine != run.engine_digest else []
    return engine + [name for name, was in entry.files.items() if _digest(run, name) != was]


def changed_since(run: Run) -> Promotion | None:
    """Returns the latest promotion of `run` if there are `changes` since; else None."""
    known = [entry for entry in history() if entry.run == run.run_id and entry.engine]
    return known[-1] if known and changes(known[-1], run) else None


def table_rows() -> list[dict[str, datetime | str | None]]:
    """The history as rows of a table with readable columns, the newest first."""
    finished = {run.run_id: run for run in run_store.finished()}
    return [
        {
            "When": None if entry.at is None else datetime.fromtimestamp(entry.at, UTC),
            "What": "undone" if entry.undone else "chosen",
            "Model": entry.run or "the first run",
            "Before": entry.previous,
            "Engine": (entry.engine or "")[:12] or None,
            "Now": _state(entry, finished),
        }
        for entry in reversed(history())
    ]


def _state(entry: Promotion, finished: Mapping[str, Run]) -> str | None:
    """Whether a run reads as it did at an entry."""
    if entry.run is None:
        return None
    if entry.run not in finished:
        return "gone"
    if entry.engine is None:
        return "unknown"
    changed = changes(entry, finished[entry.run])
    return f"changed: {', '.join(changed)}" if changed else "the same"


def can_undo() -> bool:
    """Whether there is a promotion to undo."""
    return bool(_in_force(history()))


def _in_force(entries: list[Promotion]) -> list[Promotion]:
    """The promotions that have not been undone, the oldest first."""
    in_force: list[Promotion] = []
    for entry in entries:
        in_force = in_force[: entry.depth] if entry.undone else [*in_force, entry]
    return in_force


def _is_model(run_id: str | None) -> bool:
    return any(run.run_id == run_id for run in run_store.models())


def _run_in_use() -> str | None:
    try:
        return active().run_id
    except RunError:
        return None


def _write(entries: list[Promotion]) -> None:
    _History(history=tuple(entries)).write(storage.active_file())
