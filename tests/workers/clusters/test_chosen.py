"""Which engine is chosen, and what is said if it cannot be used."""

import os

import pytest

from core import extras
from core.errors import ConfigError
from core.settings import settings
from core.workers.clusters import chosen


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(chosen.VARIABLE, "local")


@pytest.mark.parametrize("engine", ["spark", "ray://", "Ray", "slurm://node", ""])
def test_what_is_no_engine_is_refused_with_those_that_are(engine: str) -> None:
    with pytest.raises(ConfigError, match=r"local, ray, ray://HOST:PORT or slurm"):
        chosen.choose(engine)
    assert settings().engine == "local"


def test_a_chosen_engine_is_that_of_the_processes_started_from_here() -> None:
    assert chosen.is_local()
    chosen.choose("ray")
    assert os.environ[chosen.VARIABLE] == settings().engine == "ray"
    assert not chosen.is_local()


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_package_is_named_with_how_to_install_it(
    engine: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"needs {package}, .*blastlens\[cluster\]"):
        chosen.require(engine)


def test_slurm_without_sbatch_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="no sbatch"):
        chosen.require("slurm")
