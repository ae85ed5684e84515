"""Takes the package's dependencies from requirements.txt, the one list of them.

A line marked "# extra: NAME" belongs to the optional dependencies NAME.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):
    """Sets `dependencies` and `optional-dependencies`."""

    def update(self, metadata: dict[str, Any]) -> None:
        required: list[str] = []
        extras: dict[str, list[str]] = {}
        text = (Path(self.root) / "requirements.txt").read_text(encoding="utf-8")
        for line in text.splitlines():
            requirement, _, comment = line.partition("#")
            extra = re.match(r"\s*extra: (\w+)", comment)
            if requirement.strip():
                target = extras.setdefault(extra[1], []) if extra else required
                target.append(requirement.strip())
        metadata["dependencies"] = required
        metadata["optional-dependencies"] = extras
