"""A run is deleted with what rests on it said, and kept where a record rests on it."""

import pytest

from core import storage
from core.errors import RunError
from core.removal import deletion
from core.runs import active_model, run_store
from tests.factories import cases
from tests.factories.archives import shipped_run


def test_the_model_that_reads_and_one_that_is_at_work_stay() -> None:
    reader = shipped_run()
    assert "reads" in deletion.dependents(reader).forbid[0]
    waiting = run_store.create(reader.config, "waiting")
    with pytest.raises(RunError, match="still at work"):
        deletion.delete(waiting)
    assert reader.path.is_dir() and waiting.path.is_dir()


def test_a_run_that_read_a_case_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped_run()
    other = shipped_run("demo-cnn-dropout")
    assert deletion.dependents(other).forbid == ()
    cases.make([cases.single(model=cases.MODEL | {"run": other.run_id})], name="Smear 7")
    assert "Smear 7" in deletion.dependents(other).forbid[0]
    with pytest.raises(RunError, match="Archive it instead"):
        deletion.delete(other)


def test_what_nothing_rests_on_is_deleted() -> None:
    shipped_run()
    other = shipped_run("demo-cnn-dropout")
    deletion.delete(other)
    assert not other.path.exists() and other.deleted
    assert not storage.cases_dir().exists()  # a full disk has no room for a database without cases
    assert [run.run_id for run in run_store.models()] == [active_model.active().run_id]
