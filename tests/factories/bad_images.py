"""Files that are no ordinary cell image, made by code: what people and attackers do upload."""

import io
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def write_bad_images(folder: Path, cell: np.ndarray) -> dict[str, Path]:
    """Writes one file of each kind from a readable cell, RGB uint8 (H, W, 3); name to path."""
    bmp = _encode(Image.fromarray(cell), "BMP")
    grey = cell.mean(axis=2)
    frames = [Image.fromarray(np.roll(cell, shift, axis=1)) for shift in (0, 40, 80)]
    contents = {
        "text.bmp": b"Dear colleague, please find the cell attached.\n" * 20,
        "truncated.bmp": bmp[: len(bmp) // 3],
        "header_only.bmp": bmp[:54],
        "empty.bmp": b"",
        "bomb.png": _png_bomb(20_000),
        "animated.gif": _encode(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "still.gif": _encode(frames[0], "GIF"),
        "animated.png": _encode(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "sixteen_bit.png": _encode(Image.fromarray((grey * 257).astype(np.uint16)), "PNG"),
        "sixteen_bit.tif": _encode(Image.fromarray((grey * 257).astype(np.uint16)), "TIFF"),
        "sixteen_bit_rgb.png": _encode_16_bit(cell, ".png"),
        "sixteen_bit_rgb.tif": _encode_16_bit(cell, ".tif"),
        "cmyk.jpg": _encode(Image.fromarray(cell).convert("CMYK"), "JPEG", quality=95),
        "cmyk.tif": _encode(Image.fromarray(cell).convert("CMYK"), "TIFF"),
        "float.tif": _encode(Image.fromarray(grey.astype(np.float32)), "TIFF"),
        "transparent.png": _encode(_cut_out(cell), "PNG"),
        "palette.png": _encode(Image.fromarray(cell).quantize(), "PNG"),
        "tiny.png": _encode(Image.fromarray(cell[:8, :8]), "PNG"),
        "long_text.png": with_long_text(_encode(Image.fromarray(cell), "PNG")),
        "many_scans.jpg": _with_many_scans(
            _encode(Image.fromarray(cell), "JPEG", progressive=True)
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def with_long_text(png: bytes) -> bytes:
    """A PNG file with a text of 4 MiB, packed, behind its header."""
    body = b"zTXtComment\0\0" + zlib.compress(bytes(2**22), 9)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]


def _with_many_scans(jpeg: bytes) -> bytes:
    first = jpeg.index(b"\xff\xda")
    scan = jpeg[first : jpeg.index(b"\xff", first + 12)]
    return jpeg[:first] + scan * 5000 + jpeg[first:]


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def _encode_16_bit(cell: np.ndarray, suffix: str) -> bytes:
    # Pillow writes no 16-bit colour.
    deep = cv2.cvtColor(cell.astype(np.uint16) * 257, cv2.COLOR_RGB2BGR)
    return cv2.imencode(suffix, deep)[1].tobytes()


def _cut_out(cell: np.ndarray) -> Image.Image:
    alpha = np.where(cell.any(axis=2), 255, 0).astype(np.uint8)
    white = np.where(alpha[:, :, None] > 0, cell, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([white, alpha]))


def _png_bomb(side: int) -> bytes:
    """A valid PNG of side x side black pixels: 1.2 GB decoded, about 1 MB on disk."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    # Deflated once: after a full flush the same bytes stand for the next black row.
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    length = 1 + 3 * side
    row = packer.compress(bytes(length)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (length * side % 65521) << 16 | 1  # Adler-32 of so many zeros
    pixels = b"\x78\xda" + row * side + packer.flush() + checksum.to_bytes(4, "big")
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
