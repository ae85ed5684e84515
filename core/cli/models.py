"""Verbs of the command line that choose, describe, export and import models."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import storage
from core.archive import archive
from core.errors import ConfigError
from core.runs import active_model, run_store
from core.runs.run_store import Run
from core.workers import verification


def promote(options: argparse.Namespace) -> dict[str, Any]:
    """Makes a run the one that reads."""
    run = run_store.get(options.run)
    changed = active_model.changed_since(run)
    return asdict(active_model.promote(run)) | {"engine_changed": changed is not None}


def undo_promotion(options: argparse.Namespace) -> dict[str, Any]:
    """Goes back to the run that read before."""
    undone = active_model.undo()
    return asdict(undone) | {"active": active_model.active().run_id}


def card(options: argparse.Namespace) -> dict[str, Any] | str:
    """Prints or writes a run's model card: Markdown, or HTML."""
    from core.doctor import catalogue
    from core.report.card import render, sections, texts

    run = run_store.get(options.run)
    for text in options.fill:
        field, equals, words = text.partition("=")
        if not equals:
            raise ConfigError(f"--fill takes FIELD=TEXT, not {text!r}.")
        texts.write(run, field, words)
    made = sections.build(run, catalogue.examine(run))
    text = render.html(made) if options.html else render.markdown(made)
    if options.out:
        with storage.atomic(Path(options.out)) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return {"run": run.run_id, "file": options.out, "gaps": made.gaps}
    return sections.to_json(made) if options.json else text


def export(options: argparse.Namespace) -> dict[str, Any]:
    """Writes a whole run as one archive."""
    run, file = run_store.get(options.run), Path(options.file)
    files = archive.export(run, file)
    left = sorted(path.name for path in run.path.iterdir() if path.name not in files)
    facts = {"bytes": file.stat().st_size, "sha256": storage.sha256(file)}
    return {"run": run.run_id, "file": str(file), **facts, "files": files, "left_out": left}


def import_(options: argparse.Namespace) -> dict[str, Any]:
    """Verifies an archive of a run and places the run beside the others."""
    differences: list[float] = []

    def check(run: Run) -> None:
        differences.append(verification.verify(run))

    wanted = check if options.verify_keras else None
    run = archive.import_run(Path(options.file), options.name, check=wanted)
    came = run.imported or {}
    return {
        "run": run.run_id,
        "exported_as": came.get("run"),
        "keras_logit_difference": differences[0] if differences else None,
    }


def options_of_run(sub: argparse.ArgumentParser) -> None:
    """The run that a verb is about."""
    sub.add_argument("run", metavar="RUN")


def options_of_card(sub: argparse.ArgumentParser) -> None:
    """The options of `card`."""
    options_of_run(sub)
    sub.add_argument("--html", action="store_true", help="one HTML page; default: Markdown")
    sub.add_argument("--out", metavar="FILE", help="default: standard output")
    sub.add_argument("--fill", action="append", default=[], metavar="FIELD=TEXT", help=_fields())


def _fields() -> str:
    from core.report.card.texts import FIELDS

    return f"your words for a gap, kept with the run: {', '.join(FIELDS)}"


def options_of_export(sub: argparse.ArgumentParser) -> None:
    """The options of `export`."""
    options_of_run(sub)
    sub.add_argument("file", metavar="FILE", help=f"say RUN{archive.SUFFIX}")


def options_of_import(sub: argparse.ArgumentParser) -> None:
    """The options of `import`."""
    sub.add_argument("file", metavar="FILE")
    sub.add_argument("--as", dest="name", metavar="NAME", help="default: the name it had")
    sub.add_argument(
        "--verify-keras",
        action="store_true",
        help="also load model.keras in safe mode, and compare it with the engine",
    )
