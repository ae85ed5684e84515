"""What benchmarks share: limits and their bars, figures as JSON has them, settings put back."""

import os

import numpy as np
import pytest

from benchmarks.measure import Rounds, above, alternate, at_least, at_most, bars_of, plain
from benchmarks.workbench import artifacts, run_python
from core.errors import RunError


def test_a_limit_is_held_on_its_side_and_names_what_it_is_of() -> None:
    holds = [limit("x", 2.0)(2.0).holds for limit in (at_most, at_least, above)]
    assert holds == [True, True, False]
    assert at_most("{} beside {}", 2.0)(2.1, "a", "b").name == "a beside b"
    assert not at_most("x", 2.0)(2.1).holds and not at_least("x", 2.0)(1.9).holds


def test_bars_are_found_among_figures_in_their_order_and_shown_as_their_values() -> None:
    first, second = at_most("first", 1.0)(0.5), at_least("second", 1.0)(np.float64(1 / 3))
    figures = {"a": {"b": first, "c": 3}, "d": "text", "e": second, "f": [np.int64(2), None]}
    assert bars_of(figures) == [first, second]
    assert plain(figures) == {"a": {"b": 0.5, "c": 3}, "d": "text", "e": 0.33333, "f": [2, None]}
    assert plain(Rounds.of([3.0, 1.0, 2.0])) == {
        "median": 2.0,
        "minimum": 1.0,
        "maximum": 3.0,
        "rounds": 3,
    }


def test_contenders_take_turns() -> None:
    calls: list[str] = []
    contenders = {name: lambda name=name: calls.append(name) for name in "ab"}
    taken = alternate(contenders, 2, before=lambda: calls.append("-"))
    assert calls == ["-", "a", "-", "b"] * 2 and taken["a"].rounds == 2


def test_temporary_artifacts_are_removed_and_the_setting_is_put_back() -> None:
    before = os.environ["BLASTLENS_ARTIFACTS"]
    with artifacts() as folder:
        assert os.environ["BLASTLENS_ARTIFACTS"] == str(folder) and folder.is_dir()
    assert os.environ["BLASTLENS_ARTIFACTS"] == before and not folder.exists()


def test_a_process_that_fails_is_an_error_with_its_last_words() -> None:
    assert run_python("It", "-c", "print(2)") == "2\n"
    with pytest.raises(RunError, match="It failed: ValueError: no"):
        run_python("It", "-c", "raise ValueError('no')")
