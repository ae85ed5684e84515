"""The benchmark of audits: its bars hold only where an interval lies above zero; its document."""

import json
from typing import Any

import pytest

from benchmarks import belief, workbench
from benchmarks.__main__ import main
from core.audit import ablations
from core.report import audits
from core.runs.run_store import Run
from tests.factories.ablation_runs import audited, base, skilled


def test_a_bar_holds_only_where_the_interval_lies_above_zero() -> None:
    intervals = ([0.01, 0.2], [0.0, 0.2], [-0.1, 1], None)
    holds = [belief.lower_end(belief.GAP, {"interval": it}).holds for it in intervals]
    assert holds == [True, False, False, False]


def test_it_prints_both_audits_and_their_bars(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With predictions that are made up in place of trained ones."""
    drawn: list[dict[str, Any]] = []

    def draw(root: object, **settings: Any) -> object:
        drawn.append(settings)
        return root

    def train(key: str, root: object, **settings: Any) -> Run:
        sides = {"model": skilled(1.5), "image": skilled(3), "silhouette": skilled(0.1)}
        return audited(base(), sides | {"size": skilled(0.2)})

    monkeypatch.setattr(workbench, "write_dataset", draw)
    monkeypatch.setattr(belief, "train", train)
    monkeypatch.setattr(belief.launcher, "start_audit", lambda run, audit: [])
    assert main(["belief", "--only", "controls", "--images", "240", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert drawn == [{"cells": 240, "subjects": 40}]
    assert [bar["name"] for bar in document["bars"]] == [
        "lead on silhouette, lower end",
        "lead on size, lower end",
    ]
    assert all(bar["holds"] and bar["value"] > 0 for bar in document["bars"])
    assert document["figures"]["controls"]["doubt"] is False

    assert main(["belief", "--only", "leakage", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document["figures"]) == {"leakage"} and len(document["bars"]) == 1
    assert drawn[-1] == {"cells": 1000, "subjects": 40}


def test_the_figures_are_those_that_the_page_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belief.launcher, "start_audit", lambda run, audit: [])
    run = audited(base(), {"model": skilled(1), "image": skilled(2)})
    shown = audits.to_json(audits.measure("leakage", ablations.find(run, "leakage")))
    assert belief.audited(run, "leakage") == shown
