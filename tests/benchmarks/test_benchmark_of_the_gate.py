"""The benchmark of the gate: its pictures, its leaving out of groups, its bars, its document."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import gate, not_cells, workbench
from benchmarks.__main__ import main
from core.data import datasets, measures
from core.data.geometry import fit
from core.data.images import decode
from core.models.engine import Engine
from core.runs import run_store
from core.runs.run_store import Run


@pytest.mark.parametrize("name", not_cells.KINDS)
def test_the_pictures_are_many_different_and_the_same_each_time(name: str) -> None:
    pictures = list(not_cells.KINDS[name](np.random.default_rng(0)))
    again = list(not_cells.KINDS[name](np.random.default_rng(0)))
    assert len(pictures) >= 40 and len({p.tobytes() for p in pictures}) >= 0.95 * len(pictures)
    for picture, twin in zip(pictures, again, strict=True):
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
        assert np.array_equal(picture, twin)


def test_a_model_without_a_group_holds_no_cell_of_it(finished_run: Run) -> None:
    found = datasets.index(datasets.resolve("demo"))
    table = found.labelled().merge(measures.measure(found), on="image_id")
    engine, geometry = Engine(finished_run.engine_file), finished_run.geometry
    some = [decode(found.path(image_id)) for image_id in table["image_id"]]
    pooled = np.concatenate([engine.predict(fit(image, geometry)[None])[1] for image in some])
    own = (table["group"] == table["group"][0]).to_numpy()
    kept = gate.without(table, own, pooled)
    assert set(kept.cells["group"]) == set(table["group"]) - {table["group"][0]}
    assert len(kept.features) == (~own).sum() and kept.limit is not None
    assert kept.distances(pooled[own][0]).min() > 0


def test_it_prints_its_document(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a run that is there already, no real data, and few pictures."""
    monkeypatch.delenv("BLASTLENS_REAL_DATA", raising=False)
    done, asked = run_store.get("run-cnn-16"), []

    def train(key: str, root: Path, **settings: Any) -> Run:
        asked.append((key, settings))
        return done

    monkeypatch.setattr(gate, "train", train)
    monkeypatch.setattr(workbench, "artifacts", nullcontext)
    few = {"noise": lambda rng: list(not_cells.noise(rng))[:8]}
    monkeypatch.setattr(not_cells, "KINDS", few)
    monkeypatch.setattr(not_cells, "counterfeits", lambda rng: [])
    monkeypatch.setattr(gate, "draw_field", _small_field)
    assert main(["gate", "--images", "48", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert asked == [("densenet-121", {"epochs": 1, "views": 1, "weights": "random"})]
    figures = document["figures"]
    assert figures["cells_are"] == "synthetic" and figures["cells"]["cells"] == 120
    assert figures["others"]["noise"] == {"pictures": 8, "refused": 8, "by": {"stained": 8}}
    assert figures["fields"]["synthetic_fields"]["refused"] == 8
    assert [bar["name"].split()[0] for bar in document["bars"]] == ["synthetic", "of"]


def _small_field(*, seed: int) -> Any:
    from core.data.synthetic.smear_field import draw_field

    return draw_field(seed=seed, blasts=3, lymphocytes=1, size=(240, 320), scale=0.2)
