"""What a case says: the share of blasts among its cells, and what that rests on.

Never a diagnosis: it is of the cells on these pictures, as a model and readers called them.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from core.cases.labels import ALL, COUNTED, LABELS
from core.cases.review import REVIEW
from core.cases.tables import CaseRow, CellRow, PictureRow
from core.data.pixel_cache import CELL, IMAGE
from core.errors import RunError
from core.evaluation.patients import count
from core.evaluation.track_record import KnownRates, call_rates
from core.metrics.estimate import Estimate
from core.reading.fields.reading import CUT
from core.reading.fields.summary import (
    ADAPTED,
    NO_CELLS,
    UNKNOWN,
    Counts,
    Summary,
    design_effect,
    summarise,
)
from core.runs import run_store

SEVERAL_MODELS = KnownRates(None, "several models, or versions of one, have read the pictures")


@dataclass(frozen=True)
class Verdict:
    """The blasts among the cells of a case.

    decided: cells that readers decided, by label. model: the sum of the cells that only the model
    has read. cells: how many cells count, which are those decided to be white cells, and those that
    only the model has read. blasts: of these, decided to be blasts or at or above the threshold.
    share: blasts over cells; None without cells. corrected: the share, where the model's part is
    corrected for its wrong calls; its interval joins that of the correction with the error of
    counting the decided cells (see `corrected_share`); errors of readers are not in it. minimum:
    the cells that a verdict should rest on. refused: cells that nobody has decided and the model
    has not read, by reason. images: pictures that were read whole, by what they were decided or
    else called; none of them is among the cells.
    """

    decided: dict[str, int]
    model: Summary
    cells: int
    blasts: int
    share: float | None
    corrected: Estimate
    minimum: int
    refused: dict[str, int]
    images: dict[str, int]

    @property
    def enough(self) -> bool:
        """Whether as many cells count as the user asked for."""
        return self.cells >= self.minimum

    def to_json(self) -> dict[str, object]:
        """The document that signatures and the command line have."""
        interval = self.corrected.interval
        return {
            "cells": self.cells,
            "blasts": self.blasts,
            "share": self.share,
            "corrected_share": self.corrected.value,
            "interval": None if interval is None else list(interval),
            "not_corrected_because": self.corrected.reason or None,
            "minimum_cells": self.minimum,
            "enough_cells": self.enough,
            "decided": self.decided,
            "read_by_model_alone": self.model.counts.read,
            "in_review_undecided": self.model.counts.review,
            "refused": self.refused,
            "images": self.images,
        }


def verdict(case: CaseRow) -> Verdict:
    """The verdict on a case as it stands."""
    of_cells = [cell for cell in case.cells if cell.item == CELL]
    images = [cell for cell in case.cells if cell.item == IMAGE]
    decided = Counter(cell.label for cell in of_cells if cell.label is not None)
    alone = [cell for cell in of_cells if cell.label is None]
    counts = [_counts(case, picture) for picture in _of_cells(case)]
    model = summarise(counts, rates_of(case))
    counted = sum(decided[label] for label in COUNTED)
    cells = counted + model.counts.read
    blasts = decided[ALL] + model.counts.leaning
    return Verdict(
        decided={label: decided[label] for label in LABELS},
        model=model,
        cells=cells,
        blasts=blasts,
        share=blasts / cells if cells else None,
        corrected=_joined(_of_readers(case), counted, model.corrected, model.counts.read),
        minimum=case.minimum_cells,
        refused=dict(Counter(_first(cell) for cell in alone if cell.probability is None)),
        images=dict(Counter(cell.label or cell.state for cell in images)),
    )


def _of_cells(case: CaseRow) -> list[PictureRow]:
    """The pictures of a case that were not read whole."""
    return [picture for picture in case.pictures if picture.kind != IMAGE]


def rates_of(case: CaseRow) -> KnownRates:
    """How often the model of a case calls cells wrongly, if it is one and still here."""
    pictures = _of_cells(case)
    models = {str(picture.model) for picture in pictures}
    if not models:
        return UNKNOWN
    if len(models) > 1:
        return SEVERAL_MODELS
    if any(cell.adapted and cell.label is None for cell in case.cells):
        return ADAPTED
    picture = pictures[0]
    try:
        run = run_store.get(picture.run_id)
    except RunError:
        return KnownRates(None, f"the run {picture.run_id} is gone")
    if run.engine_digest != picture.model["engine_sha256"]:
        return KnownRates(None, f"the run {picture.run_id} is another model by now")
    return call_rates(run)


def _counts(case: CaseRow, picture: PictureRow) -> Counts:
    """The cells of a picture that only the model has read."""
    cells = [cell for cell in case.cells if cell.picture_id == picture.id and cell.label is None]
    states = Counter(cell.state for cell in cells)
    codes = Counter(cell.code or "" for cell in cells if cell.probability is None)
    return Counts(
        found=len(cells),
        cut=states[CUT],
        refused=dict(codes),
        blasts=states["ALL"],
        hem=states["HEM"],
        review=states[REVIEW],
        leaning=sum(cell.leaning == "ALL" for cell in cells),
        adapted=sum(cell.adapted and cell.probability is not None for cell in cells),
    )


def _of_readers(case: CaseRow) -> Estimate:
    """The share of blasts among the decided cells, by the number of cells alone.

    Clopper and Pearson's interval, of as many independent cells as those of the fields are worth.
    """
    by_picture: dict[str, list[bool]] = {}
    for cell in case.cells:
        if cell.label in COUNTED and cell.item == CELL:
            by_picture.setdefault(cell.picture_id, []).append(cell.label == ALL)
    blasts = [value for values in by_picture.values() for value in values]
    if not blasts:
        return Estimate(None, reason=NO_CELLS)
    effect = design_effect([(sum(values), len(values)) for values in by_picture.values()])
    share, worth = float(np.mean(blasts)), max(1, round(len(blasts) / effect))
    counted = count(np.arange(worth) < round(share * worth)).share
    low, high = min(counted.low or 0.0, share), max(counted.high or 1.0, share)
    return Estimate(share, low, high)


def _joined(readers: Estimate, decided: int, model: Estimate, read: int) -> Estimate:
    """The share over both parts, by the method of variance estimates recovery."""
    if not read:
        return readers
    if not decided or model.value is None:
        return model
    assert readers.value is not None
    parts = [(readers, decided / (decided + read)), (model, read / (decided + read))]
    value = sum(weight * (part.value or 0.0) for part, weight in parts)

    def reach(end: str) -> float:
        distances = (weight * ((part.value or 0) - getattr(part, end)) for part, weight in parts)
        return float(np.sqrt(sum(distance**2 for distance in distances)))

    return Estimate(value, max(0.0, value - reach("low")), min(1.0, value + reach("high")))


def _first(cell: CellRow) -> str:
    """The first sentence of why a cell was not read."""
    return cell.reason.partition(". ")[0].removesuffix(".") + "."
