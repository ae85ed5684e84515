"""Thresholds and bands by hand, and what storing one leaves in the run folder."""

import shutil

import numpy as np
import pandas as pd
import pytest

from core import storage
from core.errors import ConfigError, DataError, RunError
from core.evaluation import evaluate
from core.evaluation import operating_point as points
from core.evaluation.operating_point import Part
from core.reading.reader import Reader
from core.report.operating_point import in_percents
from core.runs import config, run_store
from core.runs.calibration import Calibration, Choice, Review
from core.runs.run_store import Run
from tests.conftest import PROJECT

NAME = "demo-cnn-16"


def _calibration(threshold: float, review: Review) -> Calibration:
    return Calibration(temperature=1.0, threshold=threshold, reason="", review=review)


@pytest.fixture
def run(artifacts) -> Run:
    """A copy of a shipped demo run."""
    shutil.copytree(PROJECT / "artifacts" / "runs" / NAME, storage.runs_dir() / NAME)
    return run_store.get(NAME)


def _part(blasts: list[float], healthy: list[float], groups: int = 4, **more: str) -> Part:
    labels = np.repeat([1, 0], [len(blasts), len(healthy)])
    member = np.array([f"{'ah'[y]}{n % groups}" for n, y in enumerate(labels)])
    return Part(labels, np.array(blasts + healthy), member, **more)


@pytest.mark.parametrize(
    ("allowed", "highest"),
    [(0.05, 0.1), (0.1, 0.3), (0.2, 0.3), (0.3, 0.3), (0.4, 0.5), (0.9, 0.99), (0.95, 0.99)],
)
def test_the_observed_threshold_by_hand_with_ties(allowed: float, highest: float) -> None:
    scores = np.array([0.1, 0.3, 0.3, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99])
    assert points.observed(scores, allowed) == highest
    assert (scores < highest).mean() <= allowed + 1e-9


def test_the_threshold_lies_half_way_to_the_next_cell_below() -> None:
    part = _part([0.2, 0.4, 0.6, 0.8], [0.1, 0.3, 0.5])
    threshold, told = points.find_threshold(part, 0.25, "observed")
    assert threshold == pytest.approx(0.35) and told.missed == 0.25
    # One blast group loses its only cell: (1 + 1) / 5.
    assert told.promised == pytest.approx(0.4) and told.smallest_promise == 0.2
    assert "Not promised for new subjects: at most 40.0% missed" in told.reason
    threshold, told = points.find_threshold(part, 0.25, "promised")
    assert threshold == pytest.approx(0.15)
    assert (told.missed, told.promised) == (0.0, 0.2)
    assert "at most 20.0% missed, on average, is promised" in told.reason


def test_the_observed_threshold_never_falls_and_always_keeps_to_what_is_allowed() -> None:
    rng = np.random.default_rng(0)
    part = _part(np.round(rng.random(150), 2).tolist(), np.round(rng.random(90), 2).tolist(), 30)
    for basis in points.BASES:
        found = [
            points.find_threshold(part, allowed, basis) for allowed in np.linspace(0.05, 0.9, 30)
        ]
        assert [t for t, _ in found] == sorted(t for t, _ in found)
        for allowed, (_, told) in zip(np.linspace(0.05, 0.9, 30), found, strict=True):
            assert told.missed <= allowed + 1e-9
            assert basis == "observed" or told.promised <= allowed + 1e-9


def test_too_few_groups_are_told_with_the_least_that_can_be_promised() -> None:
    part = _part([0.2, 0.4, 0.6, 0.8], [0.1, 0.3, 0.5], groups=3)
    with pytest.raises(ConfigError, match=r"3 validation groups .* 25.0% is the least"):
        points.find_threshold(part, 0.05, "promised")
    assert "and never less than 25.0%" in points.find_threshold(part, 0.05, "observed")[1].reason


def test_a_missing_class_is_an_error_that_says_so() -> None:
    for part, name in ((_part([0.5], []), "HEM"), (_part([], [0.5]), "ALL")):
        with pytest.raises(DataError, match=f"no {name} images"):
            points.find_threshold(part, 0.1, "observed")
        with pytest.raises(DataError, match=f"no {name} images"):
            points.find_band(part, 0.5, 0.1, "observed")


def test_the_band_by_hand() -> None:
    part = _part([0.2, 0.5, 0.6, 0.9], [0.1, 0.4, 0.55, 0.7], groups=2)
    found = points.find_band(part, 0.45, 0.25, "observed")
    # Ruled out: ALL below 0.5 (one blast in four), HEM above 0.55 (one in four).
    assert (found.low, found.high) == (pytest.approx(0.45), pytest.approx(0.575))
    assert found.errors == {"ALL": 0.25, "HEM": 0.25}
    calls = [_calibration(0.45, found).call(p) for p in part.probabilities]
    assert calls == ["HEM", "review", "ALL", "ALL", "HEM", "HEM", "review", "ALL"]


@pytest.mark.parametrize("threshold", [0.02, 0.3, 0.5, 0.97])
@pytest.mark.parametrize("error", [0.02, 0.1, 0.3])
def test_a_band_keeps_its_errors_and_holds_the_threshold(threshold: float, error: float) -> None:
    rng = np.random.default_rng(3)
    part = _part(rng.beta(4, 2, 200).tolist(), rng.beta(2, 4, 150).tolist(), groups=60)
    found = points.find_band(part, threshold, error, "observed")
    promised = points.find_band(part, threshold, error, "promised")
    assert promised.low <= found.low <= threshold <= found.high <= promised.high
    for band in (found, promised):
        contract = _calibration(threshold, band)
        calls = np.array([contract.call(p) for p in part.probabilities])
        for label, other in ((1, "HEM"), (0, "ALL")):
            wrong = (calls[part.labels == label] == other).mean()
            assert wrong <= error and wrong == band.errors["HEM" if other == "ALL" else "ALL"]
    assert max(promised.promised.values()) <= error


def test_classes_that_are_apart_need_no_review() -> None:
    part = _part([0.8, 0.9], [0.1, 0.2], groups=2)
    found = points.find_band(part, 0.5, 0.1, "observed")
    assert found.low == found.high == 0.5
    assert _calibration(0.5, found).call(0.5) == "ALL"


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8, 0.999])
def test_a_cell_whose_interval_spans_the_threshold_goes_to_review(
    run: Run, threshold: float
) -> None:
    contract = run.calibration.replace(threshold=threshold)
    low, high = contract.uncertain
    assert 0 <= low <= threshold <= high <= 1
    for logit in np.linspace(-15, 15, 301):
        start, end = contract.interval_at(logit)
        probability = float(contract.probability(np.array(logit)))
        # The curves are linear between knots, and probabilities are not.
        if low + 0.01 < probability < high - 0.01:
            assert start <= threshold <= end
        if not low - 0.01 < probability < high + 0.01:
            assert not start <= threshold <= end
    part = _part([0.9, 0.8], [0.1, 0.2], groups=2)
    found = points.find_band(part, 0.5, 0.1, "observed", (0.3, 0.85))
    assert (found.low, found.high) == (0.3, 0.85)
    assert _calibration(0.5, found).call(0.8) == "review"


def test_an_old_contract_means_that_none_was_chosen(run: Run) -> None:
    first = ("method", "temperature", "threshold", "reason")  # all that the first version had
    storage.write_json(
        run.path / "calibration.json", {key: getattr(run.calibration, key) for key in first}
    )
    contract = run.calibration
    assert contract.review is None and contract.interval_at(0.0) is None
    assert contract.call(0.5) == "ALL" and contract.call(0.49) == "HEM"
    assert in_percents(contract.choice) == Choice()
    assert points.use(run, Choice()) == contract == run.calibration


def _consistent(run: Run) -> None:
    """No number of the run folder contradicts another."""
    contract, table, measured = run.calibration, run.predictions, run.metrics
    assert measured is not None
    expected = contract.probability(table["logit"].to_numpy())
    np.testing.assert_array_equal(table["probability"], expected)
    assert measured.parts == evaluate.measure_parts(table, contract)
    for name, rows in table.groupby("split"):
        calls, counts = measured.parts[name].calls, measured.parts[name].confusion
        assert sum(calls["ALL"].values()) == counts.tp + counts.fn
        if contract.review is None:
            assert calls["ALL"]["HEM"] == counts.fn and calls["HEM"]["ALL"] == counts.fp
        assert sum(map(sum, (c.values() for c in calls.values()))) == len(rows)


@pytest.mark.slow
def test_using_a_point_rewrites_all_that_depends_on_it_and_the_default_comes_back(run: Run) -> None:
    before, table, measured = run.calibration, run.predictions, run.metrics
    assert measured is not None
    used = points.use(run, Choice(0.05, 0.2, "temperature"))
    assert used == run.calibration and used.default == before
    _consistent(run)
    assert run.metrics.parts["validation"].sensitivity >= 0.95
    again = points.use(run, Choice(0.3))
    assert again.default == before and again.review is None
    assert run.metrics.parts["validation"].sensitivity >= 0.7
    points.use(run, Choice(0.1, calibration="none"))
    _consistent(run)
    assert run.calibration.temperature == 1.0
    assert points.use(run, Choice()) == before == run.calibration
    # The shipped probabilities were computed on another processor.
    np.testing.assert_allclose(run.predictions["probability"], table["probability"], rtol=1e-12)
    assert list(run.predictions.columns) == list(table.columns)
    for part, found in measured.parts.items():
        now = run.metrics.parts[part]
        assert (now.confusion, now.sensitivity) == (found.confusion, found.sensitivity)
        assert now.roc_auc == pytest.approx(found.roc_auc)
        assert now.intervals.keys() == found.intervals.keys()
        for name, interval in found.intervals.items():
            assert now.intervals[name] == (interval and pytest.approx(interval)), name
    assert not list(run.path.glob(".*"))


def test_the_test_part_has_no_say(run: Run) -> None:
    choice = Choice(0.1, 0.3, "temperature")
    first = points.propose(run, choice)
    table = run.predictions
    test = table["split"] != "validation"
    rng = np.random.default_rng(0)
    table.loc[test, "label"] = 1 - table.loc[test, "label"]
    table.loc[test, "logit"] = rng.normal(size=test.sum()).astype(table["logit"].dtype)
    table.to_parquet(run.path / "predictions.parquet", index=False)
    assert points.propose(run, choice) == first


def test_nothing_is_promised_of_subjects_unknown_or_trained_on(run: Run) -> None:
    measured = run.metrics
    leaking = measured.protocol.replace(leaking=True)
    measured.replace(protocol=leaking).write(run.path / "metrics.json")
    told = points.propose(run, Choice(0.3)).operating_point
    assert told.promised is told.smallest_promise is None
    assert "may have trained on the very subjects" in told.reason
    table = run.predictions.assign(group=pd.array([None] * len(run.predictions), "str"))
    table.to_parquet(run.path / "predictions.parquet", index=False)
    with pytest.raises(ConfigError, match="subjects of some validation images are unknown"):
        points.propose(run, Choice(0.3, basis="promised"))


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(0.0), "missed blasts is 0.0; it must lie between 0 and 1"),
        (Choice(1.0), "must lie between 0 and 1"),
        (Choice(0.1, float("nan")), "errors is nan"),
        (Choice(0.1, basis="hoped"), "'hoped' is not a basis"),
        (Choice(0.1, calibration="magic"), "'magic' is not a calibration"),
        (Choice(0.1, calibration="isotonic"), "isotonic regression needs 500 cells"),
        (Choice(0.05, basis="promised"), "17 validation groups with blasts are too few"),
    ],
)
def test_what_cannot_be_chosen_is_told_and_nothing_is_written(
    run: Run, choice: Choice, words: str
) -> None:
    before = {file.name: file.read_bytes() for file in run.path.iterdir()}
    with pytest.raises(ConfigError, match=words):
        points.use(run, choice)
    after = {f.name: f.read_bytes() for f in run.path.iterdir() if f.suffix != ".lock"}
    assert after == before


def test_an_unfinished_run_has_no_operating_point(artifacts) -> None:
    unfinished = run_store.create(config.create("cnn-16", PROJECT, "recommended"), "unfinished")
    with pytest.raises(RunError, match="is queued"):
        points.propose(unfinished, Choice(0.1))


@pytest.mark.slow
def test_every_reading_follows_the_stored_contract(run: Run) -> None:
    file = sorted((PROJECT / "artifacts" / "examples").glob("*.png"))[0]
    first = Reader(run).read(file).cells[0]
    assert first.interval is not None and first.leaning == first.call
    calls = {}
    for missed in (0.01, 0.9):
        points.use(run, Choice(missed, calibration="temperature"))
        cell = Reader(run).read(file).cells[0]
        assert cell.interval is not None
        low, high = cell.interval
        assert 0 <= low <= cell.probability <= high <= 1 and high - low > 0.01
        calls[missed] = cell.call
    assert calls == {0.01: "ALL", 0.9: "HEM"}
    points.use(run, Choice(0.5, 0.02))
    reader = Reader(run)
    reading = reader.read(file)
    (told,) = reading.to_json(reader.judge)["cells"]
    assert told["call"] == "review" and told["leaning"] in ("ALL", "HEM")
    assert told["cam"]["method"] == "hires-cam" and not reading.cells[0].undecided
    points.use(run, Choice())
    assert Reader(run).read(file).cells[0].probability == first.probability
