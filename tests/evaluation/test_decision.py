"""What a contract means for cells, by hand."""

import shutil

import numpy as np
import pandas as pd
import pytest

from core import storage
from core.errors import ConfigError
from core.evaluation import decision
from core.metrics import reliability
from core.report import operating_point
from core.runs import run_store
from core.runs.calibration import Calibration, Choice, Review
from tests.conftest import PROJECT

LABELS = np.array([1, 1, 1, 1, 0, 0])
VALUES = np.array([0.2, 0.5, 0.6, 0.9, 0.1, 0.7])


def _rows(groups: int = 6) -> pd.DataFrame:
    group = [f"g{n % groups}" for n in range(6)]
    return pd.DataFrame({"label": LABELS, "probability": VALUES, "group": group})


def test_shares_and_alarms_by_hand_at_the_parts_prevalence_and_at_another() -> None:
    contract = Calibration(temperature=1.0, threshold=0.5, reason="")
    own = decision.outcome(_rows(), contract)
    assert (own.missed.value, own.specificity.value) == (0.25, 0.5)
    assert own.false_alarms.value == pytest.approx(0.5 * 2 / 6)
    assert own.review is None and own.missed.interval is None  # two groups with HEM
    rare = decision.outcome(_rows(), contract, 0.1)
    assert rare.false_alarms.value == pytest.approx(0.5 * 0.9)
    assert "would miss 1 (25.0%)" in operating_point.sentence(rare, "test", "cells")
    assert "45.0 false alarms per 100 cells where 10%" in operating_point.sentence(
        rare, "test", "cells"
    )


def test_review_by_hand() -> None:
    review = Review(low=0.15, high=0.6)
    contract = Calibration(temperature=1.0, threshold=0.5, reason="", review=review)
    found = decision.outcome(_rows(), contract)
    assert found.review.value == 0.5  # 0.2, 0.5 and 0.6
    assert found.missed_outright.value == 0 and found.false_outright.value == 0.5
    assert "50% of the cells go to a person" in operating_point.sentence(found, "test", "cells")


def test_the_trade_off_ends_where_nothing_and_where_everything_is_missed() -> None:
    curve = decision.trade_off(LABELS, VALUES, 0.5)
    assert curve is not None
    assert (curve["missed"].iloc[0], curve["missed"].iloc[-1]) == (0, 1)
    assert (curve["false_alarms"].iloc[0], curve["false_alarms"].iloc[-1]) == (0.5, 0)
    assert curve["missed"].is_monotonic_increasing
    assert curve["false_alarms"].is_monotonic_decreasing
    assert decision.trade_off(np.ones(3), VALUES[:3]) is None


def test_net_benefit_by_hand_and_its_baselines() -> None:
    curve = decision.decision_curve(LABELS, VALUES)
    assert curve is not None
    at = curve["threshold"].tolist().index(0.5)
    assert curve["model"][at] == pytest.approx(3 / 6 - 1 / 6)
    assert curve["all"][at] == pytest.approx(4 / 6 - 2 / 6)
    at = curve["threshold"].tolist().index(0.8)
    assert curve["model"][at] == pytest.approx(1 / 6)
    assert curve["all"][at] == pytest.approx(4 / 6 - 2 / 6 * 4)
    assert curve["model"][0] == pytest.approx(curve["all"][0])  # everyone is above 1 %
    assert set(curve["none"]) == {0.0}


def test_the_model_never_beats_knowing_and_the_prior_is_shifted_with_the_prevalence() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(4000)
    labels = (rng.random(4000) < values).astype(int)
    for prevalence in (0.1, 0.5, 0.9):
        curve = decision.decision_curve(labels, values, prevalence)
        assert curve is not None
        model, everyone = np.array(curve["model"]), np.array(curve["all"])
        assert model.max() <= prevalence + 1e-9
        # Calibrated, and moved to the prevalence, it is nowhere worse than either baseline.
        assert (model >= np.maximum(everyone, 0) - 0.02).all()


def test_scores_of_reliability_by_hand() -> None:
    labels, values = np.array([1, 0, 1, 1]), np.array([0.95, 0.05, 0.55, 0.55])
    found = reliability.scores(labels, values)
    assert found["brier"] == pytest.approx((2 * 0.05**2 + 2 * 0.45**2) / 4)
    assert found["ece"] == pytest.approx((0.05 + 0.05 + 2 * 0.45) / 4)
    assert found["log_loss"] == pytest.approx(-(2 * np.log(0.95) + 2 * np.log(0.55)) / 4)
    assert [row["cells"] for row in reliability.curve(labels, values)] == [1, 2, 1]
    assert reliability.curve(np.array([1]), np.array([1.0]))[0]["stated"] == 1


def test_a_preview_tells_of_both_parts_and_writes_nothing(artifacts) -> None:
    path = storage.runs_dir() / "demo-cnn-16"
    shutil.copytree(PROJECT / "artifacts" / "runs" / path.name, path)
    run = run_store.get(path.name)
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    told = decision.preview(run, Choice(0.05, 0.3), 0.2)
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before
    assert list(told.parts) == ["validation", "test"] and told.shown_part == "test"
    assert told.parts["validation"].missed.value <= 0.05
    table = operating_point.table(told.parts, "cell")
    assert len(table) == 6 and list(table)[1:] == ["test", "validation"]
    scores = told.reliability["validation"]
    # A temperature is fitted to lower the log-loss of these very cells.
    assert scores["after"].scores["log_loss"] <= scores["before"].scores["log_loss"]
    stored = decision.preview(run, None)
    assert stored.calibration == run.calibration
    measured = run.metrics.test
    assert 1 - stored.parts["test"].missed.value == pytest.approx(measured.sensitivity)
    low, high = measured.intervals["specificity"]
    assert stored.parts["test"].specificity.interval == pytest.approx((low, high))
    with pytest.raises(ConfigError, match=r"prevalence is 1\.5"):
        decision.preview(run, None, 1.5)
