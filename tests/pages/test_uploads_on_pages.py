"""Pictures on Home and Predict: uploads, shipped examples, and a run that is replaced."""

import shutil
from pathlib import Path

import pytest

from core import storage
from core.data.images import decode
from core.reading.reader import Reader
from core.runs import run_store
from tests.factories.app import open_page, words
from tests.factories.bad_images import write_bad_images


@pytest.mark.parametrize("name", ["home", "predict"])
def test_an_uploaded_cell_is_read_with_call_probability_and_explanation(
    name: str, workspace: Path, demo_root: Path
) -> None:
    app = open_page(name)
    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    app.file_uploader[0].upload(cell.name, cell.read_bytes())
    app.run()
    said = words(app)
    assert not app.exception and not app.error
    assert "The model suggests" in said and ("ALL" in said or "HEM" in said)
    assert "eat" in said and "balanced accuracy" in said.lower()


@pytest.mark.slow
def test_every_bad_upload_gets_one_sentence_and_the_page_goes_on(
    workspace: Path, demo_root: Path, tmp_path: Path
) -> None:
    cell = sorted(demo_root.rglob("*_hem.bmp"))[0]
    app = open_page("predict")
    for name, file in write_bad_images(tmp_path, decode(cell)).items():
        if file.suffix == ".gif":
            continue  # the uploader itself takes only the suffixes that are read
        app.file_uploader[0].set_value((name, file.read_bytes(), "image/x"))
        app.run()
        assert not app.exception and not app.error, name
        said = words(app)
        assert ("was not read" in said) != ("The model suggests" in said), name
    app.file_uploader[0].set_value((cell.name, cell.read_bytes(), "image/bmp"))
    assert "The model suggests" in words(app.run())


def test_a_shipped_example_is_read_at_a_click(workspace: Path) -> None:
    examples = sorted(storage.examples_dir().glob("*.png"))
    assert len(examples) == 6
    app = open_page("predict")
    app.button(key=f"predict_{examples[0].stem}").click().run()
    assert "The model suggests" in words(app)


def test_home_opens_with_an_example_read(workspace: Path, demo_root: Path) -> None:
    _, second, first = sorted(storage.examples_dir().glob("*.png"))[:3]
    app = open_page("home")
    said = words(app)
    assert "The model suggests" in said and "heat map" in said and "Balanced accuracy" in said
    assert app.button(key=f"home_{first.stem}").label == "Read 3 ✓"
    app.button(key=f"home_{second.stem}").click().run()
    assert app.button(key=f"home_{first.stem}").label == "Read 3"
    assert app.button(key=f"home_{second.stem}").label == "Read 2 ✓"
    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    app.file_uploader[0].upload(cell.name, cell.read_bytes())
    app.run()
    assert "Read 2 ✓" not in [one.label for one in app.button] and not app.exception


@pytest.mark.slow
def test_a_run_replaced_under_its_name_is_read_anew(workspace: Path) -> None:
    copy = run_store.runs()[0].path.with_name("copy")
    example = sorted(storage.examples_dir().glob("*.png"))[0]

    def probability(source: str) -> str:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(workspace / "runs" / source, copy, copy_function=shutil.copy)
        app = open_page("predict")
        app.multiselect(key="models").set_value(["copy"]).run()
        app.button(key=f"predict_{example.stem}").click().run()
        (bar,) = app.get("progress")
        return bar.proto.text

    try:
        for name in ("run-cnn-16", "run-cnn-dropout"):
            expected = Reader(run_store.get(name)).read(example).cells[0].probability
            assert f"ALL **{expected:.0%}**" in probability(name)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def test_a_file_name_is_shown_as_it_is(workspace: Path) -> None:
    app = open_page("predict")
    app.file_uploader[0].upload("n_*b*_ $x$ :red[y] _z_\u202e\x1b\n\n===.bmp", b"text")
    app.run()
    assert r"n\_\*b\*\_ \$x\$ \:red\[y\] \_z\_ ===.bmp" in app.warning[0].value
