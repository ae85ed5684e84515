"""Teaching a model on the page: cases chosen, counts against needs, the curve, the training."""

from collections.abc import Callable

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.cases.labels import ALL, HEM
from core.data import datasets
from core.jobs.job import STATE_WORDS
from core.metrics.estimate import Estimate
from core.runs import about, active_model, run_store
from core.runs.run_store import Run
from core.teaching import comparison, dataset, lesson, order
from core.teaching.comparison import Measured, TaughtComparison
from core.workers import launcher
from tests.factories.app import button, labels, words
from tests.factories.archives import shipped_run
from tests.factories.decided_cells import CaseMaker, both


def _page() -> None:
    import streamlit as st

    from core.cases import case_store
    from pages.ui.cases import teach
    from pages.ui.common import people

    people.call_me(st.session_state.get("who", "Supervisor"))
    teach.show(case_store.cases())


def opened() -> AppTest:
    app = AppTest.from_function(_page, default_timeout=60).run()
    assert not app.exception
    return app


@pytest.fixture
def make_case() -> CaseMaker:
    return CaseMaker(run=shipped_run("demo-colour-bands").run_id)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The runs whose workers would have been started."""
    runs: list[Run] = []
    start: Callable[[Run], None] = runs.append
    monkeypatch.setattr(launcher, "launch", start)
    # The other pages are those of the app, which is not open here.
    monkeypatch.setattr("streamlit.page_link", lambda *args, **options: None)
    return runs


def test_without_signed_cases_it_says_what_to_do(make_case: CaseMaker) -> None:
    make_case("open", both(1), sign=False)
    assert "No case is signed yet" in words(opened())


@pytest.mark.slow
def test_too_few_patients_are_counted_and_cannot_be_trained_on(make_case: CaseMaker) -> None:
    make_case("one", both(2))
    make_case("two", [HEM, None])
    app = opened()
    said = words(app)
    assert "**5 decided cells**, 6 needed" in said
    assert "**1 patients with ALL cells**, 3 needed" in said
    assert "**2 patients with HEM cells**, 20 wanted" in said
    assert "Cells left out: 1 not decided." in words(app)
    assert "1 of 3 patients with ALL cells" in words(app)
    assert button(app, "Teach a model").disabled
    button(app, "What would more cells bring?").click().run()
    assert "cannot be estimated" in words(app) and not app.exception


@pytest.mark.slow
def test_a_training_starts_on_the_chosen_cases(make_case: CaseMaker, launched: list[Run]) -> None:
    cases = [make_case(f"Patient {number}", both(1)) for number in range(4)]
    app = opened()
    assert app.multiselect[0].value == list(reversed(cases))
    app.multiselect[0].set_value(cases[:3]).run()
    app.text_input(key="teach_name").set_value("march")
    button(app, "Teach a model").click().run()
    assert not app.exception and not app.error
    (run,) = launched
    root = datasets.resolve(run.config.dataset)
    written = dataset.about(root)
    assert root.name == "march" and written and written.cases == tuple(sorted(cases[:3]))
    assert written.cells == {ALL: 3, HEM: 3}
    assert f"{about.called(run)}: {STATE_WORDS['queued']}" in words(app)
    assert "Taught with march" in words(app)
    assert lesson.method(active_model.active()) in words(app)
    assert run_store.runs()[0].config.split == "subject"


def test_a_name_that_is_taken_for_a_path_is_refused(make_case: CaseMaker) -> None:
    for number in range(3):
        make_case(f"Patient {number}", both(1))
    app = opened()
    app.text_input(key="teach_name").set_value("../x")
    button(app, "Teach a model").click().run()
    assert "cannot name a data set" in app.error[0].value
    assert "Compare with what reads now" not in labels(app)


def test_each_patient_of_the_comparison_has_a_row(
    make_case: CaseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case("Ada", both(1))
    taught, before = shipped_run("demo-cnn-16"), run_store.get(make_case.run)
    rows = pd.DataFrame([{"case": case, "label": 1, "cells": 2, "taught": 2, "before": 1}])
    measured = [
        Measured(run.run_id, Estimate(1.0), dict.fromkeys(comparison.SHOWN, Estimate(0.5)))
        for run in (taught, before)
    ]
    found = TaughtComparison(*measured, 2, 1, "Measured.", rows.assign(differ=1))
    monkeypatch.setattr(comparison, "taught_runs", lambda: [taught])
    monkeypatch.setattr(comparison, "compare", lambda run, active: found)
    app = opened()
    button(app, "Compare with what reads now").click().run()
    assert not app.exception
    assert app.dataframe[-1].value.to_dict("records") == [
        {"Patient": "Ada", "Class": ALL, "Cells": 2, "Right: taught": 2, "Right: now": 1}
        | {"Differ": 1}
    ]


def _review() -> None:
    from core.cases import case_store
    from core.people import own_machine
    from pages.ui.cases import review

    review.show(case_store.cases()[0].id, own_machine("Supervisor"))


def test_the_review_list_can_be_ordered_by_what_teaches_most_and_says_so(
    make_case: CaseMaker,
) -> None:
    make_case("one", [None, ALL, None], sign=False)
    app = AppTest.from_function(_review, default_timeout=60).run()
    assert order.STATEMENT not in words(app) and not app.exception
    app.session_state["cells_by"] = order.NAME
    app.run()
    assert order.STATEMENT in words(app) and not app.exception
