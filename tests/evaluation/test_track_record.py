"""What calls and probabilities were worth on a test part, by hand-made predictions."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from core.evaluation.test_set import TestSet
from core.evaluation.track_record import measure
from core.metrics.estimate import NO_SPREAD, TOO_FEW_GROUPS
from core.report.cell.track_record import tell
from tests.factories import invented


def log_odds(probabilities: Sequence[float]) -> np.ndarray:
    values = np.asarray(probabilities, float)
    return np.log(values / (1 - values))


def one_of_each(
    probabilities: dict[str, list[float]], repeats: int = 1, name: str = "made"
) -> TestSet:
    """A run whose test part has each probability once a class and group, a group each."""
    cells = [(label, p) for label in ("HEM", "ALL") for p in probabilities[label] * repeats]
    test = pd.DataFrame(
        {
            "image_id": [f"{n:05d}.bmp" for n in range(len(cells))],
            "sha256": [f"{n:064x}" for n in range(len(cells))],
            "subject": [f"{n}" for n in range(len(cells))],
            "group": [f"{n}" for n in range(len(cells))],
            "label": [int(label == "ALL") for label, _ in cells],
        }
    )
    return invented.run(name, test, log_odds([p for _, p in cells]))


def test_a_call_is_worth_the_share_of_blasts_among_the_cells_called_so() -> None:
    """Called ALL: 3 blasts of 4 cells; called HEM: 1 of 4. An interval holds the value."""
    test = one_of_each({"ALL": [0.9, 0.8, 0.7, 0.2], "HEM": [0.6, 0.3, 0.2, 0.1]}, repeats=5)
    found = measure(test).calls
    assert {call: record.cells for call, record in found.items()} == {"ALL": 20, "HEM": 20}
    assert found["ALL"].blasts.value == 0.75 and found["HEM"].blasts.value == 0.25
    for record in found.values():
        low, high = record.blasts.interval
        assert 0 < low < record.blasts.value < high < 1
    said = tell(test.run).calls["HEM"]
    assert said.startswith("Of 100 cells of unseen subjects that it called HEM, 25 were blasts (95")
    assert said.endswith("Measured on 20 such calls, where 50 of 100 cells are blasts.")


def test_cells_of_the_review_band_count_for_no_call() -> None:
    """Between 0.25 and 0.65 there is no call: of the cells called ALL all are blasts now."""
    test = one_of_each({"ALL": [0.9, 0.8, 0.7, 0.2], "HEM": [0.6, 0.3, 0.2, 0.1]}, repeats=5)
    review = {"low": 0.25, "high": 0.65}
    test.run.calibration.replace(review=review).write(test.run.path / "calibration.json")
    found = measure(TestSet.load(test.run)).calls
    assert {call: record.cells for call, record in found.items()} == {"ALL": 15, "HEM": 15}
    assert found["ALL"].blasts.value == 1.0 and found["ALL"].blasts.reason == NO_SPREAD
    assert found["HEM"].blasts.value == pytest.approx(1 / 3)
    assert set(tell(test.run).calls) == {"ALL", "HEM"}


def test_a_call_that_was_never_made_has_no_worth() -> None:
    test = one_of_each({"ALL": [0.9, 0.8, 0.7], "HEM": [0.6, 0.7, 0.8]})
    record = measure(test).calls["HEM"]
    assert (record.cells, record.blasts.value) == (0, None)
    assert "was called HEM" in tell(test.run).calls["HEM"]


@pytest.mark.parametrize(
    ("stated", "words"), [(0.1, "10 points too high"), (-0.1, "10 points too low")]
)
def test_probabilities_that_run_off_are_said_to_and_in_which_direction(
    stated: float, words: str
) -> None:
    """The mean probability is 0.5 + stated, and half of the cells are blasts."""
    near = [0.6, 0.65, 0.7]
    test = one_of_each(
        {"ALL": [p + stated for p in near], "HEM": [1 - p + stated for p in near]}, repeats=5
    )
    record = measure(test)
    assert record.bias.value == pytest.approx(stated) and record.biased
    assert f"ran about {words} on cells of unseen subjects." in tell(test.run).probabilities


def test_a_small_or_uncertain_bias_is_not_said() -> None:
    small = one_of_each({"ALL": [0.7, 0.71, 0.75] * 5, "HEM": [0.3, 0.33, 0.33] * 5}, name="small")
    assert measure(small).bias.low > 0 and measure(small).bias.value == pytest.approx(0.02)
    wide = one_of_each({"ALL": [0.3, 0.95, 0.99], "HEM": [0.95, 0.1, 0.21]}, name="wide")
    assert measure(wide).bias.low < 0 and measure(wide).bias.value == pytest.approx(0.5 / 6)
    few = one_of_each({"ALL": [0.9, 0.9], "HEM": [0.9, 0.9]}, name="few")
    assert measure(few).bias.reason == TOO_FEW_GROUPS
    for test in (small, wide, few):
        assert not measure(test).biased and tell(test.run).probabilities == ""


def test_unseen_is_said_of_subjects_that_were_not_trained_on_alone() -> None:
    table = invented.cells()
    said = invented.logits(table, 1)
    leaking = invented.run("leaking", table, said, leaking=True)
    unknown = invented.run(
        "unknown", table, said, leaking=True, synthetic=True, protocol={"unknown_subjects": 3}
    )
    assert "subjects that it had also trained on" in tell(leaking.run).calls["ALL"]
    assert "synthetic cells of unknown subjects" in tell(unknown.run).calls["ALL"]


def test_a_run_that_lost_its_test_part_says_so_and_can_still_read() -> None:
    test = one_of_each({"ALL": [0.9], "HEM": [0.1]})
    (test.run.path / "predictions.parquet").unlink()
    told = tell(test.run)
    assert told.figures is None and "has no predictions" in told.calls["ALL"]
