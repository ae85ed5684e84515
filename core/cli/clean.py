"""The verb that removes caches and leftovers."""

from dataclasses import dataclass

import click

from core.cli.console import prints_as
from core.cli.in_words import printed
from core.removal import cleaning


@dataclass(frozen=True)
class Cleaned:
    """What went, or could go, for one reason: its bytes, and the files and folders."""

    why: str
    bytes: int
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Cleaning:
    """What went; or what could go, if it was not removed."""

    removed: bool
    bytes: int
    what: tuple[Cleaned, ...]


def _in_words(cleaning: Cleaning) -> str:
    if not cleaning.what:
        return "There is nothing to remove."
    rows = [
        {"Bytes": f"{one.bytes:,}", "Files and folders": len(one.paths), "Why": one.why}
        for one in cleaning.what
    ]
    said = "Removed" if cleaning.removed else "Can go; without --dry-run it is removed"
    where = (f"  {path}" for one in cleaning.what for path in one.paths)
    return printed.paragraphs([f"{said}: {cleaning.bytes:,} bytes.", printed.table(rows), *where])


@click.command()
@click.option("--dry-run", is_flag=True, help="List what can go, and remove nothing.")
@click.option("--keep-caches", is_flag=True, help="Remove leftovers alone.")
@prints_as(_in_words)
def clean(dry_run: bool, keep_caches: bool) -> Cleaning:
    """Removes caches and leftovers.

    Caches are made again when they are needed; those used within the hour stay. Leftovers are what
    ended processes left behind. Runs, data sets, cases and their pictures stay.
    """
    found = cleaning.removable(with_caches=not keep_caches)
    gone = found if dry_run else [one for one in found if cleaning.remove(one)]
    groups = tuple(
        Cleaned(
            why,
            sum(one.bytes for one in gone if one.why == why),
            tuple(str(one.path) for one in gone if one.why == why),
        )
        for why in dict.fromkeys(one.why for one in gone)
    )
    return Cleaning(not dry_run, sum(group.bytes for group in groups), groups)


VERBS = (clean,)
