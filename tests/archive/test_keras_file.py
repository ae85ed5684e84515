"""A Keras file from elsewhere is looked into before Keras is: layers and numbers, nothing else."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from core.archive import keras_file
from core.errors import ModelError
from tests.factories.archives import SHIPPED

MODEL = SHIPPED / "demo-cnn-16" / "model.keras"


def rebuilt(file: Path, *, layer: dict[str, Any] | None = None, **files: bytes) -> Path:
    """The shipped model with another layer at its end, or other files in it."""
    with zipfile.ZipFile(MODEL) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if layer:
        network = json.loads(parts["config.json"])
        network["config"]["layers"].append(layer)
        parts["config.json"] = json.dumps(network).encode()
    parts |= {name.replace("__", "."): data for name, data in files.items()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file


def test_what_the_repository_ships_is_plain(tmp_path: Path) -> None:
    for file in SHIPPED.glob("demo-*/model.keras"):
        keras_file.require_plain(file)
    keras_file.require_plain(rebuilt(tmp_path / "model.keras"))


@pytest.mark.parametrize(
    "layer",
    [
        {"module": "keras.layers", "class_name": "Lambda", "config": {}},
        {"module": "builtins", "class_name": "function", "config": "exec"},
        {"module": "os", "class_name": "function", "config": "system"},
        {"module": "keras.src.utils.file_utils", "class_name": "function", "config": "get_file"},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {}},
        {"module": "core.models.builders", "class_name": "cnn", "config": {}},
        {"module": None, "class_name": "Custom", "registered_name": "pack>Custom", "config": {}},
        {"module": "keras.layers", "class_name": "Dense", "registered_name": "pack>D"},
        {"module": "keras.layers", "class_name": {"a": 1}},
        {
            "module": "keras.layers",
            "class_name": "Dense",
            "config": {"activation": {"class_name": "__lambda__", "config": {"value": "4wAA"}}},
        },
    ],
)
def test_whatever_could_run_is_refused(tmp_path: Path, layer: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="could run code of its own"):
        keras_file.require_plain(rebuilt(tmp_path / "model.keras", layer=layer))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("activation", "get_file"),
        ("recurrent_activation", "os.system"),
        ("kernel_initializer", "anything"),
        ("bias_regularizer", "mine"),
        ("kernel_constraint", "keras>x"),
    ],
)
def test_a_function_given_by_its_name_is_one_of_keras(tmp_path: Path, key: str, value: str) -> None:
    layer = {"module": "keras.layers", "class_name": "Dense", "config": {key: value}}
    with pytest.raises(ModelError, match=f"has the {key} '{value}', which Keras does not have"):
        keras_file.require_plain(rebuilt(tmp_path / "model.keras", layer=layer))


def test_functions_of_keras_may_be_given_by_their_names(tmp_path: Path) -> None:
    names = {"activation": "silu", "kernel_initializer": "he_normal", "bias_initializer": "zeros"}
    names |= {"kernel_regularizer": "l1l2", "kernel_constraint": "MaxNorm"}
    layer = {"module": "keras.layers", "class_name": "Dense", "config": names}
    keras_file.require_plain(rebuilt(tmp_path / "model.keras", layer=layer))


def test_other_files_in_it_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds 'extra\.pkl'"):
        keras_file.require_plain(rebuilt(tmp_path / "model.keras", extra__pkl=b"x"))


@pytest.mark.parametrize("kind", ["external", "objects", "link", "damaged"])
def test_weights_are_numbers_inside_the_file(tmp_path: Path, kind: str) -> None:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as weights:
        group = weights.create_group("layers/dense")
        if kind == "external":
            group.create_dataset("w", (4,), "f4", external=[("/etc/passwd", 0, 16)])
        elif kind == "objects":
            group.create_dataset("w", data=np.array(["x"], dtype=h5py.string_dtype()))
        elif kind == "link":
            group["w"] = h5py.ExternalLink("other.h5", "/w")
    data = stream.getvalue()[:100] if kind == "damaged" else stream.getvalue()
    file = tmp_path / "model.keras"
    rebuilt(file)
    with zipfile.ZipFile(MODEL) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (parts | {keras_file.WEIGHTS: data}).items():
            archive.writestr(name, content)
    with pytest.raises(ModelError, match=r"in another file|not numbers|damaged"):
        keras_file.require_plain(file)
