"""Real trainings on cells that bear their patient: the gap shows, and the control is told apart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.audit import ablations, controls, leakage
from core.jobs.reporter import Reporter
from core.report import audits
from core.runs import config, run_store
from core.runs.run_store import Run
from tests.factories.marked_cells import CELLS, SUBJECTS, write_marked_cells

# Enough epochs to learn the marks, and nothing that hides them.
SETTINGS = {"folds": 3, "epochs": 4, "batch_size": 8, "augmentation": "none", "keep": "last"}
FAST = {"precision": "float32"}


def trained(wanted: config.RunConfig) -> Run:
    """The whole training of a run, in this process."""
    from core.training import fit

    run = run_store.create(wanted)
    with Reporter(run) as reporter:
        fit.train(run, reporter)
        reporter.update(now=True, state="succeeded", finished=1.0)
    return run


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cells; nothing here asks for the engines of what is trained on them."""
    from tests.factories.ailing import without_engines

    with pytest.MonkeyPatch.context() as patch:
        without_engines(patch)
        yield write_marked_cells(tmp_path_factory.mktemp("marked") / "cells")


def test_recognition_of_patients_is_measured_and_an_outline_told_apart_from_a_cell(
    marked: Path,
) -> None:
    base = config.create("cnn-16", marked, "recommended", **SETTINGS, **FAST)
    sides = {
        side: [trained(one) for one in ablations.configs(base, "leakage", side)]
        for side in ("model", "image", "silhouette")
    }
    found = ablations.find(sides["model"][0], "leakage")
    assert found.complete and found.finished == {s: sides[s] for s in ("model", "image")}

    gap = leakage.measure(found.finished["image"], found.finished["model"])
    assert (gap.difference.cells, gap.difference.groups) == (SUBJECTS * CELLS, SUBJECTS)
    assert gap.difference.metrics["roc_auc"].difference.above_zero
    assert gap.gap.difference.value > 0.05

    beside = controls.measure({side: sides[side] for side in ("model", "silhouette")})
    assert beside.beats("silhouette")
    assert "The model beats the silhouette alone" in audits.sentence(beside)
    assert (
        beside.differences["silhouette"].metrics["roc_auc"].second < 0.65
    )  # the outline carries no class

    # The other way round: what the outline gives does not beat the model.
    turned = {"model": sides["silhouette"], "silhouette": sides["model"]}
    assert not controls.measure(turned).beats("silhouette")
