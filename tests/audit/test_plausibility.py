import numpy as np
import pytest

from core.audit import plausibility
from core.evaluation import literature
from core.metrics import classification
from core.report import comparison
from core.report.comparison_tables import beside_literature
from tests.factories import invented

TABLE = invented.cells(groups=24)
PERFECT = 3.0 * (2 * TABLE["label"].to_numpy() - 1)


def _wrong(found):
    return found.answers(passed=False)


def test_an_ordinary_result_raises_no_alarm():
    said = np.where(np.arange(len(TABLE)) % 5 == 0, -PERFECT, PERFECT)
    run = invented.run("fair", TABLE, said)
    assert run.estimate("weighted_f1").value == pytest.approx(0.8, abs=0.02)
    assert plausibility.audit(run) is None


def test_a_clean_result_above_the_bar_is_no_medal_yet():
    found = plausibility.audit(invented.run("perfect", TABLE, PERFECT))
    assert not found.explained and "no reason to doubt it" in found.conclusion
    assert len(found.above) == 2 and "1.000 is above the 0.910" in found.above[0]
    assert "24 groups of subjects were tested" in found.answers(passed=True)


def test_the_bar_itself_is_not_above_the_bar(monkeypatch):
    run = invented.run("r", TABLE, PERFECT)
    bars = {"roc_auc": literature.Published("x", "roc_auc", 1.0, "", True, "")}
    monkeypatch.setattr(literature, "bars", lambda: bars)
    assert plausibility.audit(run) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"leaking": True}, "split is by image"),
        ({"synthetic": True}, "cells are synthetic"),
        ({"protocol": {"near_pairs_crossing": 3}}, "3 nearly identical pairs"),
        ({"protocol": {"near_pairs_crossing": None}}, "were not looked for"),
        ({"protocol": {"unknown_subjects": 4}}, "subjects of 4 cells are not known"),
    ],
)
def test_what_the_run_wrote_down_is_told(changed, words):
    found = plausibility.audit(invented.run("r", TABLE, PERFECT, **changed))
    assert found.explained and words in _wrong(found)
    assert "Do not believe" in found.conclusion


def test_what_crosses_is_found_in_the_split_whatever_the_run_wrote_down():
    others = TABLE[:9].assign(image_id=[f"other{n}" for n in range(9)])
    found = plausibility.audit(invented.run("r", TABLE, PERFECT, others=others))
    assert "2 groups of subjects stand in more than one part" in _wrong(found)
    assert "9 identical images stand in more than one part" in _wrong(found)


def test_few_subjects_can_be_luck():
    few = TABLE[:48]
    found = plausibility.audit(invented.run("r", few, PERFECT[:48]))
    assert "Only 6 groups" in _wrong(found)


def test_one_class_raises_no_alarm_over_an_undefined_metric():
    blasts = TABLE[TABLE["label"] == 1]
    found = plausibility.audit(invented.run("r", blasts, np.ones(len(blasts))))
    assert [line.split()[0] for line in found.above] == ["Weighted"]


def test_every_published_result_has_protocol_and_source_or_says_it_has_none():
    for one in literature.RESULTS:
        assert one.metric in classification.NAMES and 0 < one.value < 1 and one.measured_on
        assert one.cited == literature.UNVERIFIED or "20" in one.cited
        assert one.subject_level != ("by image" in one.measured_on)
    assert [one.value for one in literature.STUDY] == [0.50, 0.793, 0.779, 0.745, 0.98]
    assert all(one.subject_level and one.verified for one in literature.bars().values())


def test_ours_stands_beside_the_published_one_of_its_architecture():
    some = [
        invented.run("ours", TABLE, PERFECT, architecture="cnn-32"),
        invented.run("other", TABLE, PERFECT, architecture="compact"),
    ]
    rows = comparison.rows(some)
    table = beside_literature(rows, "accuracy").to_dict("records")
    place = [row["Result"] for row in table]
    first = "VGG16, transfer (no better than always ALL on balanced classes)"
    assert place[:3] == [first, "CNN-32", "ours"]
    assert table[2]["Source"] == "ours" and table[2]["Whose"] == "ours"
    assert "192 cells, held-out subjects" in table[2]["Measured on"]
    assert place[-1] == "other"
    assert len(beside_literature(rows, "roc_auc")) == 3
