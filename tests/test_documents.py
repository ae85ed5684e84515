"""Documents: what is written is read back; what is wrong is named with its rule."""

import json
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import ConfigDict, Field

from core import storage
from core.documents import Choices, Document, Section
from core.errors import ConfigError, ModelError, RunError
from core.runs.adoption import Adoption
from tests.factories.archives import shipped_run


class Size(Section):
    width: Annotated[int, Field(ge=1)]


class Picture(Document):
    model_config = ConfigDict(extra="forbid")
    FORMAT = 2

    name: str
    colour: Annotated[str, Choices(("red", "blue"))] = "red"
    scale: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    size: Size | None = None


class Sparse(Document):
    SPARSE = True

    name: str = ""
    rank: int = 0


def test_a_document_is_read_as_it_was_written_with_its_format(tmp_path: Path) -> None:
    file = tmp_path / "picture.json"
    picture = Picture(name="cell", scale=0.7, size=Size(width=3))
    picture.write(file)
    assert storage.read_json(file) == {"format": 2} | picture.to_json()
    assert Picture.read(file) == picture


def test_a_file_without_a_format_has_the_first_one(tmp_path: Path) -> None:
    file = tmp_path / "picture.json"
    file.write_text('{"name": "cell"}')
    assert Picture.read(file) == Picture(name="cell")


@pytest.mark.parametrize("version", [0, 3, "two", None])
def test_an_unknown_format_is_refused(tmp_path: Path, version: object) -> None:
    file = tmp_path / "run" / "picture.json"
    storage.write_json(file, {"format": version, "name": "cell"})
    with pytest.raises(RunError, match=r"picture\.json of run .*reads 1 to 2. Update BlastLens"):
        Picture.read(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b'{"name": "cell", "scale": NaN}', "expected value"),
        (b'{"name": "cell", "scale": 1e999}', "not JSON compliant"),
        (b"[]", "must be an object"),
        (b"{}", "name is missing"),
        (b'{"name": 7}', "name is 7; it must be a valid string"),
        (b'{"name": "cell", "size": {"width": 0}}', r"size\.width is 0; it must be greater than"),
    ],
)
def test_a_wrong_file_is_named_with_its_folder(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "run" / "picture.json"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"picture\.json of run .*{words}"):
        Picture.read(file, ConfigError)


def test_a_missing_file_is_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run has no picture\.json"):
        Picture.read(tmp_path / "run" / "picture.json")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scale": 3}, r"scale is 3; it must lie between 0\.5 and 2\.0"),
        ({"scale": "wide"}, r"scale is 'wide'; it must be a number between 0\.5 and 2\.0"),
        ({"scale": float("nan")}, r"scale is nan; it must lie between 0\.5 and 2\.0"),
        ({"colour": "green"}, "colour is 'green'; it can be red, blue"),
        ({"shade": 1}, "There is no setting 'shade'; there are name, colour, scale, size"),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(values: dict[str, object], words: str) -> None:
    with pytest.raises(RunError, match=words):
        Picture(name="cell").replace(**values)
    with pytest.raises(ConfigError, match=words):
        Picture.parse({"name": "cell"} | values, ConfigError)


def test_ranges_and_choices_are_those_of_the_fields() -> None:
    assert Picture.bounds("scale") == (0.5, 2.0) and Picture.bounds("name") == (None, None)
    assert Picture.choices_of("colour") == ("red", "blue") and Picture.choices_of("name") == ()


def test_a_sparse_document_keeps_absent_fields_absent(tmp_path: Path) -> None:
    file = tmp_path / "sparse.json"
    file.write_text('{"name": "cell"}')
    read = Sparse.read(file)
    assert read.rank == 0 and read.to_json() == {"name": "cell"}
    assert read.replace(name="other").to_json() == {"name": "other"}
    read.replace(rank=2).write(file)
    assert json.loads(file.read_text()) == {"format": 1, "name": "cell", "rank": 2}


def test_the_middle_of_a_message_that_a_file_makes_long_is_left_out() -> None:
    said = str(ModelError(f"The layer {'x' * 50_000} is unknown. Do not use it."))
    assert len(said) < 1500
    assert said.startswith("The layer xxx") and said.endswith("xxx is unknown. Do not use it.")
    short = "The layer x is unknown. Do not use it."
    assert str(ModelError(short)) == short


@pytest.mark.parametrize("field", ["form", "activation"])
def test_an_adopted_model_of_an_unknown_kind_is_refused_by_name(field: str) -> None:
    known = {"file": "m.onnx", "form": "onnx", "sha256": "0" * 64, "activation": "none"}
    assert Adoption.parse(known)
    with pytest.raises(RunError, match=rf"{field} is 'odd'; it can be"):
        Adoption.parse(known | {field: "odd"})


def test_a_run_whose_test_part_is_gone_is_told_in_a_sentence() -> None:
    metrics = shipped_run().metrics
    assert metrics and metrics.test.images
    parts = {name: part for name, part in metrics.parts.items() if name != "test"}
    with pytest.raises(RunError, match=r"has metrics of .*validation.*, not of test"):
        _ = metrics.replace(parts=parts).test
