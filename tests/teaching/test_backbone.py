"""The features of a trained model, as a frozen backbone to teach a head on."""

import os
from pathlib import Path

import numpy as np
import openvino
import pytest

from core.data import datasets
from core.data.geometry import fit
from core.data.images import decode
from core.errors import ConfigError
from core.jobs.job import Status
from core.models import catalog, own_backbone
from core.models.engine import Engine
from core.models.graph.backbone import read
from core.models.own_backbone import OwnBackbone
from core.removal import cleaning, deletion
from core.runs import config, run_store
from core.runs.run_store import Run
from core.settings import PROJECT
from core.teaching import backbone, dataset, decided, lesson
from tests.factories.archives import shipped_run
from tests.factories.decided_cells import SUPERVISOR, CaseMaker, both


@pytest.fixture
def run() -> Run:
    return shipped_run("demo-colour-bands")


def with_config(run: Run, **changes: object) -> Run:
    """The run as if it had another configuration."""
    changed = Run(run.path)
    changed.__dict__["config"] = run.config.replace(**changes)
    return changed


def test_it_gives_the_features_of_the_run(run: Run) -> None:
    key = backbone.of_run(run)
    entry = catalog.architecture(key)
    assert "Colour bands" in entry.title and run.run_id in entry.source
    assert entry.geometry == run.geometry
    found = read(own_backbone.require(key), OwnBackbone.parse(entry.backbone_options))
    model = openvino.Model([openvino.opset13.result(found.features)], [found.pixels])
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(model, "CPU", exact)
    files = sorted((PROJECT / "artifacts" / "examples").glob("*.png"))
    pixels = np.stack([fit(decode(file), run.geometry) for file in files])
    expected = Engine(run.engine_file)(pixels).features
    assert np.abs(expected).max() > 0.1
    assert np.allclose(compiled(pixels)[0], expected, atol=1e-5)


@pytest.mark.process
def test_the_head_begins_as_that_of_the_run(run: Run) -> None:
    from core.models import classifier

    made = classifier.build(catalog.architecture(backbone.of_run(run)), seed=0)
    files = sorted((PROJECT / "artifacts" / "examples").glob("*.png"))
    output = Engine(run.engine_file)(np.stack([fit(decode(file), run.geometry) for file in files]))
    assert np.ptp(output.logit) > 1
    assert np.allclose(made.head(output.features)[:, 0], output.logit, atol=1e-3)


def test_a_head_that_is_not_linear_in_the_features_begins_anew() -> None:
    flat = shipped_run("demo-cnn-16")
    assert backbone.usable(flat) and backbone.head_of(flat) is None
    assert catalog.architecture(backbone.of_run(flat)).head == "pooled"


def test_it_is_made_once_for_each_engine(run: Run) -> None:
    key = backbone.of_run(run)
    file = own_backbone.require(key)
    before = file.stat().st_mtime_ns
    assert backbone.of_run(run) == key and file.stat().st_mtime_ns == before
    assert list(own_backbone.files()) == [key]


def test_it_goes_by_clean_once_no_run_uses_it_and_deleting_the_last_one_says_so(run: Run) -> None:
    key = backbone.of_run(run)
    taught = run_store.create(config.create(key, Path("/nowhere"), "recommended"), "taught")
    taught.write_status(Status(state="succeeded"))

    def listed() -> list[str]:
        return [one.path.name for one in cleaning.removable() if one.why == cleaning.BACKBONE]

    kinds = (".json", ".xml", ".bin", ".npz")
    files = [own_backbone.require(key).with_suffix(kind) for kind in kinds]
    for file in files:
        os.utime(file, (0, 0))
    assert listed() == []
    lost = "No other run uses the features it was taught on"
    assert any(one.startswith(lost) for one in deletion.dependents(taught).lost)
    deletion.delete(taught)
    files[0].touch()  # just made, for a run that is about to be
    assert listed() == []
    os.utime(files[0], (0, 0))
    assert listed() == [file.name for file in files]
    source = own_backbone.OF_RUN.capitalize()
    described = OwnBackbone.read(files[0], ConfigError)
    OwnBackbone.parse(described.to_json() | {"source": source}).write(files[0])
    os.utime(files[0], (0, 0))
    assert listed() == []  # one that the user brings


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": "image"},
        {"stain_normalisation": "reinhard"},
        {"architecture": "densenet-121"},
        {"architecture": "adopted"},
        {"dataset": "/nowhere"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_run_whose_features_are_not_its_own_or_may_know_the_patients_is_left_alone(
    run: Run, changes: dict[str, object]
) -> None:
    assert backbone.usable(run)
    assert not backbone.usable(with_config(run, **changes))
    assert not backbone.usable(None)


def test_what_was_trained_on_cases_is_not_used_but_the_backbone_of_a_taught_head_is(
    run: Run, make_case: CaseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.models.weights.find", lambda entry: None)
    root = dataset.write(SUPERVISOR, decided.collect([make_case("one", both(1))])).root
    trained = with_config(run, dataset=datasets.name(root))
    assert not backbone.usable(trained)
    assert lesson.configure(root, 300, trained).architecture == lesson.DEFAULT
    key = lesson.configure(root, 300, run).architecture
    assert key == backbone.of_run(run)
    taught = with_config(trained, architecture=key)
    assert backbone.usable(taught) and backbone.of_run(taught) == key
    assert "features of" in lesson.method(taught)
