"""Verbs that choose, describe, export and import models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from core import storage
from core.archive import archive
from core.cli.console import prints, wants_json
from core.errors import ConfigError
from core.models import device, runtime
from core.models.engine import Engine
from core.report.card.texts import FIELDS
from core.runs import active_model, run_store
from core.runs.run_store import Run
from core.workers import devices as of_workers
from core.workers import verification


@dataclass(frozen=True)
class ExportedRun:
    """An archive, the files in it, and those of the run that are not."""

    run: str
    file: str
    bytes: int
    sha256: str
    files: list[str]
    left_out: list[str]


@dataclass(frozen=True)
class ImportedRun:
    """A run from an archive. keras_logit_difference: from its engine, None if not compared."""

    run: str
    exported_as: str | None
    keras_logit_difference: float | None


@dataclass(frozen=True)
class Devices:
    """What this machine reads and trains on, in words."""

    setting: str
    listed_by_openvino: list[str]
    reading: str
    training: str


@click.command()
@click.option("--run", help="Try the engine of this run. Default: the active model.")
@prints
def devices(run: str | None) -> Devices:
    """Tries what this machine reads and trains on.

    BLASTLENS_DEVICE is auto, cpu or gpu.
    """
    model = run_store.get(run) if run else active_model.active()
    return Devices(
        setting=device.chosen(),
        listed_by_openvino=list(runtime.devices()),
        reading=str(Engine(model.engine_file).placement),
        training=of_workers.training(),
    )


@click.command()
@click.argument("run")
@prints
def promote(run: str) -> dict[str, Any]:
    """Makes a run the active model, which reads pictures."""
    promoted = run_store.get(run)
    before = active_model.changed_since(promoted)
    changed = active_model.changes(before, promoted) if before else []
    told = {"engine_changed": "engine" in changed, "changed": changed}
    return active_model.promote(promoted).to_json() | told


@click.command("undo-promotion")
@prints
def undo_promotion() -> dict[str, Any]:
    """Goes back to the previous active model."""
    undone = active_model.undo()
    return undone.to_json() | {"active": active_model.active().run_id}


@click.command()
@click.argument("run")
@click.option("--html", is_flag=True, help="One HTML page; default: Markdown.")
@click.option("--out", metavar="FILE", help="File to write; default: standard output.")
@click.option(
    "--fill",
    multiple=True,
    metavar="FIELD=TEXT",
    help=f"Your words for a gap, kept with the run: {', '.join(FIELDS)}.",
)
@prints
def card(run: str, html: bool, out: str | None, fill: tuple[str, ...]) -> dict[str, Any] | str:
    """Prints or writes a model card."""
    from core.doctor import diagnoses
    from core.report.card import render, sections, texts

    described = run_store.get(run)
    for assignment in fill:
        field, equals, words = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--fill takes FIELD=TEXT, not {assignment!r}.")
        texts.write(described, field, words)
    model_card = sections.build(described, diagnoses.examine(described))
    text = render.html(model_card) if html else render.markdown(model_card)
    if out:
        storage.write_bytes(Path(out), text.encode())
        return {"run": run, "file": out, "gaps": model_card.gaps}
    return sections.to_json(model_card) if wants_json() else text


@click.command()
@click.argument("run")
@click.argument("file", type=click.Path(path_type=Path))
@prints
def export(run: str, file: Path) -> ExportedRun:
    """Writes a run as one archive."""
    exported = run_store.get(run)
    files = archive.export(exported, file)
    left_out = sorted(path.name for path in exported.path.iterdir() if path.name not in files)
    size, digest = file.stat().st_size, storage.sha256(file)
    return ExportedRun(run, str(file), size, digest, files, left_out)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--as", "name", metavar="NAME", help="Default: the name it had.")
@click.option(
    "--verify-keras",
    is_flag=True,
    help="Also load model.keras in safe mode, and compare it with the engine.",
)
@prints
def import_run(file: Path, name: str | None, verify_keras: bool) -> ImportedRun:
    """Verifies and adds an archive of a run."""
    differences: list[float] = []

    def check(run: Run) -> None:
        differences.append(verification.verify(run))

    run = archive.import_run(file, name, check=check if verify_keras else None)
    exported_as = run.imported.run if run.imported else None
    return ImportedRun(run.run_id, exported_as, differences[0] if differences else None)


VERBS = (devices, promote, undo_promotion, card, export, import_run)
