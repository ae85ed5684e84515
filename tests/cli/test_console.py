"""How a verb prints its document."""

import click
import pytest
from click.testing import CliRunner

from core.cli.console import prints


@pytest.mark.parametrize("rows", [[{"auc": 0.81234}], ({"auc": 0.81234},)], ids=["list", "tuple"])
def test_lists_and_tuples_are_printed_one_entry_a_line(rows: object) -> None:
    @click.command()
    @prints
    def verb() -> object:
        return {"runs": rows, "none": ()}

    printed = CliRunner().invoke(verb).output
    assert printed == "runs:\n  1:\n    auc: 0.8123\nnone: ()\n"
