"""The benchmark of the default architecture: its shares, its data of known truth, its bars."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import left_out, model, model_maps, model_runs, planted
from benchmarks.__main__ import main
from benchmarks.measure import bars_of
from benchmarks.model_controls import in_mark
from benchmarks.model_maps import Judged
from benchmarks.model_runs import Bench, means
from benchmarks.untrained import untrained
from core.cells.masks import cell_mask
from core.data import datasets, indexing
from core.data.images import decode
from core.errors import RunError
from core.explain.trust import SUPPORTED, UNRELIABLE, WEAK, Judgement
from core.models.engine import Engine
from core.ood import reference
from core.reading.reader import Reader
from core.runs.run_store import Run


@pytest.fixture
def one(finished_run: Run) -> Judged:
    """One reading."""
    return model_maps.judged(finished_run, model_maps.test_files(finished_run, 4))[0]


def test_shares_are_of_all_readings_those_of_peaks_of_the_maps_with_evidence(one: Judged) -> None:
    assert one.judgement.figures and one.peak
    y, x = np.argwhere(cell_mask(one.cell.image))[0]
    inside, figures = (int(y), int(x)), one.judgement.figures

    def reading(badge: str, peak: tuple[int, int] | None, heat: float | None) -> Judged:
        of = None if heat is None else replace(figures, inside_cell=heat)
        return replace(one, peak=peak, judgement=Judgement("grad-cam", badge, "1.5% of ALL", of))

    readings = [
        reading(SUPPORTED, inside, 1.0),
        reading(model_maps.SPREAD, inside, 0.8),
        reading(WEAK, (0, 0), 0.6),
        reading(UNRELIABLE, None, None),
    ]
    found = model_maps.shares(readings)
    assert (found["readings"], found["supported"], found["supported_or_spread"]) == (4, 0.25, 0.5)
    assert found["peak_on_cell"] == pytest.approx(2 / 3)
    assert found["heat_on_cell"] == pytest.approx(0.8)
    both = model_maps.summary([readings, readings[:1]])
    assert both.mean["supported"] == pytest.approx(0.625)
    assert both.badges[SUPPORTED] == 2 and both.reasons == {".. of ..": 5}


def test_readings_are_those_of_the_reader_and_none_at_all_is_an_error(
    one: Judged, finished_run: Run, tmp_path: Path
) -> None:
    reader = Reader(finished_run)
    cell = reader.read(one.file).cells[0]
    assert cell.call == one.cell.call and reader.judge(cell) == one.judgement
    assert cell.heat is not None and one.peak and cell.heat[one.peak] == cell.heat.max()
    (tmp_path / "cell.bmp").write_bytes(b"no image")
    with pytest.raises(RunError, match="None of 1 cells passes the gate"):
        model_maps.judged(finished_run, [tmp_path / "cell.bmp"])


def test_shuffled_labels_stay_as_many_and_say_nothing_of_the_subject(
    demo_root: Path, tmp_path: Path
) -> None:
    before = indexing.index(demo_root).labelled()
    after = indexing.index(planted.write_shuffled(demo_root, tmp_path / "one", 0)).labelled()
    columns = ["sha256", "subject"]
    assert sorted(before[columns].to_numpy().tolist()) == sorted(after[columns].to_numpy().tolist())
    assert before["label"].sum() == after["label"].sum()
    assert (before.groupby("subject")["label"].nunique() == 1).all()
    assert (after.groupby("subject")["label"].nunique() == 2).mean() > 0.8
    other = planted.write_shuffled(demo_root, tmp_path / "two", 1)
    assert sorted(file.name for file in other.rglob("ALL/*/*.bmp")) != sorted(
        file.name for file in (tmp_path / "one").rglob("ALL/*/*.bmp")
    )


def test_a_mark_lies_in_its_cell_and_a_peak_is_in_it_or_not(
    one: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planted, "LEAST_SUBJECTS", 2)
    centres = planted.write_marked(tmp_path / "marked", 24)
    cells = indexing.index(tmp_path / "marked").labelled()
    assert len(centres) == 24 == len(cells) and cells["label"].sum() == 12
    assert len(set(centres.values())) > 20
    for name, label in zip(cells["image_id"], cells["label"], strict=True):
        image = decode(tmp_path / "marked" / name)
        mark = planted.marked(centres[tmp_path / "marked" / name], image.shape)
        assert (image[mark] == planted.GREYS[label]).all()
        assert cell_mask(image)[mark].mean() > 0.95
    # The window of 448 pixels leaves one out on each side of 450.
    edge = 200 + planted.RADIUS - 1, 100 - 1
    assert in_mark(replace(one, peak=edge), (100, 200))
    assert not in_mark(replace(one, peak=(edge[0] + 1, edge[1])), (100, 200))
    assert not in_mark(replace(one, peak=None), (100, 200))


def test_a_run_of_random_weights_is_a_whole_run_that_calls_both_classes(finished_run: Run) -> None:
    run = untrained(finished_run)
    try:
        assert run.engine_digest != finished_run.engine_digest
        test, probabilities = (
            run.predictions.query("split == 'test'"),
            run.predictions["probability"],
        )
        assert probabilities.median() == run.calibration.threshold
        metrics, kept = run.metrics, reference.load(run)
        assert metrics and kept and metrics.test.images == len(test)
        assert 0 < metrics.test.confusion.tp + metrics.test.confusion.fp < len(test)
        assert metrics.test.roc_auc != finished_run.metrics.test.roc_auc  # type: ignore[union-attr]
        file = datasets.resolve("demo") / test["image_id"].iloc[0]
        picture = Reader(run).picture(decode(file))
        logit = Engine(run.engine_file)(picture.pixels[None]).logit[0]
        assert logit == pytest.approx(test["logit"].iloc[0], abs=1e-4)
    finally:
        shutil.rmtree(run.path)


def test_subjects_that_share_cells_anywhere_in_the_release_are_left_out_together(
    real_data: Path,
) -> None:
    cells = left_out.grouped(indexing.index(real_data / model.SAMPLE))
    group = cells.groupby("subject")["group"].first()
    assert len(cells) == 55 and cells["group"].nunique() == 14
    assert group["51"] == group["78"] and group["H2"] == group["H4"] == group["H5"] == group["H6"]
    assert group["H3"] == group["H10"] != group["H2"]


def test_bars_are_of_means_over_the_seeds() -> None:
    rows = [{"test_roc_auc": 0.92, "test_balanced_accuracy": 0.70}]
    rows.append({"test_roc_auc": 0.86, "test_balanced_accuracy": 0.88})
    auc, accuracy = model.held(model.SKILL, means(rows)).values()
    assert (auc.value, auc.holds) == (pytest.approx(0.89), True)
    assert (accuracy.value, accuracy.holds) == (pytest.approx(0.79), False)


def test_a_control_is_beaten_only_if_it_is_by_every_seed(
    finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = iter([[0.1, 0.3], [0.2, 0.3], None, [0.2, 0.3]])

    def audited(run: Run, audit: str) -> dict[str, Any]:
        return {
            "controls": {
                name: {"metrics": {"roc_auc": {"interval": next(ends)}}}
                for name in ("silhouette", "size")
            }
        }

    monkeypatch.setattr(model, "audited", audited)
    bars = bars_of(model.leads([finished_run, finished_run]))
    assert [(bar.value, bar.holds) for bar in bars] == [(0.0, False), (0.2, True)]


def test_a_reading_and_its_badge_are_timed_together(
    finished_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "TIMED_READINGS", 2)
    whole, badge = bars_of(model.times(finished_run))
    assert whole.value > badge.value > 0
    assert model.model_bytes(finished_run) > 1e6


def test_it_prints_its_document_and_what_is_skipped(
    workspace: Path,
    finished_run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a run that is there already, and no real data."""
    monkeypatch.delenv("BLASTLENS_REAL_DATA", raising=False)
    asked: list[tuple[str, int]] = []

    def train(key: str, root: Path, *, epochs: int, seed: int) -> Run:
        asked.append((key, seed))
        return finished_run

    monkeypatch.setattr(model_runs, "train", train)
    monkeypatch.setattr(model, "leads", lambda runs: {"runs": len(runs)})
    monkeypatch.setattr(model.weights, "find", lambda entry: None)
    assert main(["model", "--only", "skill", "--images", "24", "--rounds", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert asked == [("colour-bands", 0), ("colour-bands", 1)]
    found = document["figures"]["skill"]
    assert found["leads"] == {"runs": 2} and found["real"].startswith("Skipped: the real cells")
    assert [bar["name"] for bar in document["bars"]] == [
        "test part: ROC AUC",
        "test part: balanced accuracy",
    ]
    bench = Bench("colour-bands", workspace, None, 1)
    for part in (model.lite, model.densenet):
        assert "Skipped: the ImageNet weights" in str(part(bench))


def test_networks_with_imagenet_weights_are_held_against_area_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter((0.9, 0.8, 0.85))
    monkeypatch.setattr(model.weights, "find", lambda entry: tmp_path)
    monkeypatch.setattr(model, "area_alone", lambda root: 0.75)
    monkeypatch.setattr(
        model, "pretrained", lambda bench, key: ({"real_roc_auc": next(scores)}, {})
    )
    figures = model.lite(Bench("colour-bands", tmp_path, tmp_path, 1))
    assert list(figures) == [*model.LITE, "over_area"]
    bars = bars_of(figures)
    assert [round(bar.value, 9) for bar in bars] == [0.15, 0.05, 0.1]
    assert [bar.holds for bar in bars] == [True, False, True]


def test_what_takes_long_is_measured_only_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for name in model.PARTS:
        monkeypatch.setitem(model.PARTS, name, lambda bench, name=name: done.append(name) or {})
    assert main(["model", "--images", "24"]) == 0
    assert done == ["trust", "controls", "skill", "cost"]
