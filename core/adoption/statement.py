"""What the user says of the patients that an adopted model was trained on."""

import time

from core import locks
from core.adoption import request
from core.errors import ConfigError, RunError
from core.runs.adoption import MAX_WORDS, Adoption
from core.runs.run_store import ADOPTION, Run


def stated(adoption: Adoption, words: str) -> Adoption:
    """An adoption with the statement that its model was trained on other patients, as `words` say.

    Empty words take a statement back. Raises `ConfigError` if they are too long.
    """
    words = " ".join(words.split())
    if len(words) > MAX_WORDS:
        raise ConfigError(
            f"The statement has {len(words):,} characters; {MAX_WORDS:,} are the most. Shorten it."
        )
    if not words:
        return adoption.replace(statement=None, stated=None)
    return adoption.replace(statement=words, stated=time.time())


def state(run: Run, words: str) -> None:
    """Records a statement, see `stated`, in a finished run, whose numbers then follow it.

    Raises `RunError` for a run that was trained here or has not finished.
    """
    with locks.lock(run.path / "adoption"):
        adoption, measured = stated(request.of(run), words), run.metrics
        if measured is None:
            raise RunError(
                f"Run {run.run_id} is {run.status.state}; a statement goes with an adoption that "
                "has ended. Wait until it has."
            )
        protocol = measured.protocol
        protocol = (
            protocol.with_training_elsewhere()
            if adoption.statement
            else protocol.with_training_unknown()
        )
        adoption.write(run.path / ADOPTION)
        measured.replace(protocol=protocol).write(run.path / "metrics.json")
