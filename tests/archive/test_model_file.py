"""What kind of model a file is, and what is refused before anything opens it."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.archive import keras_file, model_file
from core.errors import ModelError
from core.settings import settings
from tests.archive.test_keras_file import MODEL, rebuilt

DENSE = {"class_name": "Dense", "config": {"units": 1, "activation": "sigmoid"}}


def legacy(file: Path, *layers: object, **weights: np.ndarray) -> Path:
    """A whole model in the older format, with layers as Keras 2 wrote them: without a module."""
    network = {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}
    with h5py.File(file, "w") as stored:
        stored.attrs["model_config"] = json.dumps(network)
        for name, array in weights.items():
            stored.create_dataset(name, data=array)
    return file


def test_forms_are_known_by_their_content(tmp_path: Path) -> None:
    assert model_file.recognise(MODEL) == "keras"
    assert model_file.recognise(legacy(tmp_path / "m.hdf5", DENSE)) == "h5"
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index"):
        (folder / name).write_bytes(b"x")
    assert model_file.recognise(folder) == "saved-model"
    assert len(model_file.parts(folder)) == 2
    assert model_file.sha256(folder) != model_file.sha256(MODEL)


def test_what_is_no_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    def refused(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError) as told:
            model_file.recognise(tmp_path / name)
        return str(told.value)

    assert "not a model that BlastLens can open" in refused("notes.keras", b"just some words")
    assert "pickle, which can run any code" in refused("model.h5", pickle.dumps({"a": 1}))
    torch = io.BytesIO()
    with zipfile.ZipFile(torch, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    assert "Export the model as ONNX" in refused("model.pt", torch.getvalue())
    assert "not a model that BlastLens can open" in refused("empty.keras", b"")
    with (tmp_path / "vast.keras").open("wb") as sparse:
        sparse.truncate(2 * 10**9)
    with pytest.raises(ModelError, match=r"2,000,000,000 bytes; the limit is"):
        model_file.recognise(tmp_path / "vast.keras")
    with pytest.raises(ModelError, match="There is no"):
        model_file.recognise(tmp_path / "missing.keras")
    with pytest.raises(ModelError, match=r"no saved_model\.pb"):
        model_file.recognise(tmp_path)


def test_a_saved_model_with_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").symlink_to(MODEL)
    with pytest.raises(ModelError, match="has links in it"):
        model_file.recognise(tmp_path)


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "Lambda", "config": {"function": ["code", None, None]}},
        {"class_name": "MyLayer", "config": {}},
        {"class_name": "Custom>Layer", "config": {}},
        {"class_name": "TFSMLayer", "config": {"filepath": "elsewhere"}},
        {"module": "os", "class_name": "system", "config": {}},
        {"class_name": "Dense", "config": {"activation": {"class_name": "function"}}},
    ],
)
def test_what_could_run_in_the_older_format_is_refused(tmp_path: Path, layer: object) -> None:
    model_file.require_plain(legacy(tmp_path / "plain.h5", DENSE), "h5")
    with pytest.raises(ModelError, match="could run code of its own"):
        model_file.require_plain(legacy(tmp_path / "m.h5", DENSE, layer), "h5")


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as stored:
        stored["kernel"] = np.zeros(3)
    with pytest.raises(ModelError, match="weights and no network"):
        model_file.require_plain(tmp_path / "w.h5", "h5")


def test_arrays_that_unpack_to_more_than_the_limit_are_refused(tmp_path: Path) -> None:
    """A few bytes of HDF5 can declare a petabyte that was never written."""
    file = legacy(tmp_path / "bomb.h5", DENSE)
    with h5py.File(file, "a") as stored:
        stored.create_dataset("kernel", (2**30, 2**20), "f4", chunks=(64, 64))
    assert file.stat().st_size < 2**16
    with pytest.raises(ModelError, match="when they are unpacked"):
        model_file.require_plain(file, "h5")
    weights = rebuilt(tmp_path / "bomb.keras", **{"model__weights__h5": file.read_bytes()})
    with pytest.raises(ModelError, match="when they are unpacked"):
        model_file.require_plain(weights, "keras")


def test_a_network_described_at_length_is_refused(tmp_path: Path) -> None:
    long = json.dumps({"config": " " * 17 * 2**20}).encode()
    with pytest.raises(ModelError, match=r"config\.json is larger than"):
        keras_file.require_plain(rebuilt(tmp_path / "m.keras", config__json=long))
    assert len(long) < settings().max_archive_bytes


def test_a_loss_of_ones_own_does_not_matter_to_who_leaves_it_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(MODEL) as archive:
        network = json.loads(archive.read("config.json"))
    loss = {"module": "builtins", "class_name": "function", "config": "focal_loss"}
    network["compile_config"] = {"optimizer": "adam", "loss": loss}
    file = rebuilt(tmp_path / "m.keras", config__json=json.dumps(network).encode())
    model_file.require_plain(file, "keras")
    with pytest.raises(ModelError, match="could run code"):
        keras_file.require_plain(file)
