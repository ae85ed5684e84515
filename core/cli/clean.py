"""The verb that removes caches and leftovers."""

from dataclasses import dataclass

import click

from core.cli.console import prints
from core.removal import cleaning


@dataclass(frozen=True)
class Cleaned:
    """What went, or could go, for one reason: its bytes, and the files and folders."""

    why: str
    bytes: int
    paths: tuple[str, ...]


@click.command()
@click.option("--dry-run", is_flag=True, help="List what can go, and remove nothing.")
@click.option("--keep-caches", is_flag=True, help="Remove leftovers alone.")
@prints
def clean(dry_run: bool, keep_caches: bool) -> dict[str, object]:
    """Removes caches and leftovers.

    Caches are made again when they are needed; those used within the hour stay. Leftovers are what
    ended processes left behind. Runs, data sets, cases and their pictures stay.
    """
    found = cleaning.removable(with_caches=not keep_caches)
    gone = found if dry_run else [one for one in found if cleaning.remove(one)]
    groups = [
        Cleaned(
            why,
            sum(one.bytes for one in gone if one.why == why),
            tuple(str(one.path) for one in gone if one.why == why),
        )
        for why in dict.fromkeys(one.why for one in gone)
    ]
    return {
        "removed": not dry_run,
        "bytes": sum(group.bytes for group in groups),
        "what": groups,
    }


VERBS = (clean,)
