"""Model files from elsewhere, opened in a process that has limits."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.adoption.adopt import GRAPH
from core.errors import ModelError
from core.models.graph import anatomy
from core.settings import Settings, settings
from core.workers import conversion
from tests.archive.test_keras_file import MODEL, rebuilt
from tests.factories import foreign, forked, keras2


def test_the_process_converts_a_file_and_compares_the_two(tmp_path: Path) -> None:
    found = conversion.convert(MODEL, tmp_path)
    assert found.difference is not None and found.difference <= 1e-4
    assert found.parameters and found.keras
    assert anatomy.examine(anatomy.read(tmp_path / GRAPH)).size == 224


def test_the_process_says_why_it_refuses_a_file(tmp_path: Path) -> None:
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {}}
    with pytest.raises(ModelError, match=r"keras\.layers\.Lambda, which could run code"):
        conversion.convert(rebuilt(tmp_path / "m.keras", layer=layer), tmp_path)


@pytest.mark.parametrize("form", ["keras", "h5", "saved-model"])
def test_every_form_of_a_model_gives_the_same_graph(form: str, tmp_path: Path) -> None:
    model = foreign.made("nested")
    file = tmp_path / {"keras": "m.keras", "h5": "m.h5", "saved-model": "saved"}[form]
    if form == "saved-model":
        model.export(file, verbose=False)
    else:
        model.save(file)
    conversion.work(file, tmp_path / "graph")
    graph = anatomy.examine(anatomy.read(tmp_path / "graph" / GRAPH))
    pixels = np.random.default_rng(0).random((3, 64, 64, 3), dtype=np.float32)
    from core.models.runtime import Compiled

    scores = Compiled(graph.up_to_scores())(pixels)["scores"]
    said = np.log(np.asarray(model(pixels, training=False)))
    np.testing.assert_allclose(
        scores[:, 1] - scores[:, 0], said[:, 1] - said[:, 0], atol=1e-4, rtol=1e-5
    )


@pytest.mark.parametrize("write", [keras2.write, keras2.write_zip])
def test_a_file_of_keras_2_gives_the_graph_of_its_network(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    """With `preprocess_input`, and an application as one of its layers."""
    twin = keras2.twin()
    name = "m.h5" if write is keras2.write else "m.keras"
    file = write(tmp_path / name, keras2.classifier(), twin)
    found = conversion.work(file, tmp_path / "graph")
    assert found.difference is not None and found.difference <= 1e-4
    assert [path.name for path in sorted((tmp_path / "graph").iterdir())] == [
        "model.bin", "model.xml",
    ]  # fmt: skip
    graph = anatomy.examine(anatomy.read(tmp_path / "graph" / GRAPH))
    lightness = np.array([30.0, 120.0, 255.0], np.float32)[:, None, None, None]
    shape = (3, keras2.SIDE, keras2.SIDE, 3)
    images = lightness * np.random.default_rng(0).random(shape, np.float32)
    said = np.asarray(twin(images, training=False))[:, 0]
    from core.models.runtime import Compiled

    scores = Compiled(graph.up_to_scores())(images)["scores"][:, 0]
    assert np.ptp(said) > 1e-3
    np.testing.assert_allclose(scores, np.log(said / (1 - said)), atol=1e-4)


def test_a_graph_that_differs_from_its_model_is_refused(tmp_path: Path) -> None:
    from core.models import conversion as of_networks
    from core.models.graph import assembly

    assembly.save(of_networks.of_model(foreign.made("nested"), tmp_path), tmp_path / GRAPH)
    inputs = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    even = np.array([[0.3, 0.7]] * 2)
    with pytest.raises(ModelError, match="differs from the Keras model by"):
        of_networks.require_agreement(even, even[None], tmp_path / GRAPH, inputs)


@pytest.mark.parametrize(
    ("off", "rounding", "adopted"),
    [(5e-5, 0, True), (4e-4, 0, False), (4e-4, 1e-4, True), (4e-4, 2e-5, False), (0.02, 1, False)],
)
def test_a_network_that_amplifies_rounding_may_differ_by_what_rounding_does(
    off: float, rounding: float, adopted: bool, tmp_path: Path
) -> None:
    from core.models import conversion as of_networks
    from core.models.graph import assembly
    from core.models.runtime import Compiled

    assembly.save(of_networks.of_model(foreign.made("nested"), tmp_path), tmp_path / GRAPH)
    inputs = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    found = np.float64(Compiled(anatomy.read(tmp_path / GRAPH))(inputs)["output"])
    assert np.all((found > 0.3) & (found < 0.7))  # log-odds within 1

    def moved(by: float) -> np.ndarray:
        """Its outputs where the log-odds of the first is larger."""
        odds = np.exp([[by, -by]] * 2) * found / (1 - found)
        made: np.ndarray = odds / (1 + odds)
        return made

    expected, nudged = moved(off), np.array([moved(off), moved(off + rounding)])
    if adopted:
        difference = of_networks.require_agreement(expected, nudged, tmp_path / GRAPH, inputs)
        assert difference == pytest.approx(off, rel=0.01)
    else:
        with pytest.raises(ModelError, match="differs from the Keras model by"):
            of_networks.require_agreement(expected, nudged, tmp_path / GRAPH, inputs)


def test_a_network_that_needs_too_much_memory_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some kilobytes of a config ask for a matrix of terabytes."""
    with zipfile.ZipFile(MODEL) as archive:
        network = archive.read("config.json").replace(b'"units": 128', b'"units": 1073741824')
    file = rebuilt(tmp_path / "vast.keras", config__json=network)
    with pytest.raises(ModelError, match="memory"):
        conversion.convert(file, tmp_path)
    slow = Settings(settings().artifacts, settings().weights, conversion_seconds=1)
    monkeypatch.setattr(conversion, "settings", lambda: slow)
    monkeypatch.setattr(forked, "OURS", ())  # a new process imports for longer than that
    shutil.copy(MODEL, tmp_path / "m.keras")
    with pytest.raises(ModelError, match="took over 1 s to open"):
        conversion.convert(tmp_path / "m.keras", tmp_path)


def test_a_saved_model_that_reads_files_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    class Spy(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3), tf.float32)])  # type: ignore[untyped-decorator]
        def __call__(self, images: tf.Tensor) -> tf.Tensor:
            secret = tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32)
            return tf.reduce_mean(images, [1, 2])[:, :1] + secret

    spy = Spy()
    tf.saved_model.save(spy, tmp_path / "saved", signatures=spy.__call__)
    with pytest.raises(ModelError, match="SavedModel cannot be converted"):
        conversion.work(tmp_path / "saved", tmp_path / "graph")
