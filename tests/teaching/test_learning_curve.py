"""What more decided cells would bring."""

import numpy as np
import pytest

from core.metrics import learning_curve as power_law
from core.teaching import learning_curve


def cells_of(
    patients: int, each: int, signal: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, 6) of which one tells the classes apart, labels, and patients."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], patients * each // 2)
    groups = np.repeat([f"p{n}" for n in range(patients)], each)
    features = rng.normal(size=(len(labels), 6))
    features[:, 0] += (
        signal * labels + rng.normal(0, 0.5, patients)[np.repeat(range(patients), each)]
    )
    return features, labels, groups


def test_a_power_law_is_found_again() -> None:
    cells = np.array([50, 100, 200, 400])
    errors = np.stack([0.1 + 2 * cells**-0.5, 0.05 + 0.5 * cells**-0.2, np.full(4, 0.3)])
    law = power_law.fit(cells, errors)
    assert law.at(800)[:2] == pytest.approx([0.1 + 2 * 800**-0.5, 0.05 + 0.5 * 800**-0.2], abs=2e-3)
    assert law.at(800)[2] == pytest.approx(0.3)


def test_no_curve_rises_or_falls_below_zero() -> None:
    rng = np.random.default_rng(0)
    law = power_law.fit(np.array([40, 60, 80, 100]), rng.uniform(0, 0.4, (200, 4)))
    assert (law.floor >= 0).all() and (law.height >= 0).all()
    assert (law.at(150) <= law.at(100) + 1e-12).all()


def test_the_curve_has_nested_sizes_areas_on_other_patients_and_a_gain() -> None:
    features, labels, groups = cells_of(12, 20, signal=1.5)
    curve = learning_curve.measure(features, labels, groups)
    assert [round(point.patients) for point in curve.points] == [4, 5, 7, 9]
    assert [round(point.cells) for point in curve.points] == [80, 100, 140, 180]
    # The one telling feature is worth Phi(1.5 / sqrt(2 + 2 * 0.25)) = 0.83.
    assert 0.75 < (curve.points[-1].roc_auc.value or 0) < 0.9
    assert curve.now.value is not None and curve.gain.value is not None
    assert curve.gain.interval and curve.gain.interval[0] <= curve.gain.value
    assert "50 more cells, of about 2 more patients, would raise the ROC AUC" in curve.sentence


def test_noise_promises_nothing() -> None:
    features, labels, groups = cells_of(12, 20, signal=0)
    curve = learning_curve.measure(features, labels, groups)
    assert curve.gain.low is not None and curve.gain.low <= 0
    assert "It may be nothing" in curve.sentence


@pytest.mark.parametrize("patients", [2, 7])
def test_too_few_patients_are_said(patients: int) -> None:
    curve = learning_curve.measure(*cells_of(patients, 20, signal=1))
    assert curve.points == () and "cannot be estimated: a learning curve takes 8" in curve.sentence
