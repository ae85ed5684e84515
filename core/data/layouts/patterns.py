"""Class, subject and part from a regular expression over the paths of images."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.data.layouts.labelling import ROLES
from core.errors import ConfigError
from core.untrusted import expressions


@dataclass(frozen=True)
class FileNames:
    """The file names of a published data set, and the labels of its classes, if they have any."""

    pattern: str
    labels: dict[str, int] | None = None


PRESETS = {
    # Labati, Piuri and Scotti, ALL-IDB, ICIP 2011: 1 is a lymphoblast (or a field with one).
    "ALL-IDB": FileNames(r"(^|/)Im\d+_(?P<class>[01])\.\w+$", {"0": 0, "1": 1}),
    # A subject is a number, or a case in sets made of decided cells.
    "C-NMC": FileNames(
        r"(^|/)UID_(?P<subject>H?\d+|c[0-9a-f]{11})_\d+_\d+_(?P<class>all|hem)\.\w+$",
        {"ALL": 1, "HEM": 0},
    ),
    # Acevedo and others, Data in Brief 2020: PBC's codes are finer than its eight folders.
    "PBC": FileNames(r"(^|/)(?P<class>[A-Z]+)_\d+\.\w+$"),
}


class Pattern:
    """Reads class, subject and part from the named groups of a regular expression."""

    def __init__(self, pattern: str) -> None:
        """`pattern` is an expression or a name of `PRESETS`; upper and lower case are one.

        Raises `ConfigError` if it is not an expression, or names no group of `ROLES`.
        """
        preset = PRESETS.get(pattern, FileNames(pattern))
        text, self.labels = preset.pattern, preset.labels
        self._pattern = expressions.compiled(text)
        self.roles = set(self._pattern.groupindex) & set(ROLES) - {"file"}
        if not self.roles:
            raise ConfigError(
                f"The pattern {text!r} names no group. Write what it finds as (?P<class>...), "
                f"(?P<subject>...) or (?P<part>...), or name one of {', '.join(PRESETS)}."
            )

    def matches(self, path: str) -> bool:
        """Whether the pattern finds anything in a path."""
        return self._pattern.search(path) is not None

    def facts(self, path: str) -> dict[str, str]:
        """The facts of one image by role; empty if the pattern does not match its path."""
        match = self._pattern.search(path)
        return {role: match[role] for role in self.roles if match[role]} if match else {}


def recognise_preset(images: Iterable[str], most: float) -> str | None:
    """The preset with known labels whose pattern matches a share `most` of all names, or None."""
    images = list(images)
    for name, preset in PRESETS.items():
        pattern = Pattern(name)
        if preset.labels and sum(map(pattern.matches, images)) >= max(1, most * len(images)):
            return name
    return None
