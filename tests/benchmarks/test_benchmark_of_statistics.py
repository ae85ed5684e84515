"""The benchmark of the group bootstrap, small: both ways agree, and its document has its bars."""

import json

import numpy as np
import pytest

from benchmarks import statistics
from benchmarks.__main__ import main
from core.errors import DataError
from core.metrics import bootstrap


def test_it_prints_figures_and_bars(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statistics", "--json", "--images", "400", "--rounds", "1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["figures"]["predictions"] == 400 and told["figures"]["models"] == 10
    assert told["figures"]["resamples"] == bootstrap.RESAMPLES == 2000
    seconds, faster = told["bars"]
    assert seconds["target"] == 5.0 and seconds["holds"] == (seconds["value"] <= 5.0)
    assert "plain loop" in faster["name"]


def test_a_disagreement_is_an_error_not_a_figure() -> None:
    groups, models = statistics.predictions(300)
    drawn = bootstrap.resample(models[0][0], groups, resamples=20)
    ours = [bootstrap.replicates(drawn, *models[0], 0.5)]
    peer = [statistics.plain_loop(drawn, *models[0])]
    statistics.agree(ours, peer)
    peer[0]["roc_auc"] = peer[0]["roc_auc"] + np.float64(1e-3)
    with pytest.raises(DataError, match="disagree about roc_auc"):
        statistics.agree(ours, peer)
