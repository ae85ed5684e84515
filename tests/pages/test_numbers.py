"""Number fields: each says its range, and a value beyond it starts nothing and is not replaced."""

import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import run_store
from core.runs.config import RunConfig
from pages.ui.common import numbers
from tests.conftest import PROJECT
from tests.factories.app import button, open_page, words


def field(app: AppTest, label: str) -> Any:
    return next(one for one in app.number_input if one.label == label)


def test_a_field_says_its_range_and_hands_on_what_was_typed() -> None:
    def page() -> None:
        import streamlit as st

        from pages.ui.common import numbers

        typed = numbers.number(st.container(), "Folds", (3, 100), 5, help="One run each")
        share = numbers.number(st.container(), "Share", (0, 1), None, excluded=True, step=0.1)
        st.caption(f"typed {typed}, {share}")

    app = AppTest.from_function(page).run()
    assert field(app, "Folds").help == "One run each. From 3 to 100."
    assert field(app, "Share").help == "More than 0 and less than 1."
    assert "typed 5, None" in words(app) and ":red" not in words(app)
    field(app, "Folds").set_value(2)
    field(app, "Share").set_value(1.0).run()
    assert "typed 2, 1.0" in words(app)
    assert "Folds is 2; it can be from 3 to 100." in words(app)
    assert "Share is 1; it can be more than 0 and less than 1." in words(app)


@pytest.mark.parametrize(
    ("value", "excluded", "expected"),
    [
        (3, False, True),
        (100, False, True),
        (2, False, False),
        (101, False, False),
        (3, True, False),
        (100, True, False),
        (4, True, True),
        (None, True, True),
    ],
)
def test_limits(value: float | None, excluded: bool, expected: bool) -> None:
    assert numbers.within(value, (3, 100), excluded=excluded) == expected


def test_no_page_has_a_number_field_of_another_kind() -> None:
    """One that keeps its limits would put another value in place of one beyond them."""
    files = sorted((PROJECT / "pages").rglob("*.py"))
    others = [
        file
        for file in files
        if re.search(r"\.number_input\(", file.read_text(encoding="utf-8"))
        and file.name != "numbers.py"
    ]
    assert others == []


@pytest.mark.parametrize(
    ("label", "value", "reason"),
    [
        ("Folds", 2, "folds is 2; it must be 0 (one split) or at least 3."),
        ("Folds", 0, "folds is 0; a cross-validation has at least 3."),
        ("Folds", 101, "folds is 101; it must lie between 0 and 100."),
        ("Epochs", 0, "epochs is 0; it must lie between 1 and 1000."),
        ("Seed", -1, "seed is -1; it must lie between 0 and 2147483647."),
    ],
)
def test_tune_starts_nothing_out_of_range(
    workspace: Path, label: str, value: int, reason: str
) -> None:
    app = open_page("tune")
    assert not button(app, "Start").disabled
    field(app, label).set_value(value).run()
    assert field(app, label).value == value
    assert button(app, "Start").disabled and reason in words(app)
    field(app, label).set_value(4).run()
    assert not button(app, "Start").disabled and reason not in words(app)


def test_a_search_keeps_its_settings_while_trials_are_out_of_range(workspace: Path) -> None:
    app = open_page("tune")
    app.segmented_control[0].select("search").run()
    app.pills[0].set_value(["l2"]).run()
    for label, wrong, right in (("Trials", 0, 4), ("Epochs", 1001, 4)):
        field(app, label).set_value(wrong).run()
        assert button(app, "Start").disabled
        assert f"{label.lower()} is {wrong}; it must lie between 1 and 1000." in words(app)
        field(app, label).set_value(right).run()
        assert not button(app, "Start").disabled
    assert app.pills[0].value == ["l2"]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["cnn-16", "vgg16"])
def test_train_starts_nothing_with_any_number_out_of_range(
    workspace: Path, architecture: str
) -> None:
    app = open_page("train")
    before = len(run_store.runs())
    next(one for one in app.selectbox if one.label == "Architecture").set_value(architecture).run()
    for toggle in app.toggle:
        toggle.set_value(True)
    app.run()
    restore = dict[str, float]()
    for one in list(app.number_input):
        for label, value in restore.items():
            field(app, label).set_value(value)
        found = field(app, one.label)
        assert re.search(r"From [\d.,e-]+ to [\d.,e+]+\.$", found.help), one.label
        if found.disabled:
            continue
        found.set_value(10**8 if "Seed" not in one.label else -1).run()
        assert button(app, "Start training").disabled, one.label
        assert f"{one.label} is " in words(app), one.label
        restore = {one.label: one.value if one.value is not None else 1}
    assert len(run_store.runs()) == before


def test_the_limits_of_the_form_are_those_of_the_configuration(workspace: Path) -> None:
    app = open_page("train")
    low, high = RunConfig.bounds("batch_size")
    assert field(app, "Batch size").help.endswith(f" From {low} to {high:,}.")
