"""Small files that repeat something without end are refused before a decoder sees them."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.data import images
from core.data.image_formats import structure
from core.errors import UploadError
from core.settings import settings
from tests.chaos import mutations
from tests.chaos.format_damage import jpeg_segments, png_chunk, png_chunks
from tests.chaos.pictures import originals, saved

LIMITS = settings()
CELL = np.ascontiguousarray(images.decode(originals()["PNG"]))


def _png(extra: list[tuple[bytes, bytes]]) -> bytes:
    first, *others = png_chunks(originals()["PNG clear"])
    parts = b"".join(png_chunk(*chunk) for chunk in (first, *extra, *others))
    return b"\x89PNG\r\n\x1a\n" + parts


def png_text(times: int) -> bytes:
    return _png([(b"tEXt", b"Comment\0a")] * (times - 2))  # beside IHDR and the profile-less rest


def jpeg_scans(times: int) -> bytes:
    parts = jpeg_segments(originals()["JPEG progressive"])
    scans = [n for n, part in enumerate(parts) if part[1:2] == b"\xda"]
    again = [parts[scans[0]]] * (times - len(scans))
    return b"".join(parts[: scans[0]] + again + parts[scans[0] :])


def jpeg_app(times: int) -> bytes:
    data = originals()["JPEG"]
    own = len(jpeg_segments(data)) - 1  # but for the start
    return data[:2] + b"\xff\xe5\0\4ab" * (times - own) + data[2:]


def jpeg_fill(times: int) -> bytes:
    data = originals()["JPEG"]
    return data[:2] + b"\xff" * times + data[2:]


def _tiff(entries: list[tuple[int, int, int, int]], tail: int = 0) -> bytes:
    shape = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    own = {tag: (tag, *more) for tag, *more in (*shape, (273, 4, 1, 200), *entries)}
    table = b"".join(struct.pack("<HHII", *own[tag]) for tag in sorted(own))
    start = b"II*\0\x08\0\0\0" + struct.pack("<H", len(own)) + table + bytes(4)
    return start.ljust(200, b"\0") + bytes(64 * 64 + tail)


def tiff_strips(times: int) -> bytes:
    return _tiff([(273, 4, times, 200)], 4 * times)


def tiff_values(times: int) -> bytes:
    return _tiff([(60_000, 3, times, 200)], 2 * times)


def tiff_entries(times: int) -> bytes:
    own = 6
    return _tiff([(1000 + n, 3, 1, 0) for n in range(times - own)])


def packed_bmp(pixels: int) -> bytes:
    header = struct.pack("<IHHI", 0, 0, 0, 1078)
    header += struct.pack("<IiiHHIIiiII", 40, pixels // 50, 50, 1, 8, 1, 9, 0, 0, 256, 0)
    return b"BM" + header + bytes(1024) + b"\0\1"


COUNTED: dict[Callable[[int], bytes], tuple[int, str]] = {
    png_text: (LIMITS.max_other_chunks, "chunks beside its pixels"),
    jpeg_scans: (LIMITS.max_scans, "scans"),
    jpeg_app: (LIMITS.max_segments, "segments"),
    jpeg_fill: (LIMITS.max_gap_bytes, "bytes between its segments"),
    tiff_strips: (LIMITS.max_tiles, "strips or tiles"),
    tiff_values: (LIMITS.max_tag_values, "values in its tag 60000"),
    tiff_entries: (LIMITS.max_segments, "entries in a directory"),
    packed_bmp: (LIMITS.max_packed_bmp_pixels, "packed by run lengths"),
}


@pytest.mark.parametrize("make", COUNTED, ids=lambda make: make.__name__)
def test_at_a_limit_a_file_is_decoded_and_above_it_is_refused_by_name(make) -> None:
    most, what = COUNTED[make]
    data = make(most)
    kind = structure.kind_of(data[:16])
    assert kind is not None
    structure.check(io.BytesIO(data), kind, "cell")
    for read in (images.decode, images.size_of):
        with pytest.raises(UploadError, match=f"cell.* {what}") as caught:
            read(make(most + 51), "cell")
        assert "xport it anew as PNG" in str(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in originals() if "DICOM" not in kind])
def test_what_cameras_and_editors_write_is_far_from_the_limits(kind: str) -> None:
    data = originals()[kind]
    if counted := structure.kind_of(data[:16]):
        structure.check(io.BytesIO(data), counted, kind)
        assert counted == kind.split(" ")[0]


def test_a_marker_is_found_wherever_a_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg_scans(LIMITS.max_scans + 1)
    for size in range(20, 60):
        monkeypatch.setattr(structure, "BLOCK", size)
        with pytest.raises(UploadError, match="scans"):
            structure.check(io.BytesIO(data), "JPEG", "cell")


def test_segments_after_an_early_end_are_counted_as_pillow_reads_them() -> None:
    data = originals()["JPEG"]
    many = b"\xff\xe5\0\4ab" * (LIMITS.max_segments + 1)
    with pytest.raises(UploadError, match="segments"):
        images.decode(data[:2] + b"\xff\xd9" + many + data[2:], "cell")


def test_a_ring_of_directories_ends_and_exif_within_exif_too() -> None:
    first = struct.unpack("<I", originals()["TIFF"][4:8])[0]
    ring = bytearray(originals()["TIFF"])
    entries = struct.unpack_from("<H", ring, first)[0]
    struct.pack_into("<I", ring, first + 2 + 12 * entries, first)
    assert images.decode(bytes(ring)).shape == CELL.shape
    inside = _tiff([(34665, 4, 1, 8), (34853, 4, 1, 8)])
    assert images.decode(inside).shape == (64, 64, 3)


def test_a_text_that_unpacks_to_much_is_an_error_at_every_door(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(2**20 + 9), 9)
    for chunk in ((b"zTXt", b"Comment\0\0" + packed), (b"iCCP", b"icc\0\0" + packed)):
        data = _png([chunk])
        file = tmp_path / "cell.png"
        file.write_bytes(data)
        for read in (
            lambda data=data: images.decode(data, "cell.png"),
            lambda data=data: images.size_of(data, "cell.png"),
            lambda file=file: images.open_large_image(file).__enter__(),
        ):
            with pytest.raises(UploadError, match=r"cell\.png is damaged"):
                read()


def test_pictures_of_16_bits_have_a_limit_of_their_own() -> None:
    side = int(LIMITS.max_deep_pixels**0.5) + 1
    deep = cv2.imencode(".png", np.zeros((side, side, 3), np.uint16))[1].tobytes()
    with pytest.raises(UploadError, match="more than the limit of 20 million"):
        images.decode(deep)


@pytest.mark.parametrize("start", [b"%!PS-Adobe-3.0", b"8BPS\0\1", b"SIMPLE  =    T", b"GIF89a"])
def test_formats_that_are_not_read_are_not_tried(start: bytes, monkeypatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("tried"))
    with pytest.raises(UploadError, match=r"is a \w+ file: its content is none of"):
        images.decode(start + bytes(400), "cell")


def test_a_file_of_another_format_within_the_limits_stays_the_same() -> None:
    for kind in ("PNG", "BMP", "TIFF", "WEBP"):
        data = saved(Image.fromarray(CELL), kind, **({"lossless": True} if kind == "WEBP" else {}))
        assert np.array_equal(images.decode(data), CELL)
    assert mutations.mutated(3).data
