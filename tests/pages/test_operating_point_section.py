"""The operating point as a person and a script choose it: the section on the page, the verb."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import storage
from core.cli import main
from core.evaluation import decision, operating_point
from core.evaluation.operating_point import Choice
from core.report.operating_point import beyond
from core.runs import run_store
from core.runs.run_store import Run
from pages.ui.common.text import CALLS
from tests.conftest import PROJECT
from tests.factories.app import words

NAME = "demo-cnn-16"


@pytest.fixture
def run(artifacts: Path) -> Run:
    """A copy of the shipped demo run."""
    shutil.copytree(PROJECT / "artifacts" / "runs" / NAME, storage.runs_dir() / NAME)
    return run_store.get(NAME)


def _page() -> None:
    from core.runs import run_store
    from pages.ui.models import operating_point as thresholds

    thresholds.show(run_store.get("demo-cnn-16"))


def opened() -> AppTest:
    app = AppTest.from_function(_page, default_timeout=60).run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [button for button in app.button if button.label == label]
    button.click().run()
    assert not app.exception
    return app


@pytest.mark.slow
def test_a_choice_is_shown_stored_and_taken_back(run: Run) -> None:
    app = opened()
    said = words(app)
    assert "When does it call a blast?" in said
    assert "from a probability of 50% on; as trained" in said
    least = operating_point.propose(run, Choice(0.05)).operating_point.smallest_promise
    assert "Not promised for new subjects" in said
    assert any(f"never less than {least:.1%}" in (one.help or "") for one in app.markdown)
    assert [b.disabled for b in app.button] == [False, True]
    app.slider[0].set_value(10.0).run()
    assert run.calibration.threshold == 0.5  # only looked at
    press(app, "Use this operating point")
    stored = run.calibration
    assert stored.operating_point.max_missed == pytest.approx(0.1)
    assert app.slider[0].value == 10.0 and "chosen for this model" in words(app)
    assert {b.label: b.disabled for b in app.button} == {
        "In use": True,
        "Back to the default": False,
    }
    press(app, "Back to the default")
    assert run.calibration.threshold == 0.5 and "as trained" in words(app)


def test_more_misses_than_were_allowed_are_said_to_be_so(run: Run) -> None:
    table = run.predictions
    blasts = (table["split"] == "test") & (table["label"] == 1)
    for change, more in ((2, False), (-4, True)):
        table.loc[blasts, "logit"] += change
        table.to_parquet(run.path / "predictions.parquet", index=False)
        assert ("More than the 5.0% allowed" in words(opened())) is more
    outcome = decision.preview(run, Choice(0.05)).parts["test"]
    missed = outcome.missed.value
    assert missed is not None and missed > 0.05
    assert beyond(outcome, "test", Choice(missed - 0.01))
    assert not beyond(outcome, "test", Choice(missed)) and not beyond(outcome, "test", Choice())


@pytest.mark.slow
def test_review_and_promises_are_chosen_by_switches(run: Run) -> None:
    app = opened()
    app.toggle[0].set_value(True).run()
    assert "go to a person" in words(app) and len(app.slider) == 2
    press(app, "Use this operating point")
    assert run.calibration.review.target_error == pytest.approx(0.1)
    app.toggle[1].set_value(True).run()
    assert "too few to promise 5.0%" in app.warning[0].value
    assert app.button[0].disabled and not app.button[1].disabled
    app.slider[0].set_value(20.0).run()
    app.slider[1].set_value(25.0).run()
    assert not app.warning
    promised = operating_point.propose(run, Choice(0.2, 0.25, basis="promised")).operating_point
    assert f"at most {promised.promised:.1%} missed, on average, is promised" in words(app)


def test_a_validation_part_without_blasts_says_what_cannot_be(run: Run) -> None:
    table = run.predictions
    table = table[(table["split"] != "validation") | (table["label"] == 0)]
    table.to_parquet(run.path / "predictions.parquet", index=False)
    run.calibration.write(run.path / "calibration.json")  # as a new run has its own
    app = opened()
    assert "no ALL images" in app.warning[0].value and app.button[0].disabled


@pytest.mark.parametrize(("share", "shown"), [(0.07, 7.0), (0.9, 50.0), (0.001, 0.5)])
def test_what_a_script_chose_is_what_the_page_begins_with(
    run: Run, share: float, shown: float
) -> None:
    operating_point.use(run, Choice(share, share, "temperature"))
    app = opened()
    assert [slider.value for slider in app.slider] == [shown, shown]
    assert (app.button[0].label == "In use") == (share == 0.07)


def test_every_call_has_its_word_and_shape() -> None:
    assert list(CALLS) == ["ALL", "HEM", "review"]
    assert len({text[text.index("[") + 1] for text in CALLS.values()}) == 3
    assert all(f"**{call}**" in text for call, text in CALLS.items())


def tell(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["operating-point", NAME, *options, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_verb_tells_chooses_and_goes_back(run: Run, capsys: pytest.CaptureFixture) -> None:
    told = tell(capsys)
    assert told["default"] is True and told["operating_point"] is told["review"] is None
    assert told["threshold"] == 0.5 and run.calibration.default is None
    told = tell(
        capsys, "--max-missed", "0.05", "--review-error", "0.3", "--calibration", "temperature"
    )
    assert told["default"] is False and told["threshold"] == run.calibration.threshold
    assert told["operating_point"]["max_missed"] == 0.05
    groups = run.predictions.query("split == 'validation'")["group"].nunique()
    assert told["fitted_on"]["groups"] == groups
    assert told["validation"]["missed"]["value"] <= 0.05
    assert set(told["test"]["probabilities"]) == {"before", "after"}
    assert tell(capsys)["test"]["review"]["value"] is not None  # told again, not changed
    assert tell(capsys, "--default")["default"] is True and run.calibration.threshold == 0.5
    assert main(["operating-point", NAME, "--max-missed", "0.05", "--basis", "promised"]) == 2
    assert "too few to promise 5.0%" in capsys.readouterr().err
    assert main(["operating-point", NAME, "--default", "--max-missed", "0.05"]) == 2


@pytest.mark.process
def test_a_reading_from_the_shell_follows_the_chosen_point(
    run: Run, capsys: pytest.CaptureFixture
) -> None:
    options = ["operating-point", NAME, "--max-missed", "0.9", "--calibration", "temperature"]
    command = [sys.executable, "-m", "core", *options, "--json"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout)["threshold"] == run.calibration.threshold, done.stderr
    file = sorted((PROJECT / "artifacts" / "examples").glob("*.png"))[0]
    assert main(["read", str(file), "--run", NAME, "--json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)[0]["cells"]
    assert cell["call"] == cell["leaning"] == "HEM"
    low, high = cell["interval"]
    assert 0 <= low < cell["probability"] < high <= 1
