"""Cases of drawn cells on black, decided and signed, as if a model had read or refused them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from core.cases import case_store, review, signing
from core.cases.intake import CELL, CONTEXT, CUT, NOT_JUDGED, ReadCell, ReadPicture
from core.cases.labels import ALL, HEM
from core.data.geometry import window
from core.data.synthetic.white_cell import draw_cell
from core.people import Person, own_machine
from core.reading.fields.reading import NOT_READ

SUPERVISOR = own_machine("Supervisor")


class CaseMaker:
    """Makes cases; each is a patient whose cells `draw_cell` draws."""

    def __init__(self, run: str = "gone", person: Person = SUPERVISOR) -> None:
        self.run, self.person = run, person

    def __call__(
        self, name: str, labels: Sequence[str | None], *, sign: bool = True, **columns: Any
    ) -> str:
        """A case with one picture a cell, each decided as in `labels`; None is not decided."""
        pictures = [self.picture(name, cell, label) for cell, label in enumerate(labels)]
        for picture in pictures:
            picture.cells[0].columns.update(columns)
        case_id = case_store.create(self.person, name)
        case_store.add(self.person, case_id, pictures)
        for cell, label in zip(case_store.get(case_id).cells, labels, strict=True):
            if label is not None:
                review.decide(self.person, case_id, label, {cell.id: cell.version})
        if sign:
            signing.sign(self.person, case_id, case_store.get(case_id).version)
        return case_id

    def picture(self, name: str, cell: int, label: str | None) -> ReadPicture:
        """One refused cell on black."""
        image = window(draw_cell(subject=name, cell=cell, label=int(label == ALL), seed=3), 448)
        empty = ("leaning", "probability", "low", "high", "logit", "distance")
        columns = dict.fromkeys(empty) | {
            "number": 1,
            "bbox": [100, 100, 240, 240],
            "outline": [[100, 100], [340, 100], [340, 340], [100, 340], [100, 100]],
            "state": NOT_READ,
            "code": "appearance",
            "reason": "unlike the training cells",
            "adapted": False,
            "area_px": int(np.count_nonzero(image.any(axis=2))),
            "badge": NOT_JUDGED,
            "similar": [],
        }
        facts = {
            "name": f"{cell}.png",
            "kind": CELL,
            "input_sha256": f"{abs(hash((name, cell))):064x}"[:64],
            "width": 448,
            "height": 448,
            "um_per_px": None,
            "scale_by": None,
            "reason": None,
            "model": {"run": self.run, "engine_sha256": "0" * 64, "calibration": {}},
        }
        return ReadPicture(image, facts, (ReadCell(columns, {CUT: image, CONTEXT: image}),))


def both(cells: int) -> list[str]:
    """As many decisions for each class."""
    return [ALL, HEM] * cells
