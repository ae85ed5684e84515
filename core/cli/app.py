"""The command line, `blastlens` or `python -m core`: the verbs of the pages.

With --json a verb prints one JSON document on standard output and nothing else. An error is one
line on standard error and exit status 2. To add a verb, write a function in one of the modules
beside this one, and add it to the `VERBS` of that module.
"""

import io
import subprocess
import sys
from collections.abc import Iterator

import click

from core import settings, storage
from core.cli import (
    adopt,
    case_reports,
    cases,
    clean,
    data,
    evaluate,
    models,
    read,
    runs,
    score,
    teach,
    train,
    tune,
)
from core.errors import BlastLensError, DiskError
from core.untrusted.fields import shown

INTERRUPTED = 130  # exit status after Ctrl-C, as shells use it
# The modules whose verbs stand under each heading of `blastlens --help`.
SECTIONS = {
    "Data sets": (data,),
    "Training": (train, tune),
    "Runs and models": (runs, adopt, evaluate, models),
    "Reading": (read, score),
    "Cases": (cases, teach),
    "Upkeep": (clean,),
}


class SectionedGroup(click.Group):
    """Lists its verbs by `SECTIONS`, in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        across = max(map(len, self.commands))
        room = formatter.width - across - 6
        for title, verbs in _sections():
            with formatter.section(title):
                lines = [(f"{verb.name:{across}}", verb.get_short_help_str(room)) for verb in verbs]
                formatter.write_dl(lines)


def _sections() -> Iterator[tuple[str, list[click.Command]]]:
    yield "App", [app]
    for title, modules in SECTIONS.items():
        yield title, [verb for module in modules for verb in module.VERBS]


@click.group(cls=SectionedGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(settings.version(), prog_name="BlastLens")
def blastlens() -> None:
    """Reads single stained cells for leukemic blasts, and says how far to believe each reading.

    With --json a verb prints one JSON document on standard output. An error is one line on standard
    error and exit status 2.
    """


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def app(options: tuple[str, ...]) -> None:
    """Opens the app in the browser.

    OPTIONS are those of `streamlit run`.
    """
    script = str(settings.PROJECT / "app.py")
    command = [sys.executable, "-m", "streamlit", "run", script, *options]
    # Streamlit reads .streamlit/config.toml of the folder that it starts in.
    folder = storage.SHIPPED if storage.SHIPPED.is_dir() else settings.PROJECT
    raise SystemExit(subprocess.run(command, cwd=folder).returncode)


for _, verbs in _sections():
    for verb in verbs:
        blastlens.add_command(verb)
for verb in case_reports.VERBS:
    cases.cases.add_command(verb)


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; returns the exit status."""
    _encode_all()
    try:
        storage.seed_artifacts()
        blastlens.main(arguments, prog_name="blastlens", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        verb_name = error.ctx.command_path if error.ctx else "blastlens"
        return _fail(f"{verb_name}: {error.format_message()} ({verb_name} --help explains it)")
    except click.ClickException as error:
        return _fail(error.format_message())
    except click.Abort:
        return INTERRUPTED
    except BlastLensError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(str(DiskError.of(error, "the system")))
    return 0


def _fail(message: str) -> int:
    click.echo(shown(" ".join(message.split())), err=True)
    return 2


def _encode_all() -> None:
    """Writes `\\uXXXX` for what an output cannot encode, as a file of Windows cannot."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
