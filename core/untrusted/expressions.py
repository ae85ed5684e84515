"""Regular expressions that a person gives: some take for ever, and nothing can stop them meanwhile.

`python -m core.untrusted.expressions FILE` searches in a process that can be ended.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from core.errors import ConfigError
from core.settings import PROJECT
from core.untrusted import confined

SECONDS = 5.0
_MEMORY = 2**29  # bytes


def compiled(text: str) -> re.Pattern[str]:
    """The expression; upper and lower case are one. Raises `ConfigError` if it is none."""
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(
            f"The pattern {text[:200]!r} is not a regular expression: {error}. Correct it or leave "
            "it out."
        ) from None


def require_quick(text: str, searched: Sequence[str]) -> None:
    """Raises `ConfigError` if an expression is none, or takes too long to search these texts, or
    too much memory.
    """
    compiled(text)
    path = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryDirectory(prefix="blastlens-") as folder:
        file = Path(folder) / "asked.json"
        file.write_text(json.dumps([text, *searched]), encoding="utf-8")
        try:
            confined.ask(
                __name__,
                file,
                environment=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
                seconds=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ConfigError(
                f"The pattern {text[:200]!r} takes over {SECONDS:.0f} s to search the names. What "
                "is repeated must not repeat in itself, as in (a+)+: write it simpler."
            ) from None
        except confined.NoAnswerError as error:
            raise ConfigError(
                f"The names cannot be searched for the pattern {text[:200]!r}: the process that "
                f"tried ended ({error}). If it ran out of memory, write the pattern simpler."
            ) from None


if __name__ == "__main__":
    confined.enter(_MEMORY)
    pattern, *texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(sum(compiled(pattern).search(text) is not None for text in texts)))
