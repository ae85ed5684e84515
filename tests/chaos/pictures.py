"""One small picture in every format that is read."""

import io
import struct
from functools import cache

import numpy as np
from PIL import Image

from core.data.synthetic.dataset import draw_cell


@cache
def originals() -> dict[str, bytes]:
    """Readable files by kind: each format, and the ways to write it that decoders treat apart."""
    cell = draw_cell(subject="1", cell=0, label=1, seed=1)[75:375, 75:375].copy()
    image, grey = Image.fromarray(cell), Image.fromarray(cell[:, :, 1].copy())
    deep = Image.fromarray(cell[:, :, 1].astype(np.uint16) * 257)
    clear = image.convert("RGBA")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a cell"
    kinds = {
        "PNG": saved(image, "PNG", exif=exif),
        "PNG grey": saved(grey, "PNG"),
        "PNG deep": saved(deep, "PNG"),
        "PNG clear": saved(clear, "PNG"),
        "PNG palette": saved(image.quantize(64), "PNG", transparency=0),
        "JPEG": saved(image, "JPEG", quality=90, exif=exif),
        "JPEG progressive": saved(image, "JPEG", progressive=True, icc_profile=b"icc" * 40),
        "JPEG CMYK": saved(image.convert("CMYK"), "JPEG"),
        "TIFF": saved(image, "TIFF"),
        "TIFF LZW": saved(image, "TIFF", compression="tiff_lzw"),
        "TIFF deflate": saved(image, "TIFF", compression="tiff_adobe_deflate"),
        "TIFF JPEG": saved(image, "TIFF", compression="jpeg"),
        "TIFF deep": saved(deep, "TIFF"),
        "BMP": saved(image, "BMP"),
        "BMP palette": saved(image.quantize(64), "BMP"),
        "WEBP": saved(image, "WEBP", quality=80, exif=exif),
        "WEBP lossless": saved(clear, "WEBP", lossless=True),
        "JPEG2000": saved(image, "JPEG2000"),
        "AVIF": saved(image, "AVIF", speed=10),
        "DICOM": dicom(cell),
        "DICOM JPEG": dicom(cell, saved(image, "JPEG", quality=90)),
    }
    try:
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
        kinds["HEIF"] = saved(image, "HEIF", quality=60)
    except ImportError:
        pass
    return kinds


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """An image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def dicom(cell: np.ndarray, frame: bytes | None = None) -> bytes:
    """A DICOM file of a picture, plain or with its JPEG, written without a library for it."""
    syntax = b"1.2.840.10008.1.2.4.50" if frame else b"1.2.840.10008.1.2.1"

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        value += b" " * (len(value) % 2) if kind != b"UI" else b"\0" * (len(value) % 2)
        if kind in (b"OB", b"OW", b"SQ"):
            return struct.pack("<HH2sHI", group, number, kind, 0, len(value)) + value
        return struct.pack("<HH2sH", group, number, kind, len(value)) + value

    def number(element_number: int, value: int) -> bytes:
        return element(0x28, element_number, b"US", struct.pack("<H", value))

    meta = element(2, 0x10, b"UI", syntax)
    body = b"".join([
        element(0x10, 0x10, b"PN", b"Nobody"),
        number(0x02, 3),
        element(0x28, 0x04, b"CS", b"YBR_FULL_422" if frame else b"RGB"),
        number(0x06, 0),
        number(0x10, cell.shape[0]),
        number(0x11, cell.shape[1]),
        number(0x100, 8), number(0x101, 8), number(0x102, 7), number(0x103, 0),
    ])  # fmt: skip
    if frame:
        frame += b"\0" * (len(frame) % 2)
        item = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack(
            "<HHI", 0xFFFE, 0xE000, len(frame)
        )
        pixels = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + item + frame
        pixels += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    else:
        pixels = element(0x7FE0, 0x10, b"OB", cell.tobytes())
    length = element(2, 0, b"UL", struct.pack("<I", len(meta)))
    return bytes(128) + b"DICM" + length + meta + body + pixels
