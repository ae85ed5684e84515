"""Keeping a reading on Predict as a case."""

from pathlib import Path

import pytest

from core.cases import case_store
from tests.factories import cases
from tests.factories.app import button, open_page

TYPED = {"typed_name": "Dr One"}


@pytest.mark.slow
def test_a_reading_is_kept_as_a_case_by_one_click(workspace: Path) -> None:
    example = sorted((workspace / "examples").glob("*.png"))[0]
    test = open_page("predict", **TYPED, predict_example=example.name)
    button(test, "Keep as a case").click().run()
    (case,) = case_store.cases()
    assert (case.name, case.cells, case.created_by) == (example.stem, 1, "Dr One")
    case_store.delete(cases.SECOND, case.id)


def test_who_keeps_a_case_without_a_name_is_asked_for_it_in_place(workspace: Path) -> None:
    example = sorted((workspace / "examples").glob("*.png"))[0]
    test = open_page("predict", predict_example=example.name)
    button(test, "Keep").click().run()
    assert "cannot be recorded as a name" in test.error[0].value and not case_store.cases()
    test.text_input[-1].set_value("Dr One")
    button(test, "Keep").click().run()
    (case,) = case_store.cases()
    assert (case.name, case.created_by) == (example.stem, "Dr One")
    case_store.delete(cases.SECOND, case.id)
