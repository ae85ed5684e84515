"""What the doctor says of a run."""

from core.doctor import diagnoses
from core.runs import config
from core.runs.run_store import Run


def keys(run: Run) -> list[str]:
    return [diagnosis.key for diagnosis in diagnoses.examine(run)]


def only(run: Run, key: str) -> diagnoses.Diagnosis:
    (diagnosis,) = diagnoses.examine(run)
    assert diagnosis.key == key, diagnosis
    return diagnosis


def repaired(run: Run) -> config.RunConfig:
    wanted = diagnoses.repaired(run)
    assert wanted is not None
    return wanted
