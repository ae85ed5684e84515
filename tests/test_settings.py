"""Settings are read from the environment."""

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import settings


@pytest.mark.parametrize("cores", ["two", "0", "-1", "1.5"])
def test_a_wrong_number_of_cores_is_refused_by_name(
    cores: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_CORES", cores)
    with pytest.raises(ConfigError, match=f"BLASTLENS_CORES is '{cores}'"):
        settings()


def test_they_follow_the_environment_and_blank_ones_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"CORES": "3", "READERS": "ada, grace,", "DEVICE": " GPU "}.items():
        monkeypatch.setenv(f"BLASTLENS_{name}", value)
    found = settings()
    assert (found.cores, found.readers, found.device) == (3, ("ada", "grace"), "gpu")
    assert found.weights == found.artifacts / "weights"
    for name in ("CORES", "READERS", "DEVICE"):
        monkeypatch.setenv(f"BLASTLENS_{name}", " ")
    blank = settings()
    assert (blank.cores, blank.readers, blank.device) == (None, (), "auto")


def test_roots_that_are_not_named_are_not_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLASTLENS_DATA_ROOTS", "")
    assert settings().data_roots == ()
    monkeypatch.delenv("BLASTLENS_DATA_ROOTS")
    assert settings().data_roots is None
