"""What people say of a run: names that are unique, notes, tags, and runs that are put away."""

import pytest

from core import storage
from core.errors import RunError
from core.runs import about, config, run_store
from core.runs.run_store import Run
from tests.factories.archives import shipped_run


def make(run_id: str | None = None, **settings: object) -> Run:
    wanted = config.create("cnn-16", storage.demo_dir(), "recommended", **settings)
    return run_store.create(wanted, run_id)


def test_a_run_is_called_by_what_it_is_and_when_it_was_made() -> None:
    made = make("20261127-062659-cnn-16-da8b", epochs=5)
    assert about.called(made) == "CNN-16, 5 epochs · demo set · 27 Nov 06:26"
    fold = make("20261127-065526-cv-e525-fold-0", folds=3)
    assert about.called(fold) == "CNN-16, fold 1 of 3 · demo set · 27 Nov 06:55"
    assert about.called(make("mine")) == "mine"
    assert about.called(make("audit-cnn-16-size-1of3-ab12", inputs="size")).startswith("CNN-16, ")


def test_a_name_is_kept_and_nobody_else_may_have_it() -> None:
    one, other = make("one"), make("other")
    before = (one.path / "config.json").read_bytes()
    about.change(one, name="  First   try ", note="Slow.", tags=["good", " good", ""])
    assert about.called(Run(one.path)) == "First try" and about.of(one).tags == ("good",)
    for taken in ("First try", "one"):
        with pytest.raises(RunError, match="Another run, one"):
            about.change(other, name=taken)
    about.change(one, name="")
    assert about.called(one) == "one" and about.of(one).note == "Slow."
    assert (one.path / "config.json").read_bytes() == before


@pytest.mark.parametrize("mark", ["\x07", "\x7f", "\u202e", "\u2066", "\u200f", "\u200b"])
def test_a_character_that_does_not_show_is_refused_in_all_that_is_said(mark: str) -> None:
    run = make("one")
    for field, value in (("name", f"a{mark}b"), ("note", f"a\n{mark}b"), ("tags", [f"a{mark}b"])):
        with pytest.raises(RunError, match=rf"^{field}.* does not show"):
            about.change(run, **{field: value})
    about.change(run, name="ALL · Müller 血 👩‍🔬", note="two\nlines", tags=["ünï"])
    assert about.of(run).note == "two\nlines"


def test_digits_that_are_no_date_are_a_name() -> None:
    assert about.called(make("99999999-999999-cnn-16-ab12")) == "99999999-999999-cnn-16-ab12"


def test_two_runs_of_one_minute_are_told_apart() -> None:
    ends = ("10-cnn-16-aa01", "20-cnn-16-bb02")
    pair = [make(f"20261127-0626{end}") for end in ends]
    assert [name[-6:] for name in about.names(pair).values()] == ["(aa01)", "(bb02)"]


def test_side_by_side_runs_are_told_apart_by_what_they_do_not_share() -> None:
    runs = [make(name) for name in ("one", "two", "three")]
    for run, name in zip(runs, ("A · set · 1 May", "B · set · 2 May", "B · other"), strict=True):
        about.change(run, name=name)
    assert list(about.among(runs[:2]).values()) == ["A · 1 May", "B · 2 May"]
    assert list(about.among(runs).values()) == ["A · set · 1 May", "B · set · 2 May", "B · other"]
    assert list(about.among(runs[1:]).values()) == ["set · 2 May", "other"]
    assert list(about.among(runs[:1]).values()) == ["A · set · 1 May"]
    about.change(runs[0], name="B · set")
    assert list(about.among(runs[:2]).values()) == ["B · set", "B · set · 2 May"]


def test_a_run_is_put_away_unless_it_reads() -> None:
    reader, other = shipped_run(), shipped_run("demo-cnn-dropout")
    with pytest.raises(RunError, match="reads"):
        about.change(reader, archived=True)
    about.change(other, archived=True)
    assert about.at_hand(run_store.models()) == [reader]


def test_a_damaged_document_takes_no_run_away() -> None:
    run = make("one")
    (run.path / about.FILE).write_text("{")
    assert about.called(run) == "one" and not about.archived(run)
    with pytest.raises(RunError, match="damaged"):
        about.of(run)
