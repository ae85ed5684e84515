"""Which engine is chosen, and what is said if it cannot be used."""

import os

import pytest

from core import extras
from core.errors import ConfigError
from core.settings import settings
from core.workers.clusters import execution_engine


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(execution_engine.VARIABLE, "local")


@pytest.mark.parametrize("engine", ["spark", "ray://", "Ray", "slurm://node", ""])
def test_what_is_no_engine_is_refused_with_those_that_are(engine: str) -> None:
    with pytest.raises(ConfigError, match=r"local, ray, ray://HOST:PORT or slurm"):
        execution_engine.choose(engine)
    assert settings().engine == "local"


def test_a_chosen_engine_is_that_of_the_processes_started_from_here() -> None:
    assert execution_engine.is_local()
    execution_engine.choose("ray")
    assert os.environ[execution_engine.VARIABLE] == settings().engine == "ray"
    assert not execution_engine.is_local()


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_package_is_named_with_how_to_install_it(
    engine: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"needs {package}, .*blastlens\[cluster\]"):
        execution_engine.require(engine)


def test_slurm_without_sbatch_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="no sbatch"):
        execution_engine.require("slurm")
