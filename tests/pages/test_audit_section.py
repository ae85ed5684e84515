"""The section "May I believe it?", driven as a person would on a page of its own."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.audit import ablations, subject_probe
from core.runs import run_store
from core.runs.run_store import Run
from core.runs.speed import SpeedProbe, TrainingSpeed
from core.workers import launcher
from pages.ui.common.training import training_time
from tests.conftest import PROJECT
from tests.factories.ablation_runs import audited, base, cells, finish, skilled
from tests.factories.app import words

_APP = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
import streamlit as st
from core.runs import run_store
from pages.ui.compare import audit

def section():
    audit.show(run_store.finished())

st.navigation([st.Page(section, default=True), st.Page("pages/train.py")]).run()
"""


@pytest.fixture
def app(tmp_path: Path) -> AppTest:
    """The section on a page, beside one that stands for the Train page; not yet run."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "train.py").write_text("", encoding="utf-8")
    (tmp_path / "app.py").write_text(_APP, encoding="utf-8")
    return AppTest.from_file(str(tmp_path / "app.py"), default_timeout=60)


def test_it_says_what_it_will_cost_and_a_click_starts_the_companions(
    monkeypatch: pytest.MonkeyPatch, app: AppTest, probes: list[SpeedProbe]
) -> None:
    started: list[tuple[str, str]] = []
    monkeypatch.setattr(
        launcher, "start_audit", lambda run, name: started.append((run.run_id, name))
    )
    run = finish(base(), skilled(1))
    app.run()
    assert not app.exception
    said = words(app)
    assert "10 trainings one after another" in said and training_time.UNMEASURED in said
    speed = {"start_seconds": 9, "images_per_second": 99, "cells_per_second": 99, "at": 0}
    TrainingSpeed.parse(speed).write(probes[0].path / "speed.json")
    app.run()
    said = words(app)
    assert "About " in said and "9 trainings" in said
    assert "if this machine is as busy as for a short probe" in said
    app.button(key=f"audit_leakage_{run.run_id}").click().run()
    app.button(key=f"audit_controls_{run.run_id}").click().run()
    assert not app.exception
    assert started == [(run.run_id, "leakage"), (run.run_id, "controls")]


def test_companions_under_way_show_their_progress_and_can_be_stopped(app: AppTest) -> None:
    run = finish(base(), skilled(1))
    waiting = [run_store.create(one) for one in ablations.configs(base(), "leakage", "image")]
    app.run()
    assert not app.exception
    app.button(key=f"stop_leakage_{run.run_id}").click().run()
    assert not app.exception
    assert all(one.stop_requested for one in waiting)


def test_answers_stand_in_a_sentence_over_their_numbers(app: AppTest) -> None:
    sides = {"model": skilled(0.7), "image": skilled(2.5), "silhouette": skilled(0.0)}
    audited(base(), sides | {"size": skilled(0.7)})
    app.run()
    assert not app.exception
    said = words(app)
    assert "Part of it is recognition of patients" in said
    assert re.search(r"Of the \d\.\d\d balanced accuracy under a split by image", said)
    assert "Not shown to see more than size or outline" in said
    assert "does not beat cell size alone" in said and "synthetic cells" in said
    assert len(app.dataframe) == 2


def test_a_run_that_cannot_be_audited_says_why_and_controls_are_not_offered(
    app: AppTest,
) -> None:
    finish(ablations.configs(base(), "controls", "size")[0], skilled(1))
    assert not app.run().subheader  # a control alone: there is nothing to doubt
    run = finish(base(), skilled(1))
    cells().assign(group=None, split="train").to_parquet(run.path / "split.parquet")
    app.run()
    assert not app.exception
    assert "subjects of 120 cells are not known" in words(app)
    assert not app.selectbox


@pytest.mark.slow
def test_the_probe_runs_at_a_click_and_is_kept(
    finished_run: Run, app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject_probe, "SHUFFLES", 2)
    app.run()
    assert not app.exception
    app.selectbox[0].select(finished_run.run_id).run()
    try:
        app.button(key=f"probe_{finished_run.run_id}").click().run()
        assert not app.exception and not app.error
        assert "can be named in" in words(app)
        assert subject_probe.stored(finished_run)
        app.run()
        assert "can be named in" in words(app)
    finally:
        (finished_run.path / subject_probe.FILE).unlink(missing_ok=True)
