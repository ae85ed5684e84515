"""What an image file is made of, counted before a decoder sees it.

A decoder's time grows with what a file repeats, of which a small file can hold very much: scans of
a JPEG, chunks of a PNG, directories of a TIFF. The walks here read headers alone, as the decoders
do, and end at their limits (`core.settings`), which are far beyond what cameras and editors write.
"""

import re
import struct
from collections.abc import Callable
from typing import BinaryIO

from core.errors import UploadError
from core.settings import settings

_AGAIN = "Open the picture in an editor and export it anew as PNG or BMP."
BLOCK = 2**16
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_ALONE = {0x01, 0xD8, 0xD9}  # markers of JPEG that no length follows
_SCAN, _END = 0xDA, 0xD9
# Bytes a value of TIFF, by its type; types of bytes are not values that are looked at one by one.
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_WIDTHS |= {16: 8, 17: 8, 18: 8}
_PARTS = {273, 279, 324, 325}  # tags that list the strips or tiles of the picture
_BELOW = (34665, 34853, 40965)  # tags that point to a directory of EXIF


# The formats whose cost is bounded by what is counted here. Others are decoded apart.
_STARTS = {
    b"BM": "BMP",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    **dict.fromkeys((b"MM\0*", b"II*\0", b"MM*\0", b"II\0*", b"MM\0+", b"II+\0"), "TIFF"),
}


def kind_of(start: bytes) -> str | None:
    """The format of a file, as Pillow calls it, by its first 16 bytes, if it is counted here."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for first, kind in _STARTS.items() if start.startswith(first)), None)


def check(file: BinaryIO, kind: str, name: str) -> None:
    """Raises `UploadError` if an image file repeats more than a decoder should be given.

    `kind` is as `kind_of` gives it, `file` the bytes, `name` is for messages.
    """
    _WALKS[kind](file, name)


def _refuse(name: str, count: int, what: str, most: int) -> None:
    if count > most:
        raise UploadError(
            f"{name} has more than {most:,} {what}, so decoding it could take minutes. {_AGAIN}"
        )


def _jpeg(file: BinaryIO, name: str) -> None:
    limits = settings()
    at, segments, scans, between = 2, 0, 0, 0
    while (found := _next_marker(file, at)) is not None:
        code, end = found
        if not scans:
            between += end - 2 - at
            _refuse(name, between, "bytes between its segments", limits.max_gap_bytes)
        if code == _END and scans:
            return
        segments += 1
        scans += code == _SCAN
        _refuse(name, segments, "segments", limits.max_segments)
        _refuse(name, scans, "scans", limits.max_scans)
        file.seek(end)
        length = file.read(2)
        at = end if code in _ALONE or len(length) < 2 else end + int.from_bytes(length, "big")


def _next_marker(file: BinaryIO, at: int) -> tuple[int, int] | None:
    """The code of the next marker from `at` on, and where it ends; None if there is no more."""
    while True:
        file.seek(at)
        block = file.read(BLOCK)
        if match := _MARKER.search(block):
            return match[1][0], at + match.end()
        if len(block) < BLOCK:
            return None
        at += BLOCK - block.endswith(b"\xff")


def _png(file: BinaryIO, name: str) -> None:
    limits = settings()
    at, pixels, others = 8, 0, 0
    while True:
        file.seek(at)
        header = file.read(8)
        if len(header) < 8 or header[4:] == b"IEND":
            return
        pixels += header[4:] == b"IDAT"
        others += header[4:] != b"IDAT"
        _refuse(name, pixels, "chunks of pixels", limits.max_pixel_chunks)
        _refuse(name, others, "chunks beside its pixels", limits.max_other_chunks)
        at += 12 + int.from_bytes(header[:4], "big")


def _webp(file: BinaryIO, name: str) -> None:
    at, chunks, most = 12, 0, settings().max_segments
    while True:
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            return
        chunks += 1
        _refuse(name, chunks, "chunks", most)
        length = int.from_bytes(header[4:], "little")
        at += 8 + length + length % 2


def _bmp(file: BinaryIO, name: str) -> None:
    # Pillow unpacks run lengths in Python.
    limits = settings()
    file.seek(14)
    header = file.read(20)
    if len(header) < 20 or struct.unpack("<I", header[:4])[0] < 40:
        return
    width, height, _, _, packed = struct.unpack("<iiHHI", header[4:20])
    if packed not in (1, 2):
        return
    pixels = abs(width * height)
    if max(pixels, file.seek(0, 2)) > limits.max_packed_bmp_pixels:
        raise UploadError(
            f"{name} is a BMP packed by run lengths of {width} x {abs(height)} pixels; the limit "
            f"is {limits.max_packed_bmp_pixels / 1e6:.0f} million. {_AGAIN}"
        )


class _Directories:
    """Reads the directories of a TIFF file, with 32-bit or 64-bit places."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self._limits = settings()
        file.seek(0)
        start = file.read(16)
        self._order = "<" if start[:2] == b"II" else ">"
        big = start[2:3] == b"+"
        self._size = file.seek(0, 2)
        self._place, self._number, self._entry = ("Q", "Q", "HHQQ") if big else ("I", "H", "HHII")
        self._inline = 8 if big else 4
        self.first = self._at(8 if big else 4, self._place)
        self._bytes = 0

    def _at(self, place: int, code: str) -> int:
        """A number of the file; 0 beyond its end."""
        size = struct.calcsize("<" + code)
        if place + size > self._size:
            return 0
        self._file.seek(place)
        return int(struct.unpack(self._order + code, self._file.read(size))[0])

    def following(self, directory: int) -> int:
        """Where the directory after this one lies; 0 if it is the last."""
        entries = self._at(directory, self._number) * struct.calcsize("<" + self._entry)
        return self._at(directory + struct.calcsize("<" + self._number) + entries, self._place)

    def check(self, directory: int, below: tuple[int, ...] = _BELOW) -> None:
        """Counts what the entries of a directory hold, and of those of EXIF `below` it."""
        limits, name = self._limits, self._name
        entries = self._at(directory, self._number)
        _refuse(name, entries, "entries in a directory", limits.max_segments)
        size = struct.calcsize("<" + self._entry)
        if not entries:
            return
        self._file.seek(directory + struct.calcsize("<" + self._number))
        table = self._file.read(size * entries)
        for tag, kind, count, value in struct.iter_unpack(
            self._order + self._entry, table[: len(table) // size * size]
        ):
            width = _WIDTHS.get(kind, 0)
            if tag in _PARTS:
                _refuse(name, count, "strips or tiles", limits.max_tiles)
            if width > 1:
                _refuse(name, count, f"values in its tag {tag}", limits.max_tag_values)
            if width * count > self._inline:
                self._bytes += width * count
                _refuse(name, self._bytes, "bytes of tags", limits.max_tag_bytes)
            if tag in below:
                self.check(value, ())


def _tiff(file: BinaryIO, name: str) -> None:
    directories = _Directories(file, name)
    place, seen, most = directories.first, set[int](), settings().max_segments
    directories.check(place)
    while place and place not in seen:
        seen.add(place)
        _refuse(name, len(seen), "pictures", most)
        place = directories.following(place)
    if len(seen) > 1:
        raise UploadError(
            f"{name} holds {len(seen)} pictures; BlastLens reads one picture a file. Export the "
            "one to be read as PNG or BMP."
        )


_WALKS: dict[str, Callable[[BinaryIO, str], None]] = {
    "BMP": _bmp,
    "JPEG": _jpeg,
    "PNG": _png,
    "TIFF": _tiff,
    "WEBP": _webp,
}
