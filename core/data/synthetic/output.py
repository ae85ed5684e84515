"""Output folders of the synthetic sets: started, finished, or holding other files."""

import json
from pathlib import Path

from core.errors import DataError, disk_errors

MARKER = "drawing"  # a file in a folder that a drawing has begun to fill


def claim(root: Path, description: str, facts: dict[str, object]) -> bool:
    """Claims `root` for a synthetic set; returns True if the same set is finished there already.

    `description` is the name of the file that is written last, `facts` its content. Raises
    `DataError` if `root` holds other files; hidden files are ignored.
    """
    refusal = DataError(
        f"{root} holds other files: a synthetic set is drawn into a folder of its own; "
        "choose a new or empty folder, or empty this one."
    )
    if root.exists() and not root.is_dir():
        raise refusal
    finished = root / description
    if finished.exists():
        try:
            found = json.loads(finished.read_text(encoding="utf-8"))
        except ValueError:
            raise refusal from None
        if not isinstance(found, dict) or found.get("name") != facts["name"]:
            raise refusal
        if found != facts:
            raise DataError(
                f"{root} holds another synthetic set: {_difference(found, facts)}. Choose another "
                "folder, or delete this one to have it drawn again."
            )
        (root / MARKER).unlink(missing_ok=True)
        return True
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    files = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    if files and not (root / MARKER).exists():
        raise refusal
    with disk_errors(root / MARKER):
        (root / MARKER).touch()
    return False


def _difference(found: dict[str, object], wanted: dict[str, object]) -> str:
    names = [name for name in {**found, **wanted} if found.get(name) != wanted.get(name)]
    return ", ".join(
        f"{name} {found.get(name, 'not stated')} instead of {wanted.get(name, 'none')}"
        for name in names
    )
