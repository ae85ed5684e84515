"""Names for jobs that their users gave none."""

import secrets
import time
from pathlib import Path


def now() -> str:
    """Returns the local date and time as they stand in names: YYYYMMDD-hhmmss."""
    return time.strftime("%Y%m%d-%H%M%S")


def free_name(prefix: str, folder: Path) -> str:
    """Returns `prefix`, a hyphen and four random hex digits: a name that `folder` does not have.

    Of many jobs that begin in one second some would draw the same digits.
    """
    while True:
        name = f"{prefix}-{secrets.token_hex(2)}"
        if not (folder / name).exists():
            return name
