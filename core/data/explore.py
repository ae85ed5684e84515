"""Which cells the gallery shows, and in what order."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.data import duplicates, layouts, quality
from core.data.indexing import Index
from core.data.measures import MEASURES
from core.errors import ConfigError

LABELS = ("ALL", "HEM", "unlabelled")
COPIES = ("has a copy", "identical copy", "near copy", "copy under another subject", "no copy")
ANY_FLAG, NO_FLAG = "any flag", "no flag"
# How each order is said, the column it follows, and whether it rises.
ORDERS: dict[str, tuple[str, bool] | None] = {
    "mixed subjects": None,
    "largest first": ("area_px", False),
    "smallest first": ("area_px", True),
    "least round first": ("roundness", True),
    "densest stain first": ("density", False),
    "palest stain first": ("density", True),
    "coarsest chromatin first": ("texture", False),
    "least sharp first": ("focus", True),
    "file name": ("image_id", True),
}


@dataclass(frozen=True)
class Filters:
    """Conditions for a cell to be shown; an empty or None filter passes every cell.

    `label` is one of `LABELS`, `class_name` a class of the publisher, `flag` a name of
    `core.data.quality.FLAGS`, `ANY_FLAG` or `NO_FLAG`, `copies` one of `COPIES`; `part` is a part
    of the split that is handed to `select`.
    """

    phase: str | None = None
    label: str | None = None
    class_name: str | None = None
    fold: int | None = None
    subjects: tuple[str, ...] = ()
    part: str | None = None
    flag: str | None = None
    copies: str | None = None

    def __post_init__(self) -> None:
        """Raises `ConfigError` if a value is unknown."""
        for name, words in _WORDS.items():
            value = getattr(self, name)
            if value and value not in words:
                raise ConfigError(f"{name} is {value!r}; it can be {', '.join(words)}.")


_WORDS = {
    "phase": layouts.PHASES,
    "label": LABELS,
    "flag": (ANY_FLAG, NO_FLAG, *quality.FLAGS),
    "copies": COPIES,
}


def needs_measures(filters: Filters, order: str) -> bool:
    """Whether the choice of cells depends on what `core.data.measures` measures."""
    rule = ORDERS[order]
    return filters.flag is not None or (rule is not None and rule[0] in MEASURES)


def select(
    index: Index,
    filters: Filters,
    order: str = "mixed subjects",
    parts: pd.Series | None = None,
    measured: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Returns the cells that pass all filters, in one of `ORDERS`; missing measures come last.

    `parts` gives the part of each image_id under a split; cells outside the split pass no filter
    by part. `measured` has the measures of all cells, see `core.data.measures.measure`. Raises
    `ConfigError` if `order` is unknown, or the measures are needed and None.
    """
    if order not in ORDERS:
        raise ConfigError(f"order is {order!r}; it can be {', '.join(ORDERS)}.")
    cells = index.cells
    if needs_measures(filters, order):
        if measured is None:
            raise ConfigError("This order or filter needs the cells' measures. Measure them first.")
        cells = cells.join(measured.set_index("image_id"), on="image_id")
    keep = np.ones(len(cells), bool)
    if filters.phase:
        keep &= (cells["phase"] == filters.phase).to_numpy()
    if filters.label == "unlabelled":
        keep &= cells["label"].isna().to_numpy()
    elif filters.label:
        keep &= (cells["label"] == layouts.LABELS[filters.label]).fillna(False).to_numpy(bool)
    if filters.class_name is not None:
        keep &= (cells["class_name"] == filters.class_name).to_numpy()
    if filters.fold is not None:
        keep &= (cells["fold"] == filters.fold).fillna(False).to_numpy(bool)
    if filters.subjects:
        keep &= cells["subject"].isin(filters.subjects).to_numpy()
    if filters.part:
        part = cells["image_id"].map(parts if parts is not None else {})
        keep &= (part == filters.part).to_numpy()
    if filters.flag:
        keep &= _has_flag(cells["quality"], filters.flag)
    if filters.copies:
        keep &= _has_copy(index, filters.copies)
    return _sort(cells[keep], order)[index.cells.columns]


def _has_flag(flags: pd.Series, flag: str) -> np.ndarray:
    if flag in (ANY_FLAG, NO_FLAG):
        chosen: np.ndarray = ((flags != "") == (flag == ANY_FLAG)).to_numpy()
        return chosen
    return np.array([flag in names.split(", ") for names in flags], bool)


def _has_copy(index: Index, state: str) -> np.ndarray:
    pairs = index.pairs
    if state == "identical copy":
        pairs = pairs[pairs["kind"] == "exact"]
    elif state == "near copy":
        pairs = pairs[pairs["kind"] == "near"]
    elif state == "copy under another subject":
        pairs = duplicates.across_subjects(pairs)
    has = index.cells["image_id"].isin(set(pairs["image_a"]) | set(pairs["image_b"])).to_numpy()
    chosen: np.ndarray = ~has if state == "no copy" else has
    return chosen


def _sort(cells: pd.DataFrame, order: str) -> pd.DataFrame:
    rule = ORDERS[order]
    if rule is None:
        return spread(cells)
    column, rising = rule
    return cells.sort_values(column, ascending=rising, kind="stable", na_position="last")


def spread(cells: pd.DataFrame) -> pd.DataFrame:
    """Orders cells round-robin over the subjects, with classes alternating.

    Cells of unknown subjects count as of one a class of the publisher, or each as of its own where
    it names none; unlabelled cells come last.
    """
    subject = cells["subject"].fillna(cells["class_name"]).fillna(cells["image_id"])
    label = cells["label"].astype("Int64").fillna(-1)
    turn = subject.groupby(subject).cumcount()
    first = ~subject.duplicated()
    place = subject.map(
        dict(zip(subject[first], label[first].groupby(label[first]).cumcount(), strict=True))
    )
    order = pd.DataFrame({"unlabelled": label < 0, "turn": turn, "place": place, "label": -label})
    return cells.loc[order.sort_values(list(order.columns), kind="stable").index]
