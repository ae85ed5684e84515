"""The registry of campaigns counts trials by place and outcome, and lists broken promises."""

import importlib
import json
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from benchmarks import chaos
from benchmarks.__main__ import main
from benchmarks.chaos import CAMPAIGNS, Trial


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_every_campaign_is_a_module_of_the_tests(name: str) -> None:
    assert callable(importlib.import_module(f"tests.chaos.{name}").campaign)


def test_trials_are_counted_and_those_that_broke_a_promise_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[int, float]] = []

    def campaign(seed: int, seconds: float) -> Iterator[Trial]:
        asked.append((seed, seconds))
        yield Trial("a door", "opened", True, 7, seconds=0.5)
        yield Trial("a door", "opened", True, 8, mib=3.0)
        yield Trial("a door", "no end", False, 9, "a file that hangs")

    module = SimpleNamespace(campaign=campaign)
    monkeypatch.setattr(chaos.importlib, "import_module", lambda name: module)
    figures = chaos.run("uploads", 7, 2.0)
    assert asked == [(7, 2.0)]
    assert figures["trials"] == 3 and figures["a door"] == {"no end": 1, "opened": 2}
    assert (figures["slowest_seconds"], figures["largest_mib"]) == (0.5, 3.0)
    assert figures["broken"] == {"a door, seed 9": "no end: a file that hangs"}
    assert not figures["promises"].holds


def test_it_prints_its_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chaos", "--only", "uploads", "--seconds", "1", "--seed", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["bars"][0]["name"] == "promises broken by uploads"
    assert document["bars"][0]["holds"] and document["figures"]["uploads"]["trials"] >= 5
