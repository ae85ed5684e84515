"""16-bit files that hold fewer significant bits, as the cameras of microscopes write them."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.data.image_formats.bit_depth import significant_bits
from core.data.images import decode, decode_noted, encode, open_large_image
from core.data.synthetic.dataset import draw_cell
from core.errors import UploadError

FEWER = (8, 10, 12, 14)


@pytest.fixture(scope="module")
def cell() -> np.ndarray:
    return draw_cell(subject="1", cell=0, label=1, seed=1)


def deep(cell: np.ndarray, bits: int) -> np.ndarray:
    """The cell in so many bits, at the bottom of 16."""
    return np.round(cell / 255 * ((1 << bits) - 1)).astype(np.uint16)


def cv_file(samples: np.ndarray, suffix: str) -> bytes:
    order = [2, 1, 0, 3][: samples.shape[2]]
    return cv2.imencode(suffix, np.ascontiguousarray(samples[:, :, order]))[1].tobytes()


def tiff(samples: np.ndarray, more: dict[int, int]) -> bytes:
    """A TIFF of RGB uint16 (H, W, 3) with further tags of one 16-bit value."""
    height, width = samples.shape[:2]
    tags = {256: width, 257: height, 259: 1, 262: 2, 277: 3, 278: height, 284: 1, **more}
    entries = {tag: (3, 1, struct.pack("<HH", value, 0)) for tag, value in tags.items()}
    end = 8 + 2 + 12 * (len(tags) + 3) + 4
    entries[258] = (3, 3, struct.pack("<I", end))  # bits of a sample
    if 341 in more:  # its value, a channel
        entries[341] = (3, 3, struct.pack("<I", end + 6))
    entries[273] = (4, 1, struct.pack("<I", end + 12))  # where the pixels begin
    entries[279] = (4, 1, struct.pack("<I", samples.nbytes))
    packed = b"".join(
        struct.pack("<HHI", tag, kind, count) + value
        for tag, (kind, count, value) in sorted(entries.items())
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    pixels = samples.astype("<u2").tobytes()
    channels = struct.pack("<HHH", 16, 16, 16) + 3 * struct.pack("<H", more.get(341, 0))
    return head + packed + bytes(4) + channels + pixels


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    checksum = zlib.crc32(kind + body).to_bytes(4, "big")
    return png[:33] + len(body).to_bytes(4, "big") + kind + body + checksum + png[33:]


@pytest.mark.parametrize(
    ("values", "stated", "bits"),
    [
        ([0, 1, 255], None, 8),
        ([0, 1, 256], None, 10),
        ([0, 1, 1023], None, 10),
        ([0, 1, 1024], None, 12),
        ([0, 1, 4095], None, 12),
        ([0, 1, 4096], None, 14),
        ([0, 1, 16383], None, 14),
        ([0, 1, 16384], None, 16),
        ([0, 1, 65535], None, 16),
        ([0, 0, 0], None, 8),
        ([0, 1, 200], 4095, 12),  # a dark picture: the file knows better
        ([0, 1, 200], 65535, 16),
        ([0, 1, 5000], 4095, 14),  # the file is wrong
        ([0, 20 * 257, 40 * 257], None, 16),  # widened from 8 bits, and dark
        ([0, 4100, 12000], None, 16),  # moved up from 14 bits, and dark
        ([0, 4101, 12000], None, 14),
    ],
)
def test_the_significant_bits_of_samples(values: list[int], stated: int | None, bits: int) -> None:
    assert significant_bits(np.array(values, np.uint16), stated) == bits


@pytest.mark.parametrize("bits", FEWER)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colour_comes_out_as_the_cell_and_the_assumption_is_said(
    cell: np.ndarray, bits: int, suffix: str
) -> None:
    found, (note,) = decode_noted(cv_file(deep(cell, bits), suffix))
    assert found.dtype == np.uint8 and np.abs(found.astype(int) - cell).max() <= 1
    assert f"{bits} significant bits" in note and "largest value" in note


@pytest.mark.parametrize("bits", FEWER)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_comes_out_as_the_cell(cell: np.ndarray, bits: int, kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(deep(cell[:, :, 2], bits)).save(buffer, kind)
    found, notes = decode_noted(buffer.getvalue())
    assert np.abs(found.astype(int) - cell[:, :, 2:]).max() <= 1 and len(notes) == 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_significant_bits_and_eight_bit_files_need_no_words(
    cell: np.ndarray, suffix: str
) -> None:
    for samples in (cell.astype(np.uint16) * 257, cell.astype(np.uint16) << 8):
        found, notes = decode_noted(cv_file(samples, suffix))
        assert np.array_equal(found, cell) and notes == ()
    assert decode_noted(encode(cell))[1] == ()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_transparency_has_bits_of_its_own_and_lies_on_black(cell: np.ndarray, suffix: str) -> None:
    opaque = cell.max(axis=2) > 0
    white = np.where(opaque[:, :, None], deep(cell, 12), 4095)
    alpha = np.where(opaque, 65535, 0).astype(np.uint16)
    found, (note,) = decode_noted(cv_file(np.dstack([white, alpha]), suffix))
    if suffix == ".png":  # OpenCV's TIFF does not say that its fourth channel is transparency
        assert np.abs(found.astype(int) - cell).max() <= 1
    assert np.abs(found.astype(int) - cell)[opaque].max() <= 1 and "12 significant" in note


@pytest.mark.parametrize("tag", [281, 341])
def test_the_tags_of_a_tiff_file_come_before_its_largest_sample(cell: np.ndarray, tag: int) -> None:
    dark = cell // 8  # so dark that eight bits would hold it
    found, (note,) = decode_noted(tiff(deep(dark, 12), {tag: 4095}))
    assert np.abs(found.astype(int) - dark).max() <= 1
    assert "12 significant bits, as the file says" in note
    assert "8 significant" in decode_noted(tiff(deep(dark, 12), {}))[1][0]


def test_a_png_file_says_its_significant_bits(cell: np.ndarray) -> None:
    dark = cell // 8
    bottom = with_chunk(cv_file(deep(dark, 12), ".png"), b"sBIT", bytes([12, 12, 12]))
    found, (note,) = decode_noted(bottom)
    assert np.abs(found.astype(int) - dark).max() <= 1 and "as the file says" in note
    # As the standard has it: scaled up to 16 bits.
    top = with_chunk(cv_file(deep(cell, 12) << 4, ".png"), b"sBIT", bytes([12, 12, 12]))
    found, notes = decode_noted(top)
    assert np.abs(found.astype(int) - cell).max() <= 1 and notes == ()


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_the_orientation_is_applied_once(cell: np.ndarray, orientation: int) -> None:
    part = np.ascontiguousarray(cell[100:300, 150:300])
    exif = Image.Exif()
    exif[274] = orientation
    buffer = io.BytesIO()
    Image.fromarray(part).save(buffer, "TIFF", exif=exif)
    found = decode(tiff(deep(part, 12), {274: orientation}))
    expected = decode(buffer.getvalue())
    assert found.shape == expected.shape and np.abs(found.astype(int) - expected).max() <= 1


def test_a_large_scan_of_16_bits_is_refused_with_a_remedy(cell: np.ndarray, tmp_path: Path) -> None:
    file = tmp_path / "scan.tif"
    file.write_bytes(cv_file(deep(cell, 12), ".tif"))
    refused = pytest.raises(UploadError, match="16-bit RGB; a large scan has to be 8-bit")
    with refused, open_large_image(file):
        pass
