"""Copies on the Dataset page: pair by pair, and from the finding that counts them."""

from pathlib import Path

import pytest

from core.data import datasets, measures
from tests.factories import trees
from tests.factories.app import button, open_page, words


@pytest.mark.slow
def test_findings_lead_to_their_pairs_and_cells(tmp_path: Path) -> None:
    for number in (0, 1):
        for fold, subject in ((0, "1"), (1, "2")):
            name = f"C-NMC_training_data/fold_{fold}/all/UID_{subject}_{number + 1}_1_all.bmp"
            trees.save(tmp_path / name, trees.cell("1", number))
    trees.save(tmp_path / "C-NMC_training_data/fold_0/hem/UID_H1_1_1_hem.bmp", trees.cell("H1"))
    cut_off = trees.cell("H2")[150:300, 150:300]
    trees.save(tmp_path / "C-NMC_training_data/fold_0/hem/UID_H2_1_1_hem.bmp", cut_off)
    datasets.add(str(tmp_path))
    measured = measures.measure(datasets.index(tmp_path))
    app = open_page("dataset", dataset=tmp_path)
    button(app, "Look at these pairs").click().run()
    assert not app.exception and not app.error
    said = words(app)
    assert (
        "**Pair, the same file, byte by byte**, 1 of 2" in said
        and "treated as one, the group 1+2" in said
    )
    assert "official fold 0 and 1, which therefore leak" in said
    assert "**Difference**: none" in said
    assert button(app, "Previous").disabled
    button(app, "Next").click().run()
    assert ", 2 of 2" in words(app) and button(app, "Next").disabled
    app.switch_page("pages/tune.py").run()
    app.switch_page("pages/dataset.py").run()
    assert ", 2 of 2" in words(app) and app.query_params["pair"] == "2"
    for asked, shown in (("2", 2), ("9", 2), ("0", 1), ("two", 1)):
        app.query_params["pair"] = asked
        app.run()
        assert f", {shown} of 2" in words(app)
    flagged = int((measured["quality"] != "").sum())
    assert flagged
    app = open_page("dataset", dataset=tmp_path)
    button(app, "Look at the flagged images").click().run()
    assert f"{flagged} of 6 images" in words(app) and not app.exception
