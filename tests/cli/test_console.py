"""How a verb prints its document."""

import io
import sys

import click
import pytest
from click.testing import CliRunner

from core.cli.app import main
from core.cli.console import prints


@pytest.mark.parametrize("rows", [[{"auc": 0.81234}], ({"auc": 0.81234},)], ids=["list", "tuple"])
def test_lists_and_tuples_are_printed_one_entry_a_line(rows: object) -> None:
    @click.command()
    @prints
    def verb() -> object:
        return {"runs": rows, "none": ()}

    printed = CliRunner().invoke(verb).output
    assert printed == "runs:\n  1:\n    auc: 0.8123\nnone: ()\n"


def test_names_do_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    @prints
    def verb() -> str:
        return "a\tb\n\x1b[2J\x9b1m\u202ec\rd\udcff"

    assert CliRunner().invoke(verb).output == "a\tb\n[2J1mcd\n"
    assert main(["read", "\x1b[31mno such file.png"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_an_output_that_lacks_a_character_gets_its_number(
    monkeypatch: pytest.MonkeyPatch, option: tuple[str, ...]
) -> None:
    @click.command()
    @prints
    def verb() -> str:
        return "细胞 é"

    file = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", file)
    assert main(["--help"]) == 0
    verb.main(option, standalone_mode=False)
    file.seek(0)
    printed = file.read()
    assert printed.endswith('"\\u7ec6\\u80de \\u00e9"\n' if option else "\\u7ec6\\u80de é\n")
