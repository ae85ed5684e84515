"""An engine from elsewhere is looked into before OpenVINO is: standard operations, own weights."""

import shutil
from pathlib import Path

import pytest

from core.archive import engine_file
from core.errors import ModelError
from tests.factories.archives import SHIPPED


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    for name in ("engine.xml", "engine.bin"):
        shutil.copy(SHIPPED / "demo-cnn-16" / name, tmp_path)
    return tmp_path / "engine.xml"


def test_what_the_repository_ships_is_plain(engine: Path) -> None:
    engine_file.require_plain(engine, 224)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<net ", '<!DOCTYPE net [<!ENTITY a "aaaa">]><net ', "declares 'net'"),
        (
            '<?xml version="1.0"?>',
            '<?xml version="1.0"?><!DOCTYPE n SYSTEM "file:///etc/passwd">',
            "declares",
        ),
        ('type="ReLU" version="opset1"', 'type="Mine" version="extension"', "Mine of 'extension'"),
        ('type="ReLU" version="opset1"', 'type="ReLU"', "ReLU of 'no set'"),
        ('offset="0" size="32"', 'offset="0" size="99999999"', "a constant outside its weights"),
        ('offset="0" size="32"', 'offset="-8" size="32"', "a constant outside its weights"),
        ('shape="?,224,224,3"', 'shape="?,100000,100000,3"', "takes .*100000"),
        ("</net>", "", "is not XML"),
        ("<net ", "<svg ", "is not XML|begins with <svg>"),
    ],
)
def test_what_an_engine_has_no_need_of_is_refused(
    engine: Path, old: str, new: str, words: str
) -> None:
    text = engine.read_text(encoding="utf-8")
    assert old in text
    engine.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ModelError, match=words):
        engine_file.require_plain(engine, 224)


def test_an_engine_of_another_size_is_refused(engine: Path) -> None:
    with pytest.raises(ModelError, match=r"takes \?,224,224,3; .*112, 112"):
        engine_file.require_plain(engine, 112)
