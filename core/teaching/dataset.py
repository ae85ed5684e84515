"""Decided cells of cases as a data set, laid out and named as C-NMC 2019 is, grouped by case."""

import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from core import storage
from core.cases import pictures
from core.data import datasets
from core.data.layouts.layout import LABELS
from core.data.walk import DESCRIPTION, Progress
from core.documents import Section
from core.errors import ConfigError, DataError
from core.people import TRAIN, Person
from core.report.case.history import counted
from core.tables import rows_to_csv
from core.teaching.decided import Decided, DecidedCell
from core.untrusted import fields
from core.untrusted.fields import Amount, Count, Line, Message

SOURCE = "cases"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_CLASSES = {number: name for name, number in LABELS.items()}


class CaseSet(Section):
    """What the description of a data set made of cases says.

    cases: their identifiers; cells: how many of each class; left_out: cells, by reason.
    """

    name: Line
    source: Line
    um_per_px: Amount | None
    cases: tuple[Line, ...]
    cells: dict[Line, Count]
    left_out: dict[Message, Count]

    def card_texts(self) -> dict[str, str]:
        """What the card of a model taught with it says of its data, by `core.report.card.texts`."""
        counts = " and ".join(f"{self.cells.get(label, 0):,} {label}" for label in LABELS)
        return {
            "source": (
                f"{counts} cells of {counted(len(self.cases), 'case')} that were kept on this "
                "machine, cut out of their pictures. A case counts as one subject. BlastLens wrote "
                "this when the model was taught: correct it where it is wrong."
            ),
            "eligibility": _reasons(self.left_out) or "All decided cells of these cases.",
            "reference": (
                "Readers decided each cell in its case; those on which they differed were left "
                "out. There is no other reference, such as flow cytometry."
            ),
        }


@dataclass(frozen=True)
class WrittenSet:
    """A data set that was made of cases: its folder and its description."""

    root: Path
    about: CaseSet


def write(
    person: Person, decided: Decided, name: str | None = None, progress: Progress | None = None
) -> WrittenSet:
    """Writes cells into a new folder of artifacts/datasets, and makes it known as a data set.

    Each is <class>/UID_<subject>_<picture>_<cell>_<class>.png, as C-NMC names its cells, and
    labels.csv gives file, class and subject, see `subject_of`. `name` is that of the folder, the
    date by default; a number is added if it is taken. `progress` gets (done, total), what it raises
    stops the work.

    Raises `ConfigError` if the name cannot be that of a folder, `DataError` if a class has no cell,
    and `CaseError` if a picture is gone or was changed.
    """
    person.require(TRAIN)
    name = name or time.strftime("cases-%Y%m%d")
    if not _NAME.fullmatch(name) or not fields.is_file_name(name):
        raise ConfigError(
            f"{name[:60]!r} cannot name a data set: up to 60 letters, digits, '-', '_' and '.'."
        )
    counts = Counter(_CLASSES[cell.label] for cell in decided.cells)
    for label in LABELS:
        if not counts[label]:
            raise DataError(
                f"No decided cell of these cases is {label}, and a data set needs both classes. "
                f"{_reasons(decided.left_out) or 'Decide more cells.'}"
            )
    with storage.scratch(storage.datasets_dir()) as scratch:
        folder = scratch / "cells"
        _write_cells(folder, decided, progress)
        target = storage.new_dataset_dir(name)
        about = CaseSet(
            name=target.name,
            source=SOURCE,
            um_per_px=decided.um_per_px,
            cases=tuple(sorted(set(decided.groups))),
            cells=dict(counts),
            left_out=decided.left_out,
        )
        storage.write_json(folder / DESCRIPTION, about.to_json())
        folder.replace(target)
    return WrittenSet(datasets.add(str(target)), about)


def subject_of(case_id: str) -> str:
    """The subject that a case is: "c" and the beginning of its identifier, never its name.

    C-NMC's subjects are numbers, with an "H" for HEM. A case has cells of both classes.
    """
    return f"c{case_id[:11]}"


def datasets_with(case_id: str) -> list[Path]:
    """The data sets that hold pictures of a case, which outlive its deletion."""
    return [
        file.parent
        for file in sorted(storage.datasets_dir().glob(f"*/{DESCRIPTION}"))
        if (found := about(file.parent)) and case_id in found.cases
    ]


def about(root: Path) -> CaseSet | None:
    """What a data set says of the cases that it was made of; None if it was made otherwise."""
    try:
        return CaseSet.parse(storage.read_json(root / DESCRIPTION), DataError)
    except (OSError, ValueError, DataError):
        return None


def _write_cells(folder: Path, decided: Decided, progress: Progress | None) -> None:
    rows = []
    for done, cell in enumerate(decided.cells, start=1):
        label = _CLASSES[cell.label]
        file = folder / label.lower() / _file_name(cell)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pictures.load(cell.case_id, cell.digest))
        rows.append((file.relative_to(folder).as_posix(), label, subject_of(cell.case_id)))
        if progress:
            progress(done, len(decided.cells))
    table = rows_to_csv(("file", "class", "subject"), rows)
    (folder / "labels.csv").write_text(table, "utf-8", newline="")


def _file_name(cell: DecidedCell) -> str:
    label = _CLASSES[cell.label].lower()
    return f"UID_{subject_of(cell.case_id)}_{cell.picture}_{cell.number}_{label}.png"


def _reasons(left_out: dict[str, int]) -> str:
    said = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    return f"Left out: {said}." if said else ""
