"""Formats of the extra: read through the one door, under its limits, without a patient's name."""

import io
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import images
from core.data.image_formats import formats
from core.data.images import SUFFIXES, decode, encode, open_large_image, size_of
from core.data.indexing import index
from core.data.synthetic.dataset import draw_cell
from core.errors import UploadError
from core.settings import settings

pydicom = pytest.importorskip("pydicom")
pillow_heif = pytest.importorskip("pillow_heif")
pytest.importorskip("openslide")

NAME = "Zzyzx^Hortensia"
CELL = draw_cell(subject="1", cell=0, label=1, seed=1)


def _pillow(kind: str, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = NAME
    buffer = io.BytesIO()
    if "exif" in options:
        options["exif"] = exif
    Image.fromarray(CELL).save(buffer, kind, **options)
    return buffer.getvalue()


def _heic() -> bytes:
    pillow_heif.register_heif_opener()
    return _pillow("HEIF", quality=90, exif=None)


def _dicom(image: np.ndarray = CELL, frame: bytes | None = None, **changes: object) -> bytes:
    """A visible-light photograph with a patient's name; `frame` is its JPEG, if it has one."""
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

    found = pydicom.Dataset()
    found.file_meta = pydicom.dataset.FileMetaDataset()
    found.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if frame else ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.2"
    found.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    found.SOPClassUID, found.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.2", "1.2.3"
    found.PatientName, found.PatientID, found.InstitutionName = NAME, NAME, NAME
    found.Rows, found.Columns = image.shape[:2]
    found.SamplesPerPixel = image.shape[2] if image.ndim == 3 else 1
    found.PhotometricInterpretation = "RGB" if image.ndim == 3 else "MONOCHROME2"
    if image.ndim == 3:
        found.PlanarConfiguration = 0
    found.BitsAllocated = found.BitsStored = 8 * image.itemsize
    found.HighBit, found.PixelRepresentation = found.BitsStored - 1, 0
    found.PixelData = encapsulate([frame]) if frame else image.tobytes()
    if frame:
        found.PhotometricInterpretation = "YBR_FULL_422"
    for name, value in changes.items():
        setattr(found, name, value)
    buffer = io.BytesIO()
    found.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _slide(image: np.ndarray, tile: int = 256) -> bytes:
    """A tiled TIFF, which OpenSlide reads, with a second picture (its label) of one tile."""
    height, width = image.shape[:2]
    down, across = -(-height // tile), -(-width // tile)
    padded = np.zeros((down * tile, across * tile, 3), np.uint8)
    padded[:height, :width] = image
    tiles = [
        padded[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile].tobytes()
        for y in range(down)
        for x in range(across)
    ]
    data, offsets = b"", []
    for one in tiles:
        offsets.append(8 + len(data))
        data += one
    note = f"Patient {NAME}\0".encode()
    extra = 8 + len(data)
    arrays = struct.pack("<3H", 8, 8, 8) + b"\0\0"
    at_offsets, at_counts = extra + 8, extra + 8 + 4 * len(tiles)
    at_note = at_counts + 4 * len(tiles)
    arrays += struct.pack(f"<{len(tiles)}I", *offsets)
    arrays += struct.pack(f"<{len(tiles)}I", *[len(one) for one in tiles]) + note
    arrays += b"\0" * (len(arrays) % 2)
    many = len(tiles) > 1
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, extra), (259, 3, 1, 1),
        (262, 3, 1, 2), (270, 2, len(note), at_note), (277, 3, 1, 3), (284, 3, 1, 1),
        (322, 4, 1, tile), (323, 4, 1, tile),
        (324, 4, len(tiles), at_offsets if many else offsets[0]),
        (325, 4, len(tiles), at_counts if many else len(tiles[0])),
    ]  # fmt: skip
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", extra + len(arrays)) + data + arrays + directory


FILES: dict[str, tuple[Callable[[], bytes], float]] = {  # and the mean difference allowed
    "cell.jp2": (lambda: _pillow("JPEG2000"), 0),
    "cell.avif": (lambda: _pillow("AVIF", quality=90, exif=None), 3),
    "cell.heic": (_heic, 3),
    "cell.dcm": (_dicom, 0),
    "packed.dcm": (lambda: _dicom(frame=_pillow("JPEG", quality=95, exif=None)), 3),
    "cell.svs": (lambda: _slide(CELL), 0),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("formats")
    for name, (make, _) in FILES.items():
        (folder / name).write_bytes(make())
    return {name: folder / name for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_a_cell_comes_out_of_each_format_from_file_and_from_bytes(files, name):
    for source in (files[name], files[name].read_bytes()):
        found = decode(source, name)
        assert found.shape == CELL.shape and found.dtype == np.uint8
        assert np.abs(found.astype(int) - CELL).mean() <= FILES[name][1]
        assert size_of(source, name) == CELL.shape[:2]
    assert Path(name).suffix.removeprefix(".") in SUFFIXES


def test_grey_dicom_is_grey():
    grey = CELL[:, :, 0]
    np.testing.assert_array_equal(decode(_dicom(grey)), np.dstack([grey] * 3))


def test_a_slide_is_read_region_by_region(tmp_path):
    large = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    (tmp_path / "scan.svs").write_bytes(_slide(large))
    with open_large_image(tmp_path / "scan.svs") as image:
        assert image.shape == (700, 900)
        np.testing.assert_array_equal(image.read(300, 200, 350, 411), large[200:611, 300:650])


@pytest.mark.parametrize("name", FILES)
def test_no_name_of_a_patient_passes_the_door(files, name):
    data = files[name].read_bytes()
    if name != "cell.jp2":  # which Pillow writes without EXIF
        assert NAME.encode() in data
    for kind in ("PNG", "BMP", "JPEG"):
        assert NAME.encode() not in encode(decode(data, name), kind)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", FILES)
def test_damaged_bytes_are_upload_errors_that_repeat_no_header(files, name):
    whole, rng = files[name].read_bytes(), np.random.default_rng(3)
    for _ in range(40):
        data = bytearray(whole)
        if rng.random() < 0.4:
            del data[rng.integers(200, len(data)) :]
        else:
            for place in rng.integers(140, min(len(data), 1500), rng.integers(1, 8)):
                data[place] = rng.integers(256)
        for read in (decode, size_of):
            try:
                read(bytes(data), name)
            except UploadError as error:
                assert name in str(error) and "\n" not in str(error)
                assert "Hortensia" not in str(error)


def test_nothing_of_a_header_is_kept_by_the_index(files, tmp_path, monkeypatch):
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path / "artifacts"))
    for number, label in enumerate(("all", "hem")):
        for name in FILES:
            file = tmp_path / f"set/{label}/{number}/{name}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(files[name].read_bytes())
    found = index(tmp_path / "set")
    assert len(found.cells) == 2 * len(FILES) and found.rejected.empty
    kept = [file for file in (tmp_path / "artifacts").rglob("*") if file.is_file()]
    assert kept and not any(NAME.encode() in file.read_bytes() for file in kept)
    assert NAME not in found.cells.to_csv() + found.pairs.to_csv()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"NumberOfFrames": 3}, "holds 3 pictures"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "pixels of another kind"),
        ({"Rows": 20_000, "Columns": 20_000}, "20000 x 20000"),
        ({"Rows": 20, "Columns": 20}, "20 x 20"),
        ({"Rows": 451}, "damaged"),
        ({"PixelData": b""}, "damaged"),
    ],
)
def test_dicom_that_is_no_single_8_bit_picture_is_refused_with_the_reason(changes, said):
    with pytest.raises(UploadError, match=said) as caught:
        decode(_dicom(**changes), "scan.dcm")
    assert "scan.dcm" in str(caught.value)


def test_dicom_of_16_bits_or_deflated_or_run_length_encoded_is_refused():
    with pytest.raises(UploadError, match="pixels of another kind"):
        decode(_dicom(CELL[:, :, 0].astype(np.uint16)))
    whole = _dicom()
    explicit = b"1.2.840.10008.1.2.1\0"
    assert whole.count(explicit) == 1
    with pytest.raises(UploadError, match="another kind"):
        decode(whole.replace(explicit, b"1.2.840.10008.1.2.5\0"))
    place = whole.index(explicit)
    length = struct.pack("<H", 22)
    deflated = whole[: place - 2] + length + b"1.2.840.10008.1.2.1.99" + whole[place + 20 :]
    with pytest.raises(UploadError, match="deflated"):
        decode(deflated)


def test_a_picture_in_dicom_that_is_larger_than_its_header_says_is_refused_before_decoding():
    wide = io.BytesIO()
    Image.new("RGB", (9000, 9000)).save(wide, "JPEG")
    with pytest.raises(UploadError, match="damaged"):
        decode(_dicom(frame=wide.getvalue()))


@pytest.mark.parametrize("name", FILES)
def test_the_limits_of_the_door_hold(files, name, monkeypatch):
    monkeypatch.setattr(images, "settings", lambda: replace(settings(), max_pixels=400 * 400))
    with pytest.raises(UploadError, match="450 x 450 pixels, more than the limit"):
        images.decode_here(files[name].read_bytes(), name)
    monkeypatch.setattr(images, "settings", lambda: replace(settings(), max_file_bytes=1000))
    with pytest.raises(UploadError, match="MiB"):
        decode(files[name])


@pytest.mark.parametrize(
    ("name", "module"),
    [("cell.heic", "pillow_heif"), ("cell.dcm", "pydicom"), ("cell.svs", "openslide")],
)
def test_without_the_extra_the_error_names_it(files, name, module, monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda asked: None if asked == module else object())
    for read in (decode, size_of, lambda file: open_large_image(file).__enter__()):
        with pytest.raises(UploadError, match=r"blastlens\[formats\]") as caught:
            read(files[name])
        assert name in str(caught.value) and module in str(caught.value)
