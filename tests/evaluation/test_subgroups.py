import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.data.indexing import Index
from core.evaluation import subgroups
from core.evaluation.subgroups import by_kind, by_subject
from core.metrics.estimate import Estimate
from core.report.comparison_tables import worst_subject
from core.report.phrases import brief
from tests.factories import invented
from tests.factories.trees import index_of

TABLE = invented.cells(groups=8, each=6)
LOOKS = pd.DataFrame(
    {
        "image_id": TABLE["image_id"],
        "quality": ["", "too dark", "too dark, out of focus"] * 16,
        "area_px": [np.nan] * 3 + list(range(3, len(TABLE))),
    }
)


def test_subjects_are_counted_by_hand_and_the_worst_comes_first():
    said = np.where(TABLE["label"] == 1, 1.0, -1.0)
    said[:2] = 5  # two of six cells of subject 0, which is HEM, called ALL
    said[6] = -5  # one of six of subject 1, ALL, called HEM
    run = invented.in_memory("r", TABLE, said)
    table = by_subject(run)
    assert table["subject"].tolist()[:2] == ["0", "1"]
    assert table["share"].tolist()[:3] == pytest.approx([4 / 6, 5 / 6, 1])
    assert table["class"].tolist()[:2] == ["HEM", "ALL"]
    assert worst_subject("CNN", table, "cells") == (
        "CNN: worst for subject 0 (HEM): it calls 4 of 6 cells correctly (67%)."
    )


def test_unknown_subjects_have_no_row():
    run = invented.in_memory("r", TABLE.assign(subject=None), np.ones(len(TABLE)))
    assert by_subject(run).empty
    assert "not known" in worst_subject("CNN", by_subject(run), "cells")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The image_ids of the cells that were to be measured, of which there are no files."""
    image_ids: list[str] = []

    def measure(index: Index, progress: object, wanted: pd.Series) -> pd.DataFrame:
        image_ids.extend(wanted)
        return LOOKS.set_index("image_id").loc[wanted].reset_index()

    monkeypatch.setattr(subgroups, "measure", measure)
    return image_ids


def _found() -> Index:
    """The index of the test cells and of one more."""
    cells = TABLE[["image_id", "sha256"]].assign(
        fold=pd.array([0, 1, None] * 16, "Int8"),
        class_name=np.where(TABLE["label"] == 0, "Benign", np.resize(["Pre", "Pro"], 48)),
    )
    more = pd.DataFrame([{"image_id": "untested.bmp", "sha256": "0", "fold": 0}])
    found = index_of(pd.concat([cells, more], ignore_index=True))
    return replace(found, classes={"Benign": 0, "Pre": 1, "Pro": 1})


def test_kinds_are_classes_folds_flags_and_thirds_by_size(asked):
    run = invented.in_memory("r", TABLE, invented.logits(TABLE, 1))
    table = by_kind(run, _found())
    counts = dict(zip(zip(table["by"], table["part"], strict=True), table["cells"], strict=True))
    assert counts[("class", "Benign")] == 24 and counts[("class", "Pre")] == 12
    assert counts[("official fold", "fold 0")] == counts[("official fold", "fold 1")] == 16
    assert counts[("quality", "no flag")] == counts[("quality", "out of focus")] == 16
    assert counts[("quality", "too dark")] == 32
    sizes = [number for (by, _), number in counts.items() if by == "cell size"]
    assert sizes == [15, 15, 15]
    assert asked == TABLE["image_id"].tolist()


def test_a_part_is_measured_as_its_cells_alone():
    run = invented.in_memory("r", TABLE, invented.logits(TABLE, 1))
    table = by_kind(run, _found())
    row = table[table["part"] == "fold 0"].iloc[0]
    alone = TABLE[::3].reset_index(drop=True)
    expected = invented.in_memory("x", alone, run.cells["logit"].to_numpy()[::3])
    assert row["sensitivity"] == expected.estimate("sensitivity").value
    assert (row["sensitivity_low"], row["sensitivity_high"]) == expected.estimate(
        "sensitivity"
    ).interval


def test_files_that_changed_are_left_out():
    run = invented.in_memory("r", TABLE, invented.logits(TABLE, 1))
    found = _found()
    found.cells.loc[0, "sha256"] = "other"
    table = by_kind(run, found)
    assert table.loc[table["part"] == "fold 0", "cells"].item() == 15
    found.cells["sha256"] = "other"
    assert by_kind(run, found).empty


def test_the_command_line_has_the_rows_of_the_page(monkeypatch):
    run = invented.run("r", TABLE, invented.logits(TABLE, 1), dataset="gone")
    monkeypatch.setattr(subgroups.datasets, "index", lambda *_: _found())
    rows = json.loads(json.dumps(subgroups.to_json(run), allow_nan=False))
    table = by_kind(run, _found())
    assert [list(row) for row in rows] == [list(table)] * len(table)
    benign = next(row for row in rows if row["part"] == "Benign")
    assert benign["cells"] == 24 and benign["sensitivity"] is None  # no ALL among them
    pre = table[table["part"] == "Pre"].iloc[0]
    found = next(row["sensitivity"] for row in rows if row["part"] == "Pre")
    assert found == pre["sensitivity"]


def test_a_run_whose_data_set_is_not_here_has_no_rows():
    run = invented.run("r", TABLE, invented.logits(TABLE, 1), dataset="gone")
    assert subgroups.to_json(run) is None


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ((0.618, 0.5, 0.7), "0.62 (0.50–0.70)"),
        ((0.618, None, None), "0.62"),
        ((None, None, None), "–"),
        ((np.nan, np.nan, np.nan), "–"),
    ],
)
def test_a_figure_as_text(figure, said):
    assert brief(Estimate(*figure)) == said
