"""Each file of an archive is what it says, or the archive is refused."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.runs.run_store import Run
from tests.factories.archives import files_of, pack, refused

MARKER = "unpickled-by-a-test"  # would be made in the working folder


def _json(name: str, **changes: object) -> Callable[[dict[str, bytes]], bytes]:
    return lambda files: json.dumps(json.loads(files[name]) | changes).encode()


def _pickled(_: dict[str, bytes]) -> bytes:
    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(MARKER),))

    stream = io.BytesIO()
    np.savez(stream, features=np.array([Attack()], dtype=object))
    return stream.getvalue()


def _table(name: str, **changes: object) -> Callable[[dict[str, bytes]], bytes]:
    def make(files: dict[str, bytes]) -> bytes:
        stream = io.BytesIO()
        pd.read_parquet(io.BytesIO(files[name])).assign(**changes).to_parquet(stream, index=False)
        return stream.getvalue()

    return make


def _rows(name: str, number: int) -> Callable[[dict[str, bytes]], bytes]:
    def make(files: dict[str, bytes]) -> bytes:
        stream = io.BytesIO()
        pd.read_parquet(io.BytesIO(files[name])).head(number).to_parquet(stream, index=False)
        return stream.getvalue()

    return make


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("config.json", _json("config.json", epochs="many"), "epochs is 'many'"),
        ("config.json", _json("config.json", epochs=10**9), "must lie between"),
        ("config.json", _json("config.json", run_this="x"), "no setting 'run_this'"),
        ("config.json", lambda _: b'{"architecture": "cnn-16", "dataset": 7}', "dataset is 7"),
        ("config.json", lambda _: b'{"architecture": "resnet", "dataset": "a"}', "is 'resnet'"),
        ("config.json", _json("config.json", format=9), "format is 9; this BlastLens reads 1 to 1"),
        (
            "status.json",
            _json("status.json", started=1e300),
            r"started is 1e\+300; it must",
        ),
        ("status.json", _json("status.json", state="failed"), "only a run that succeeded"),
        ("status.json", _json("status.json", started="now"), "started is 'now'"),
        ("metrics.json", _json("metrics.json", parts={}), "damaged or of another version"),
        ("metrics.json", lambda _: b'{"a": NaN}', "expected value"),
        ("metrics.json", lambda _: b"[" * 100_000, "damaged"),
        ("calibration.json", _json("calibration.json", temperature=0), "temperature is 0"),
        (
            "calibration.json",
            _json("calibration.json", interval={"logit": [0, 1], "low": [0], "high": [1, 1]}),
            "each logit must have a low and a high end",
        ),
        (
            "calibration.json",
            _json("calibration.json", interval={"logit": [2, 1], "low": [0, 0], "high": [1, 1]}),
            r"interval\.logit is \[2, 1\]: its numbers must not fall",
        ),
        ("predictions.parquet", _rows("predictions.parquet", 0), "no cell of the part"),
        ("split.parquet", _rows("split.parquet", 1799), "not as many as in metrics"),
        (
            "card.json",
            lambda _: b'{"contact": ["a"]}',
            r"contact is \['a'\]; it must be a valid string",
        ),
        ("history.csv", lambda _: b"epoch,loss\n1,2\n", "its columns are not"),
        ("predictions.parquet", lambda _: b"PAR1", "predictions.parquet is refused"),
        ("predictions.parquet", _table("predictions.parquet", probability=7.0), "outside 0..1"),
        ("split.parquet", _table("split.parquet", image_id="../../secret.bmp"), "outside its data"),
        ("split.parquet", _table("split.parquet", label=5), "none that a run can have"),
        ("reference.npz", _pickled, "Python objects, which would be unpickled"),
        ("reference.npz", lambda _: b"PK", "reference.npz is refused"),
        ("engine.xml", lambda _: b"<net><layers/>", "engine.xml is not XML"),
        ("engine.bin", lambda _: b"", "a constant outside its weights"),
        ("engine.bin", lambda files: b"\xff" * len(files["engine.bin"]), "engine.xml is refused"),
        ("model.keras", lambda _: b"PK", "model.keras is damaged"),
    ],
)
def test_every_file_is_what_it_says(
    run: Run,
    tmp_path: Path,
    name: str,
    make: Callable[[dict[str, bytes]], bytes],
    words: str,
) -> None:
    files = files_of(run)
    pack(tmp_path / "run.zip", files | {name: make(files)})
    refused(tmp_path / "run.zip", words)
    assert not Path(MARKER).exists()
