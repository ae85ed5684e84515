"""Which run reads, since when, and which did before: `artifacts/active.json`.

The file is a history, the newest entry last, that only ever grows: taking a promotion back is an
entry too, so it can be told later which model read on which day.
"""

import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from core import storage
from core.documents import Document, Section
from core.errors import RunError
from core.runs import run_store
from core.runs.run_store import Run


class Promotion(Section):
    """An entry of the history.

    run: the run that reads from then on; None where promotions were taken back to the very first,
    so that no choice is left and the run that came first reads. at: Unix time, None in files of
    version 1. previous: the run that read before, None if none was there. engine: what its engine
    was then (`Run.engine_digest`), None where unknown. undone: whether it takes promotions back.
    depth: promotions that stand after it.
    """

    run: str | None
    at: float | None
    previous: str | None
    engine: str | None
    undone: bool = False
    depth: int = 1


class _History(Document):
    """active.json; its format is called version."""

    FORMAT: ClassVar[int] = 2

    history: tuple[Promotion, ...]

    def stored(self) -> dict[str, Any]:
        return {"version": self.FORMAT, **self.to_json()}

    @classmethod
    def _known(cls, document: Any) -> Any:
        if isinstance(document, dict) and set(document) == {"run"}:
            # The first version knew the present run alone.
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
    """The run that readings use: the promoted one, else the first that came to be here.

    So neither training nor importing another model ever changes readings by itself. Raises
    `RunError` if no run has finished or the promoted one is gone.
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
    """Makes `run` the one that readings use, and returns the entry that says so.

    Promoting the run that reads already, with the engine it was promoted with, changes nothing. A
    damaged history is begun anew. Raises `RunError` unless the run succeeded, and for a control.
    """
    if run.status.state != "succeeded":
        raise RunError(f"Run {run.run_id} has not succeeded, so it cannot read images.")
    run_store.require_model(run)
    digest = run.engine_digest
    with storage.lock(storage.active_file()):
        try:
            before = history()
        except RunError:
            before = []
        last = before[-1] if before else None
        if last and last.run == run.run_id and last.engine == digest and not last.undone:
            return last
        depth = len(_standing(before)) + 1
        entry = Promotion(
            run=run.run_id, at=time.time(), previous=_reading_now(), engine=digest, depth=depth
        )
        _write([*before, entry])
    return entry


def undo() -> Promotion:
    """Goes back to the promotion before the present one, and returns the entry that says so.

    Promotions of runs that are gone are passed over; before the first, the run that came first
    reads. Raises `RunError` if no promotion is left to take back.
    """
    with storage.lock(storage.active_file()):
        entries = history()
        standing = _standing(entries)
        if not standing:
            raise RunError("There is no promotion to undo: no model has been chosen for readings.")
        left = standing[-1].run
        standing = standing[:-1]
        while standing and not _reads(standing[-1].run):
            standing = standing[:-1]
        back = standing[-1].run if standing else None
        digest = run_store.get(back).engine_digest if back else None
        entry = Promotion(
            run=back,
            at=time.time(),
            previous=left,
            engine=digest,
            undone=True,
            depth=len(standing),
        )
        _write([*entries, entry])
    return entry


def changed_since(run: Run) -> Promotion | None:
    """The latest entry that chose `run` when its engine was another one; None if it is the same."""
    known = [entry for entry in history() if entry.run == run.run_id and entry.engine]
    return known[-1] if known and known[-1].engine != run.engine_digest else None


def flat() -> list[dict[str, Any]]:
    """The history as one level of readable columns, the newest first."""
    now = {run.run_id: run.engine_digest for run in run_store.finished()}
    return [
        {
            "When": None if entry.at is None else datetime.fromtimestamp(entry.at, UTC),
            "What": "undone" if entry.undone else "chosen",
            "Model": entry.run or "the first there was",
            "Before": entry.previous,
            "Engine": (entry.engine or "")[:12] or None,
            "Engine now": _compared(entry, now),
        }
        for entry in reversed(history())
    ]


def _compared(entry: Promotion, now: dict[str, str | None]) -> str | None:
    if entry.run is None:
        return None
    if entry.run not in now:
        return "gone"
    if entry.engine is None:
        return "not known then"
    return "the same" if now[entry.run] == entry.engine else "changed"


def can_undo() -> bool:
    """Whether a promotion is left to take back."""
    return bool(_standing(history()))


def _standing(entries: list[Promotion]) -> list[Promotion]:
    """The promotions that are not taken back, the oldest first."""
    standing: list[Promotion] = []
    for entry in entries:
        standing = standing[: entry.depth] if entry.undone else [*standing, entry]
    return standing


def _reads(run_id: str | None) -> bool:
    return any(run.run_id == run_id for run in run_store.models())


def _reading_now() -> str | None:
    try:
        return active().run_id
    except RunError:
        return None


def _write(entries: list[Promotion]) -> None:
    _History(history=tuple(entries)).write(storage.active_file())
