"""C-NMC 2019: phase, subject and label of a cell from its path."""

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from core.data.layouts.layout import LABELS, PathFacts, is_image, visible
from core.errors import DataError

LABELS_COLUMNS = ("Patient_ID", "new_names", "labels")

_NAME = re.compile(r"UID_(h?\d+)_(\d+)_(\d+)_(all|hem)\.(\w+)", re.IGNORECASE)
_NUMBERED = re.compile(r"\d+\.(\w+)")
_FOLD = re.compile(r"fold_(\d{1,2})", re.IGNORECASE)
# The names that Kaggle and The Cancer Imaging Archive give the folders of the two test phases.
_TEST_PHASES = {
    "preliminary": re.compile(r"validation_data|.*prelim.*|phase_?2", re.IGNORECASE),
    "final": re.compile(r"testing_data|.*final_phase.*|phase_?3", re.IGNORECASE),
}


def is_cnmc(path: str) -> bool:
    """Whether a path is that of a cell of C-NMC 2019."""
    if not is_image(path):
        return False
    *folders, name = path.split("/")
    in_test = _test_phase(folders) is not None and _NUMBERED.fullmatch(name) is not None
    return in_test or _NAME.fullmatch(name) is not None


def name_label(path: str) -> int | None:
    """The label in the name of a file of C-NMC 2019; None where it has a number for a name."""
    match = _NAME.fullmatch(path.rpartition("/")[2])
    return LABELS[match[4].upper()] if match else None


def _test_phase(folders: list[str]) -> str | None:
    for phase, pattern in _TEST_PHASES.items():
        if any(pattern.fullmatch(folder) for folder in folders):
            return phase
    return None


class Cnmc:
    """C-NMC 2019, all three phases, in the folders of Kaggle's release or of TCIA's.

    Training cells and their folds by name and folder; preliminary test cells by the labels CSV,
    which gives their original names; final test cells without label and subject.
    """

    title = "C-NMC 2019"
    names = (
        "UID_<subject>_<image>_<cell>_<all|hem> or, in a folder of a test phase, a number, with "
        "the suffix of an image"
    )
    unique = True
    classes: Mapping[str, int | None] = MappingProxyType({})
    absent: Mapping[str, str] = MappingProxyType({})

    def __init__(self, paths: Iterable[str], read: Callable[[str], bytes]) -> None:
        """Looks for the labels CSV among `paths`; see `core.data.layouts.recognise`."""
        tables = {path: _labels_table(read, path) for path in paths if _is_table(path)}
        self.tables = frozenset(path for path, rows in tables.items() if rows)
        self._originals: dict[str, tuple[str, str]] = {}
        for rows in tables.values():
            self._originals |= rows

    def facts(self, path: str) -> PathFacts:
        """See `core.data.layouts.layout.Layout`."""
        *folders, name = visible(path)
        phase = _test_phase(folders)
        named, numbered = _NAME.fullmatch(name), _NUMBERED.fullmatch(name)
        if not is_image(name):
            raise DataError("not an image file")
        if not (named or (numbered and phase)):
            raise DataError(f"name is not {self.names}")
        if phase == "preliminary" and numbered and name.lower() in self._originals:
            original, label = self._originals[name.lower()]
            return _from_name(original, label, phase, [])
        if phase and numbered:
            return PathFacts(phase, None, None)
        return _from_name(name, None, phase or "training", folders)


def _is_table(path: str) -> bool:
    return path.lower().endswith(".csv")


def _from_name(name: str, listed: str | None, phase: str, folders: list[str]) -> PathFacts:
    match = _NAME.fullmatch(name)
    if not match:
        raise DataError(f"the labels CSV calls it {name}, which is not a name of C-NMC")
    subject, label = match[1].upper(), match[4].upper()
    if (label == "HEM") != subject.startswith("H"):
        raise DataError(f"subject {subject} and label {label} contradict each other")
    if listed is not None and listed != str(LABELS[label]):
        raise DataError(f"the labels CSV says {listed}, but the original name {name} says {label}")
    classes = {folder.upper() for folder in folders} & set(LABELS)
    if classes and classes != {label}:
        raise DataError(f"label {label} in the name, but folder {'/'.join(sorted(classes))}")
    folds = [int(match[1]) for folder in folders if (match := _FOLD.fullmatch(folder))]
    return PathFacts(phase, subject, LABELS[label], folds[-1] if folds else None)


def _labels_table(read: Callable[[str], bytes], path: str) -> dict[str, tuple[str, str]]:
    """Maps N.bmp to original name and label; empty for a CSV of another kind."""
    original, name, label = LABELS_COLUMNS
    try:
        text = read(path).decode(errors="replace")
        rows = csv.DictReader(text.lstrip("\ufeff").splitlines())
        if not set(LABELS_COLUMNS) <= set(rows.fieldnames or ()):
            return {}
        return {
            row[name].strip().lower(): (row[original].strip(), row[label].strip())
            for row in rows
            if row[name] and row[original] and row[label]
        }
    except (csv.Error, DataError):
        return {}  # no CSV, whatever it is called
