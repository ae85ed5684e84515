"""Asks for an adoption: the folder of its run, with a copy of the model file.

The copy stays until a person has agreed to how the model is fed, so that it can be adopted anew.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from core import leftovers
from core.archive import model_file
from core.data import datasets
from core.errors import ModelError, RunError, disk_errors
from core.models.catalog import ADOPTED
from core.runs import active_model, config, run_store
from core.runs.adoption import FORMS, Adoption, Wanted
from core.runs.config import RunConfig, Setting
from core.runs.run_store import ADOPTION, Run


def create(
    model: Path,
    dataset: Path,
    run_id: str | None = None,
    *,
    wanted: Wanted | None = None,
    **settings: Setting,
) -> Run:
    """Makes the queued run of a model file or SavedModel folder on a labelled data set.

    settings: those of `RunConfig` that say which cells are in which part. Raises `ModelError` for a
    file of another form, `DataError` for a missing data set, `ConfigError` for a wrong setting,
    `RunError` for a name that is taken.
    """
    form = model_file.recognise(model)
    sha256 = model_file.sha256(model)
    asked = Adoption.parse(
        {"file": model.name, "form": form, "sha256": sha256, "wanted": wanted or Wanted()},
        ModelError,
    )
    requested = RunConfig.parse(
        {
            "architecture": ADOPTED.key,
            "dataset": datasets.name(dataset),
            **{name: value for name, value in settings.items() if value is not None},
        }
    )
    config.require_inputs(requested)
    run = run_store.create(requested, run_id)
    try:
        with disk_errors(run.path):
            _copy(model, run.path / original(form))
        asked.write(run.path / ADOPTION)
    except Exception:
        delete(run)
        raise
    return run


def original(form: str) -> str:
    """The name that the copy of a model file of a form has in its run until it is adopted."""
    return FORMS[form].copy


def _copy(model: Path, target: Path) -> None:
    for part in model_file.parts(model):
        if model.is_dir():
            copy = target / part.relative_to(model)
        else:
            copy = target.with_suffix(part.suffix if part.suffix == ".bin" else target.suffix)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(part, copy)


def of(run: Run) -> Adoption:
    """The adoption that a run was asked for. Raises `RunError` if it is a training."""
    adoption = run.adoption
    if adoption is None:
        raise RunError(
            f"Run {run.run_id} was trained here, so there is no adoption of it. Name an adopted "
            "run."
        )
    return adoption


def is_open(run: Run) -> bool:
    """Whether the copy of the model file is still there, so that `repeat` is possible."""
    return any(map(_is_copy, run.path.iterdir()))


def repeat(run: Run, wanted: Wanted) -> None:
    """Withdraws an adoption that has ended; resumed, it is fed and read as `wanted`.

    What was found before is deleted. Raises `RunError` if the run is unfinished, its model file is
    no longer kept, or it has been chosen for readings.
    """
    adoption = of(run)
    chosen = run.run_id in {entry.run for entry in active_model.history()}
    if run.status.unfinished or chosen or not is_open(run):
        raise RunError(
            f"Run {run.run_id} is under way, has been chosen for readings, or no longer has its "
            "model file, so it stays as it is. Adopt the model again, under another name."
        )
    status = run.status.replace(state="cancelled")
    kept = {run.REQUEST, ADOPTION, run.log_file.name}
    _delete(file for file in run.path.glob("[!.]*") if file.name not in kept and not _is_copy(file))
    run.write_status(status)
    again = adoption.replace(wanted=wanted, chosen=None, trials=(), cells=0, no_map="")
    again.write(run.path / ADOPTION)


def delete(run: Run) -> None:
    """Deletes a run whose adoption has failed or is given up."""
    leftovers.discard(run.path)


def discard_original(run: Run) -> None:
    """Deletes the copy of the model file, which the engine replaces."""
    _delete(filter(_is_copy, run.path.iterdir()))


def _is_copy(file: Path) -> bool:
    return file.name.startswith("original")


def _delete(files: Iterable[Path]) -> None:
    for file in list(files):
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink()
