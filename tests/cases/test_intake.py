import re
from pathlib import Path

import numpy as np
import pytest

from core.cases import board, case_store, intake, pictures
from core.cases.intake import CONTEXT, CUT
from core.data.images import decode, encode
from core.data.synthetic.smear_field import draw_field
from core.errors import CaseError, UploadError
from core.people import own_machine
from core.reading.reader import Reader
from core.runs.run_store import Run
from tests.factories.archives import shipped_run

PERSON = own_machine("reader")


@pytest.fixture
def reader() -> Reader:
    return Reader(shipped_run("demo-colour-bands"))


@pytest.mark.slow
def test_a_field_is_kept_with_each_cell_as_the_model_saw_it(reader: Reader) -> None:
    drawn = draw_field(seed=3, blasts=2, lymphocytes=1, size=(700, 900))
    read = intake.read(reader, "field.png", encode(drawn.image))
    assert np.array_equal(read.image, drawn.image)
    assert read.columns["kind"] == intake.FIELD
    assert read.columns["model"] == intake.model_of(reader.run)
    case_id = case_store.create(PERSON, "Field")
    case_store.add(PERSON, case_id, [read])
    case = case_store.get(case_id)
    assert decode(pictures.load(case_id, case.pictures[0].file)).shape == drawn.image.shape
    found = sorted(tuple(cell.bbox) for cell in case.cells)
    truth = sorted(item.bbox for item in drawn.objects if item.kind not in ("red cell", "platelet"))
    for (x, y, w, h), (left, top, width, height) in zip(found, truth, strict=True):
        assert abs(x + w / 2 - left - width / 2) < 8
        assert abs(y + h / 2 - top - height / 2) < 8
    for cell in case.cells:
        assert cell.outline[0] == cell.outline[-1]
        assert decode(pictures.load(case_id, cell.files[CONTEXT])).shape[:2] == (192, 192)
        assert decode(pictures.load(case_id, cell.files[CUT])).shape[0] >= 200
        if cell.probability is not None:
            assert {one["label"] for one in cell.similar} == {"ALL", "HEM"}
    assert len(board.listed(case_id, "reader").cells) == len(case.cells)


@pytest.mark.slow
def test_a_cell_is_kept_as_read_and_a_refused_picture_with_its_reason(
    reader: Reader, demo_root: Path
) -> None:
    file = sorted(demo_root.rglob("*_hem.bmp"))[0]
    (cell,) = intake.read(reader, file.name, file.read_bytes()).cells
    reading = reader.read(file)
    if reading.cells:
        assert cell.columns["probability"] == pytest.approx(reading.cells[0].probability)
        assert cell.columns["state"] == reading.cells[0].call
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    for image in (noise, np.zeros_like(noise)):
        (cell,) = intake.read(reader, "no_cell.png", encode(image)).cells
        assert (cell.columns["state"], cell.columns["probability"]) == ("refused", None)
        assert cell.columns["code"] is not None
        assert cell.columns["reason"]
        assert (cell.columns["area_px"], cell.columns["outline"]) == (0, [])


@pytest.mark.slow
def test_metadata_is_not_kept(reader: Reader, demo_root: Path, tmp_path: Path) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Patient", "patient seventeen")
    file = tmp_path / "cell.png"
    Image.open(sorted(demo_root.rglob("*_all.bmp"))[0]).save(file, pnginfo=info)
    assert b"patient seventeen" in file.read_bytes()
    case_id = case_store.create(PERSON, "Case")
    case_store.add(PERSON, case_id, [intake.read(reader, file.name, file.read_bytes())])
    kept = list((pictures.folder() / case_id).iterdir())
    assert len(kept) >= 3
    assert not any(b"patient seventeen" in path.read_bytes() for path in kept)


def test_what_cannot_be_kept_is_a_sentence(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UploadError):
        intake.read(reader, "broken.png", b"no picture")
    monkeypatch.setattr(intake, "is_large", lambda data, name: True)
    with pytest.raises(CaseError, match="is a scan"):
        intake.read(reader, "scan.tiff", b"")


def test_a_run_is_named_with_its_hashes(reader: Reader) -> None:
    run: Run = reader.run
    assert intake.model_of(run)["engine_sha256"] == run.engine_digest


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["Smear 12.3.png"], "Smear 12.3"),
        (["a\u202eb\n.png"], "ab"),
        (["P-2231_field 1.png", "P-2231_field 2.png", "P-2231_cell.bmp"], "P-2231"),
        (["P-2231_field 1.png", "P-2231_field 2.png"], "P-2231 field"),
        (["smear12 a.png", "smear12 b.png"], "smear12"),
        (["field_10.png", "field_11.png"], "Pictures of"),
        (["one.png", "two.png"], "Pictures of"),
        (["\n"], "Pictures of"),
        (["7.png", "71.png"], "Pictures of"),
    ],
)
def test_a_case_is_named_by_what_its_files_share_or_by_the_day(files: list[str], name: str) -> None:
    found = intake.name_for(files)
    day = found.removeprefix(name)
    assert day == "" if name != "Pictures of" else re.fullmatch(r" \d\d \w+ 20\d\d", day)
    case_id = case_store.create(PERSON, found)
    assert case_store.get(case_id).name == found
