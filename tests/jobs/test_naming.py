"""Names for jobs that their users gave none."""

import itertools
import secrets
from pathlib import Path

import pytest

from core.jobs import naming
from core.runs import config, run_store
from core.tuning import sweep_store
from core.tuning.sweep_store import Plan


def each_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has random digits come in pairs that are alike, at one moment."""
    monkeypatch.setattr(naming, "now", lambda: "20260102-030405")
    digits = (f"{number // 2:04x}" for number in itertools.count())
    monkeypatch.setattr(secrets, "token_hex", lambda count: next(digits))


def test_a_name_that_is_taken_is_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_twice(monkeypatch)
    for expected in ("fold-0000", "fold-0001", "fold-0002"):
        assert naming.free_name("fold", tmp_path) == expected
        (tmp_path / expected).mkdir()


def test_jobs_of_one_second_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    each_twice(monkeypatch)
    wanted = config.create("cnn-16", Path("data"), "recommended")
    assert len({run_store.create(wanted).run_id for _ in range(5)}) == 5
    plan = Plan(kind="cross-validation", base=wanted.replace(folds=3))
    assert len({sweep_store.create(plan).name for _ in range(5)}) == 5
