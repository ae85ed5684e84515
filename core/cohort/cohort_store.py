"""The cohorts that this installation knows: in artifacts/cohorts, or in folders elsewhere.

artifacts/cohorts/elsewhere.json lists the folders elsewhere.
"""

import hashlib
import re
import time
from contextlib import suppress
from pathlib import Path, PurePath

from core import locks, storage
from core.cohort.cohort import PLAN, Cohort
from core.cohort.places import absolute, file_system, is_url
from core.cohort.plan import (
    CohortPlan,
    digests,
)
from core.cohort.source import Source, with_encoding
from core.data.layouts import Labelling
from core.documents import Document
from core.errors import BlastLensError, ConfigError, RunError, disk_errors
from core.jobs import naming
from core.jobs.job import Status
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.runs.run_store import Run
from core.untrusted.fields import Place


class _Elsewhere(Document):
    """elsewhere.json: the folders of cohorts that do not lie in the artifacts folder."""

    folders: tuple[Place, ...] = ()


def planned(
    run: Run,
    place: str,
    out: str | None = None,
    *,
    labelling: Labelling | None = None,
    options: ReadingOptions = NO_OPTIONS,
    workers: int | None = None,
    roots: tuple[str, ...] | None = None,
) -> CohortPlan:
    """The plan of a cohort that reads with a run.

    `out` is where the results go; only that of a URL is part of the plan. Raises `RunError` if the
    run cannot read, `ConfigError` if a setting is out of range or a URL cannot be opened.
    """
    run.require_succeeded("read")
    engine, files = digests(run)
    source = Source(place=absolute(place), labelling=labelling or Labelling(), roots=roots)
    source = with_encoding(source)
    parts = absolute(out) if out and is_url(out) else "parts"
    for opened in (source.place, parts):
        file_system(opened)
    values = vars(options) | {"source": source, "run": run.run_id, "engine": engine, "files": files}
    values |= {"threshold": run.calibration.threshold}
    values |= {"parts": parts, "workers": workers, "created": time.time()}
    return CohortPlan.parse(values, ConfigError)


def create(plan: CohortPlan, out: str | None = None) -> Cohort:
    """Makes the folder of a cohort, queued.

    It is `out`, new or empty, unless that is a URL; by default it has a name of its own in the
    artifacts folder. Raises `ConfigError` if `out` is taken.
    """
    folder = folder_of(out) if out else storage.cohorts_dir() / _new_name(plan.source.place)
    if folder.is_dir() and not any(folder.iterdir()):
        with disk_errors(folder):
            folder.rmdir()
    try:
        with storage.new_folder(folder) as made:
            plan.write(made / PLAN)
            Cohort(made).write_status(Status())
    except FileExistsError:
        raise ConfigError(f"{folder} holds other files. Choose a new folder (--out).") from None
    if folder.parent != storage.cohorts_dir():
        with suppress(OSError):
            (folder.parent / ".new").rmdir()  # where it was made
        _remember(folder)
    return Cohort(folder)


def find(plan: CohortPlan, out: str | None) -> Cohort | None:
    """The cohort of that plan in `out`, if there is one. Raises `ConfigError` for another plan."""
    cohort = Cohort(folder_of(out)) if out else None
    if cohort is None or cohort.deleted:
        return None
    existing = cohort.plan
    changed = [
        name
        for name in CohortPlan.model_fields
        if name not in ("created", "workers") and getattr(existing, name) != getattr(plan, name)
    ]
    if changed:
        name = changed[0]
        raise ConfigError(
            f"{cohort.path} holds a cohort whose {name} is {str(getattr(existing, name))[:200]}, "
            f"not {str(getattr(plan, name))[:200]}. Choose another folder (--out)."
        )
    return cohort


def with_workers(cohort: Cohort, workers: int | None) -> Cohort:
    """The cohort with another number of processes, from its next start on; None leaves it."""
    if workers in (None, cohort.plan.workers):
        return cohort
    cohort.plan.replace(workers=workers).write(cohort.path / PLAN)
    return Cohort(cohort.path)


def folder_of(out: str) -> Path:
    """The cohort's folder for what `--out` says; for a URL one in the artifacts folder."""
    place = absolute(out)
    if not is_url(place):
        return Path(place)
    name = re.sub(r"[^A-Za-z0-9]+", "-", place).strip("-")[-60:]
    return storage.cohorts_dir() / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:6]}"


def get(out: str) -> Cohort:
    """A cohort by its folder, its URL, or its name in the artifacts folder. Raises `RunError`."""
    places = [folder_of(out)]
    if re.fullmatch(r"[\w.-]+", out):
        places.append(storage.cohorts_dir() / out)
    for folder in places:
        if (folder / PLAN).is_file():
            return Cohort(folder)
    known = ", ".join(one.name for one in cohorts()) or "none yet"
    raise RunError(f"There is no cohort {out!r}. Cohorts: {known}.")


def cohorts() -> list[Cohort]:
    """All cohorts that can be read, here and elsewhere, the newest first."""
    folders = [file.parent for file in storage.cohorts_dir().glob(f"[!.]*/{PLAN}")]
    folders += [Path(folder) for folder in _elsewhere().folders]
    dated = []
    for cohort in map(Cohort, folders):
        try:
            dated.append((cohort.plan.created, cohort, cohort.status))
        except BlastLensError:
            continue  # deleted, on a disk that is not there, or of another version
    return [cohort for _, cohort, _ in sorted(dated, key=lambda one: -one[0])]


def _new_name(place: str) -> str:
    """A name that no other cohort has, and that says what is scored."""
    source = re.sub(r"[^A-Za-z0-9]+", "-", PurePath(place).stem)[:40].strip("-") or "cohort"
    return naming.free_name(f"{source}-{naming.now()}", storage.cohorts_dir())


def _elsewhere() -> _Elsewhere:
    file = storage.cohorts_dir() / "elsewhere.json"
    return _Elsewhere.read(file) if file.exists() else _Elsewhere()


def _remember(folder: Path) -> None:
    file = storage.cohorts_dir() / "elsewhere.json"
    with locks.lock(file):
        known = _elsewhere().folders
        if str(folder) not in known:
            _Elsewhere(folders=(*known, str(folder))).write(file)
