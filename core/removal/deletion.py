"""Deleting a run: what rests on it is said first, and a record that rests on it keeps it."""

from dataclasses import dataclass

from sqlalchemy import select

from core import leftovers
from core.cases import database
from core.cases.tables import CaseRow, PictureRow
from core.cohort import cohort_store
from core.errors import RunError
from core.models import own_backbone
from core.removal import cleaning
from core.runs import about
from core.runs.run_store import Run
from core.tuning import sweep_store


@dataclass(frozen=True)
class Dependents:
    """What rests on a run, a sentence each: what forbids to delete it, and what would be lost."""

    forbid: tuple[str, ...]
    lost: tuple[str, ...]


def dependents(run: Run) -> Dependents:
    """What rests on a run. Raises `CaseError` if the database of cases cannot be asked."""
    forbid, lost = [], []
    if run.status.unfinished:
        forbid.append("It is still at work: stop it first.")
    if about.reads(run):
        forbid.append("It is the model that reads: choose another first.")
    if cases := _cases(run):
        kept = "Cases were read with it and are to stay verifiable"
        forbid.append(f"{kept}: {_listed(cases)}. Archive it instead.")
    for cohort in cohort_store.cohorts():
        if cohort.plan.run == run.run_id:
            if cohort.status.unfinished:
                forbid.append(f"The cohort {cohort.name} is being read with it: stop that first.")
            else:
                lost.append(f"The cohort {cohort.name} cannot be resumed or shown with heat maps.")
    for sweep in sweep_store.sweeps():
        if run.run_id.startswith(f"{sweep.name}-") and run in sweep.runs:
            if sweep.status.unfinished:
                forbid.append(f"The sweep {sweep.name} is at work with it: stop that first.")
            else:
                lost.append(f"The sweep {sweep.name} keeps its results, but not this run of them.")
    if run.config.is_control or run.config.folds:
        lost.append("Audits and comparisons that count it among their runs would train it again.")
    unused = {*own_backbone.of_runs()} - cleaning.architectures(without=run)
    if run.config.architecture in unused:
        freed = "No other run uses the features it was taught on"
        lost.append(f"{freed}: `blastlens clean` removes them then.")
    if run.imported is None:
        lost.append("It was trained here; export it first if you may want it back.")
    return Dependents(tuple(forbid), tuple(lost))


def delete(run: Run) -> None:
    """Deletes a run's folder for good. Raises `RunError` if something forbids it."""
    if forbid := dependents(run).forbid:
        raise RunError(f"{about.called(run)} is not deleted. {' '.join(forbid)}")
    leftovers.discard(run.path)


def _cases(run: Run) -> list[str]:
    """The names of the cases with pictures that a run has read."""
    if not database.is_there():  # on a full disk there is no room to make one
        return []
    with database.reading() as session:
        read = (
            select(CaseRow.name)
            .join(PictureRow, PictureRow.case_id == CaseRow.id)
            .where(PictureRow.model["run"].as_string() == run.run_id)
            .distinct()
        )
        return sorted(session.scalars(read))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
