"""Verbs that name runs, put them away and delete them."""

from dataclasses import dataclass

import click

from core.cli.console import prints
from core.removal import deletion
from core.runs import about as run_about
from core.runs import run_store


@dataclass(frozen=True)
class NamedRun:
    """What a run is called, and what is said of it."""

    run: str
    name: str
    note: str
    tags: tuple[str, ...]
    archived: bool


@dataclass(frozen=True)
class DeletedRun:
    """What forbids to delete a run, what is lost with it, and whether it is deleted."""

    run: str
    name: str
    forbid: tuple[str, ...]
    lost: tuple[str, ...]
    deleted: bool


@click.command()
@click.argument("run")
@click.option("--name", help='Its name; "" restores the default name.')
@click.option("--note", help="A note; it replaces the earlier one.")
@click.option(
    "--tags", metavar="TAG,TAG", help=('Its tags; they replace the earlier ones. "": none.')
)
@click.option(
    "--archived/--at-hand", default=None, help=("Leave it out of choices, or take it back.")
)
@prints
def about(
    run: str, name: str | None, note: str | None, tags: str | None, archived: bool | None
) -> NamedRun:
    """Shows or changes the name, note and tags of a run."""
    named = run_store.get(run)
    listed = None if tags is None else tags.split(",")
    if any(given is not None for given in (name, note, tags, archived)):
        run_about.change(named, name=name, note=note, tags=listed, archived=archived)
    told = run_about.of(named)
    return NamedRun(run, run_about.called(named), told.note, told.tags, told.archived)


@click.command("delete-run")
@click.argument("run")
@click.option(
    "--sure", is_flag=True, help=("Delete it for good. Without this, only say what rests on it.")
)
@prints
def delete_run(run: str, sure: bool) -> DeletedRun:
    """Deletes a run, unless a record rests on it."""
    named = run_store.get(run)
    rests, name = deletion.dependents(named), run_about.called(named)
    if sure:
        deletion.delete(named)
    return DeletedRun(run, name, rests.forbid, rests.lost, deleted=sure)


VERBS = (about, delete_run)
