"""What people say of a run: its name, a note, tags, and whether it is put away; about.json.

Nothing that a run is or computes rests on it.
"""

import re
import time
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from core import locks
from core.documents import Document
from core.errors import RunError
from core.models import catalog
from core.runs import active_model, run_store, setting_words
from core.runs.run_store import Run
from core.untrusted.fields import Line, Words

FILE = "about.json"
MAX_NAME, MAX_NOTE, MAX_TAG, MAX_TAGS = 80, 2000, 30, 12  # characters; tags of a run
JOIN = " · "  # of the parts of a default name
_TOLD = 2  # settings that a default name tells
# An id that BlastLens made: date and time, what it is, four hex digits, and its number in a sweep.
_MADE = re.compile(
    r"(?P<stamp>\d{8}-\d{6})-.+-[0-9a-f]{4}(-(trial|fold)-\d+)*|audit-.+-[0-9a-f]{4}"
)


class About(Document):
    """about.json: what `change` was told. name: None for the default one."""

    name: Annotated[Line, Field(max_length=MAX_NAME)] | None = None
    note: Annotated[Words, Field(max_length=MAX_NOTE)] = ""
    tags: Annotated[
        tuple[Annotated[Line, Field(max_length=MAX_TAG)], ...], Field(max_length=MAX_TAGS)
    ] = ()
    archived: bool = False


def of(run: Run) -> About:
    """What is said of a run. Raises `RunError` if about.json is damaged."""
    file = run.path / FILE
    return About.read(file) if file.exists() else About()


def told(run: Run) -> About:
    """What is said of a run; nothing where about.json is damaged, which only `of` tells."""
    try:
        return of(run)
    except RunError:
        return About()


def called(run: Run) -> str:
    """What a run is called, on every page and in every report.

    It is the name that it was given, else its id if a person chose that, else its architecture,
    what it has otherwise than its recipe, its data set and when it was made.
    """
    return told(run).name or _default(run)


def _default(run: Run) -> str:
    made = _MADE.fullmatch(run.run_id)
    try:
        at = time.strptime(made["stamp"], "%Y%m%d-%H%M%S") if made and made["stamp"] else None
    except ValueError:
        made = None  # digits that are no date: a person chose them
    if not made:
        return run.run_id
    config = run.config
    title = catalog.architecture(config.architecture).title
    parts = [", ".join([title, *setting_words.own(config)[:_TOLD]])]
    parts.append(setting_words.dataset(config.dataset))
    if at:
        parts.append(f"{at.tm_mday} {time.strftime('%b %H:%M', at)}")
    return JOIN.join(parts)


def names(runs: Iterable[Run]) -> dict[str, str]:
    """The name of each run by its id; where two would be the same, the end of the id is added."""
    plain = {run.run_id: called(run) for run in runs}
    taken = list(plain.values())
    return {
        run_id: name if taken.count(name) == 1 else f"{name} ({run_id.rsplit('-', 1)[-1]})"
        for run_id, name in plain.items()
    }


def among(runs: Iterable[Run]) -> dict[str, str]:
    """The names of runs that stand side by side, without the parts that all of them share."""
    full = names(runs)
    parts = {run_id: name.split(JOIN) for run_id, name in full.items()}
    shared = set.intersection(*map(set, parts.values())) if len(parts) > 1 else set()
    short = {i: JOIN.join(one for one in of if one not in shared) for i, of in parts.items()}
    return short if all(short.values()) and len({*short.values()}) == len(short) else full


def reads(run: Run) -> bool:
    """Whether a run is the model that reads."""
    try:
        return active_model.active() == run
    except RunError:
        return False


def archived(run: Run) -> bool:
    """Whether a run is put away: left out of choices, and opened by its name or from the table."""
    return told(run).archived


def at_hand(runs: Iterable[Run]) -> list[Run]:
    """The runs that are not put away."""
    return [run for run in runs if not archived(run)]


def change(
    run: Run,
    *,
    name: str | None = None,
    note: str | None = None,
    tags: Sequence[str] | None = None,
    archived: bool | None = None,
) -> About:
    """Changes what is told and keeps the rest; an empty name is the default one.

    Raises `RunError` if a name is that of another run or cannot be printed, a text is too long, or
    the model that reads would be put away.
    """
    changes: dict[str, object] = {}
    if name is not None:
        changes["name"] = _checked_name(run, name)
    if note is not None:
        changes["note"] = note.strip()
    if tags is not None:
        changes["tags"] = tuple(dict.fromkeys(filter(None, (tag.strip() for tag in tags))))
    if archived is not None:
        if archived and reads(run):
            raise RunError(
                f"{called(run)} is the model that reads, so it stays at hand. Choose another first."
            )
        changes["archived"] = archived
    with locks.lock(run.path / FILE):
        changed = of(run).replace(**changes)
        changed.write(run.path / FILE)
    return changed


def _checked_name(run: Run, given: str) -> str | None:
    asked = " ".join(given.split())
    for other in run_store.runs() if asked else ():
        if other.run_id != run.run_id and asked in (other.run_id, called(other)):
            raise RunError(f"Another run, {other.run_id}, has the name {asked!r}. Choose another.")
    return asked or None
