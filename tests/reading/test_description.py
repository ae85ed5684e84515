"""Morphology in words: what is measured, and where it lies among the training cells."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.cells.morphology import Morphology
from core.data.measures import MEASURES
from core.ood import reference
from core.ood.reference import Reference
from core.reading.description import describe

CELL = Morphology(
    area_px=31_416,
    diameter_px=200.0,
    roundness=0.9,
    solidity=0.97,
    elongation=0.1,
    nucleus_share=0.8,
    nucleus_cytoplasm_ratio=4.0,
    fragment_share=0.0,
    red=70.0,
    green=30.0,
    blue=80.0,
    brightness=80.0,
    saturation=0.6,
    density=1.0,
    texture=0.02,
    focus=0.5,
)


@pytest.fixture
def kept() -> Reference:
    """Ten HEM cells of 151 to 160 pixels and ten ALL cells of 231 to 240; half show cytoplasm."""
    measures = pd.DataFrame(0.5, index=range(20), columns=MEASURES)
    measures["diameter_px"] = [*range(151, 161), *range(231, 241)]
    measures.loc[::2, "nucleus_share"] = np.nan
    cells = pd.DataFrame({"label": [0] * 10 + [1] * 10})
    return reference.assemble(
        cells,
        np.ones((20, 2)),
        np.zeros(2),
        measures,
        limit=None,
        reason="",
        appearance_limit=None,
        red_cell=None,
    )


def said(cell: Morphology, kept: Reference | None, field: str) -> str:
    (found,) = (finding.words for finding in describe(cell, kept) if finding.measure == field)
    return found


def test_a_figure_is_placed_among_the_cells_of_each_class(kept: Reference) -> None:
    words = said(CELL, kept, "diameter_px")
    expected = "200 px across, above 0% of ALL and 100% of HEM reference cells."
    assert words == f"Of usual size: {expected}"
    assert said(replace(CELL, diameter_px=300.0), kept, "diameter_px").startswith("Large: 300")
    small = describe(replace(CELL, diameter_px=152.0), kept)[0]
    assert small.words.startswith("Small: 152") and small.above_hem == 0.1 and small.above_all == 0
    assert small.brief == "small (152 px across)" and small.unusual
    assert not describe(CELL, kept)[0].unusual


def test_nothing_is_compared_where_no_training_cells_are_kept() -> None:
    assert said(CELL, None, "diameter_px") == "200 px across."
    assert said(replace(CELL, nucleus_share=None), None, "nucleus_share") == (
        "Cytoplasm: its colour does not set it apart from the nucleus."
    )
    assert not any("training" in finding.words for finding in describe(CELL, None))


def test_what_cannot_be_measured_is_said_so_and_never_guessed(kept: Reference) -> None:
    words = said(replace(CELL, nucleus_share=None), kept, "nucleus_share")
    none = "Cytoplasm: its colour does not set it apart from the nucleus"
    assert words == f"{none}, as in 50% of reference cells."
    fields = [finding.measure for finding in describe(CELL, kept, size_known=False)]
    assert "diameter_px" not in fields and "roundness" in fields
    empty = replace(kept, measures=kept.measures.assign(texture=np.nan))
    assert said(CELL, empty, "texture") == "Texture 0.020."


def test_an_attached_fragment_is_named_only_where_there_is_one(kept: Reference) -> None:
    assert "fragment_share" not in [finding.measure for finding in describe(CELL, kept)]
    words = said(replace(CELL, fragment_share=0.12), kept, "fragment_share")
    assert "12% of the area" in words
