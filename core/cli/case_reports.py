"""Verbs of the group `cases` on reports: exporting one, and checking one without the database."""

import json
import sys
from pathlib import Path

import click

from core import storage
from core.cases.case_store import SIGNED
from core.cli.cases import find
from core.cli.console import prints, wants_json
from core.errors import CaseError
from core.report.case import words
from core.report.case.build import build
from core.report.case.check import CheckedReport, check_file
from core.report.case.export import FORMATS, export, file_name


@click.command("export")
@click.argument("case")
@click.option("--to", default=".", show_default=True, metavar="FOLDER|FILE")
@click.option(
    "--format", "kind", type=click.Choice(list(FORMATS)), default="pdf", show_default=True
)
@prints
def export_report(case: str, to: str, kind: str) -> dict[str, object]:
    """Writes the report of a case: HTML or PDF, FHIR R4, or GeoJSON for QuPath.

    The report of a case that nobody has signed is marked as a draft.
    """
    report = build(find(case))
    target = Path(to)
    if target.is_dir():
        target /= file_name(report, kind)
    data = export(report, kind)
    storage.write_bytes(target, data)
    return {
        "file": str(target),
        "bytes": len(data),
        "state": report.state,
        "head": f"{report.head.number}:{report.head.hash}",
    }


@click.command("check")
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@prints
def check_report(report: Path) -> dict[str, object]:
    """Checks whether a REPORT in HTML or PDF is as it was made, without the database.

    A report that somebody wrote anew as a whole passes. To find that out, give the last event that
    it prints to `cases verify --head`, which compares it with the database.
    """
    checked = check_file(report)
    document = _document(checked)
    if not checked.findings:
        return document
    if wants_json():
        click.echo(json.dumps(document, ensure_ascii=False, indent=1))
        sys.exit(2)
    first, *more = checked.findings
    others = f" (and {len(more)} more findings: see --json)" if more else ""
    raise CaseError(
        f"{report.name} was changed after it was made: {first}{others}. Do not rely on it; make "
        "the report again from its case."
    )


def _document(checked: CheckedReport) -> dict[str, object]:
    report = checked.report
    return {
        "unchanged": not checked.findings,
        "findings": list(checked.findings),
        "case": report.name,
        "id": report.id,
        "state": SIGNED if not report.draft else words.DRAFT,
        "signatures": [words.signature(one) for one in report.signatures],
        "conclusion": words.conclusion(report.figures),
        "pictures": len(report.pictures),
        "cells": sum(len(picture.cells) for picture in report.pictures),
        "events": len(report.events),
        "made": report.made,
        "last_event": words.last_event(report),
        "head": f"{report.head.number}:{report.head.hash}",
    }


VERBS = (export_report, check_report)
