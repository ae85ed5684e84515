"""Verbs on cases: a patient's pictures, readings and decisions."""

import getpass
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from core.cases import case_store, intake, retention, review, signing, verification
from core.cases.agreement import agreements
from core.cases.case_store import CaseSummary
from core.cases.tables import CaseRow
from core.cases.verdict import verdict
from core.cli.console import prints, prints_as, progress, wants_json
from core.cli.in_words import printed
from core.data.images import read_file
from core.errors import CaseError, ConfigError
from core.metrics.estimate import Estimate
from core.people import Person, own_machine
from core.reading.fields.summary import BLOOD, FEWEST_FOR_PERCENT
from core.reading.preparing.options import ReadingOptions
from core.reading.reader import Reader
from core.report.share import corrected as corrected_share
from core.runs import active_model, run_store
from core.teaching.dataset import datasets_with

by_person = click.option("--person", help="Who does it; default: the user of this machine.")


@click.group()
def cases() -> None:
    """Patients: their pictures, decisions and reports."""


def _listed_in_words(listed: Sequence[CaseSummary]) -> str:
    if not listed:
        return "There is no case yet. Begin one: blastlens cases new NAME IMAGE..."
    return printed.table(
        [
            {
                "Case": one.id[:11],
                "Name": one.name,
                "State": one.state,
                "Changed": one.changed[:16],
                "Readers": ", ".join(one.readers),
                "Cells": one.cells,
                "Blasts": None if one.blasts is None else f"{one.blasts} of {one.counted}",
            }
            for one in listed
        ]
    )


@cases.command("list")
@prints_as(_listed_in_words)
def list_cases() -> list[CaseSummary]:
    """Lists all cases, the one changed last first."""
    return case_store.cases()


def _shown_in_words(case: Mapping[str, Any]) -> str:
    pictures = case["pictures"]
    rows = [
        {"Picture": one["name"], "Kind": one["kind"], "Run": one["run"], "Why": one["reason"]}
        for one in pictures
    ]
    signed = (f"Signed by {one['person']}, {one['time'][:16]}." for one in case["signatures"])
    return printed.paragraphs(
        [
            f"{case['name']} ({case['id'][:11]}), {case['state']}: {case['cells']} cells of "
            f"{len(pictures)} pictures. Begun by {case['created_by']}, {case['created'][:16]}.",
            case["withheld"] if "withheld" in case else _verdict_in_words(case["verdict"]),
            printed.table(rows),
            *signed,
            *(f"Before it can be signed: {one}" for one in case["in_the_way_of_signing"]),
        ]
    )


def _verdict_in_words(verdict: Mapping[str, Any]) -> str:
    counted = (
        f"Blasts: {verdict['blasts']} of the {verdict['cells']} cells that count, of at least "
        f"{verdict['minimum_cells']} that should."
    )
    if verdict["cells"] < FEWEST_FOR_PERCENT:
        return counted
    share = Estimate(verdict["corrected_share"], *(verdict["interval"] or ()))
    return f"{counted} Corrected for wrong calls: {corrected_share(share)}."


@cases.command()
@click.argument("case")
@by_person
@prints_as(_shown_in_words)
def show(case: str, person: str | None) -> dict[str, object]:
    """Shows a case: its verdict, its pictures, who signed, and what prevents a signature.

    Of a case that is read blind, a reader who has not decided all cells sees no calls.
    """
    return _document(case_store.get(find(case)), acting(person))


@cases.command()
@click.argument("name")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--run", help="Default: the active model.")
@click.option("--blind", is_flag=True, help="Readers decide before they see the model's calls.")
@click.option(
    "--minimum",
    type=int,
    default=BLOOD,
    show_default=True,
    help=("Least number of cells that the verdict should rest on."),
)
@click.option("--adapt-stain", is_flag=True, help="Read cells of another stain as if adapted.")
@click.option("--um-per-px", type=float, metavar="µm", help="Scale of the fields.")
@by_person
@prints_as(_shown_in_words)
def new(
    name: str,
    images: tuple[str, ...],
    run: str | None,
    blind: bool,
    minimum: int,
    adapt_stain: bool,
    um_per_px: float | None,
    person: str | None,
) -> dict[str, object]:
    """Reads images, cells and fields mixed, and keeps them as a case."""
    reader = Reader(run_store.get(run) if run else active_model.active())
    missing = [image for image in images if not Path(image).is_file()]
    if missing:
        raise ConfigError(f"There is no file {missing[0]}. Check the path.")
    shown = progress("reading")
    read = []
    for done, image in enumerate(images, start=1):
        data = read_file(Path(image), Path(image).name)
        options = ReadingOptions(adapt_stain=adapt_stain)
        read.append(intake.read(reader, Path(image).name, data, options, um_per_px=um_per_px))
        shown(done, len(images))
    who = acting(person)
    case_id = case_store.create(who, name, read, minimum_cells=minimum, blind=blind)
    return _document(case_store.get(case_id), who)


@cases.command()
@click.option(
    "--head",
    multiple=True,
    metavar="NUMBER:HASH",
    help="The hash of an event, as an earlier verification or a report has it.",
)
@prints
def verify(head: tuple[str, ...]) -> dict[str, object]:
    """Checks that no event, row or picture was changed, dropped, reordered or back-dated.

    It prints the end of the chain. Write that down elsewhere and give it as --head later: this also
    proves that nothing before it was written anew.
    """
    found = verification.verify([_head(text) for text in head])
    findings = [f"{one.where}: {one.what}" for one in found.findings]
    document = {
        "events": found.length,
        "head": f"{found.length}:{found.head}",
        "findings": findings,
    }
    if findings:
        if wants_json():
            click.echo(json.dumps(document, ensure_ascii=False, indent=1))
            sys.exit(2)
        raise CaseError(f"The chain does not hold. {'; '.join(findings)}.")
    return document


@cases.command()
@click.option("--older-than", required=True, metavar="DAYS", help="Age in days, such as 90d.")
@click.option("--dry-run", is_flag=True, help="List what would be deleted, and delete nothing.")
@by_person
@prints
def purge(older_than: str, dry_run: bool, person: str | None) -> dict[str, object]:
    """Deletes cases that nobody has changed for that many days, with their pictures."""
    days = re.fullmatch(r"(\d+)d?", older_than)
    if days is None:
        raise ConfigError(f"--older-than is {older_than!r}; it must be days, such as 90d.")
    if dry_run:
        old = retention.older_than(int(days[1]))
    else:
        old = retention.purge(acting(person), int(days[1]))
    cases = [vars(case) for case in old]
    still_in = _still_in([case.id for case in old])
    return {"deleted": not dry_run, "cases": cases, "still_in_data_sets": still_in}


@cases.command()
@click.argument("case")
@click.confirmation_option(prompt="Its pictures and decisions cannot be brought back. Delete it?")
@by_person
@prints
def delete(case: str, person: str | None) -> dict[str, object]:
    """Deletes a case; that it was deleted, when and by whom, stays in the chain."""
    case_id = find(case)
    case_store.delete(acting(person), case_id)
    return {"deleted": case_id, "still_in_data_sets": _still_in([case_id])}


@cases.command()
@click.argument("folder")
@prints
def backup(folder: str) -> dict[str, object]:
    """Copies database and pictures into a new FOLDER, consistent while the app runs."""
    target = retention.backup(Path(folder))
    return {"folder": str(target), "files": sum(path.is_file() for path in target.rglob("*"))}


def _document(case: CaseRow, reader: Person) -> dict[str, object]:
    return {
        "id": case.id,
        "name": case.name,
        "state": case.state,
        "created": case.created,
        "created_by": case.created_by,
        "changed": case.changed,
        "blind": case.blind,
        "version": case.version,
        "pictures": [
            {
                "name": picture.name,
                "kind": picture.kind,
                "input_sha256": picture.input_sha256,
                "run": picture.model["run"],
                "reason": picture.reason,
            }
            for picture in case.pictures
        ],
        "cells": len(case.cells),
        **_what_is_made_of_it(case, reader),
        "signatures": [
            {"person": one.person, "verified": one.verified, "time": one.time}
            for one in case.signatures
        ],
        "in_the_way_of_signing": signing.hindrances(case),
    }


def _what_is_made_of_it(case: CaseRow, reader: Person) -> dict[str, object]:
    """What model and readers make of a case, for one who may know."""
    if left := review.left_blind(case, reader.name):
        return {"withheld": f"This case is read blind: {reader.name} has not decided {left} cells."}
    return {
        "states": dict(Counter(cell.state for cell in case.cells)),
        "verdict": verdict(case).to_json(),
        "agreement": agreements(case),
    }


def find(case: str) -> str:
    """The identifier of a case by its beginning, or by its name. Raises `CaseError`."""
    known = case_store.cases()
    found = [one.id for one in known if one.id.startswith(case) or one.name == case]
    if len(found) != 1:
        how = "No case has" if not found else f"{len(found)} cases have"
        raise CaseError(f"{how} the name or identifier {case!r}. See: blastlens cases list")
    return found[0]


def _still_in(case_ids: list[str]) -> list[str]:
    """The data sets that hold pictures of these cases."""
    return sorted({str(root) for case_id in case_ids for root in datasets_with(case_id)})


def _head(text: str) -> tuple[int, str]:
    if (match := re.fullmatch(r"(\d+):([0-9a-f]{64})", text)) is None:
        raise ConfigError(f"--head is {text!r}; it must be a number, a colon and 64 hex digits.")
    return int(match[1]), match[2]


def acting(name: str | None) -> Person:
    """Who acts: as named, or the user of this machine."""
    return own_machine(name or getpass.getuser())


VERBS = (cases,)
