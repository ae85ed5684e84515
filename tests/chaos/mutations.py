"""Damaged, hostile and costly image files from a seed, made of pictures that are drawn here.

`mutated(seed)` is the whole of it: the same seed gives the same file. Half of the files are damaged
blindly, in a few bytes; the other half by what their format counts, nests or repeats.
"""

import io
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from core.data.synthetic.dataset import draw_cell

Mutation = Callable[[bytes, random.Random], bytes]
# How often a structure is repeated. The last ones are far beyond any camera's file.
TIMES = (1, 2, 10, 100, 2_000, 20_000)
MOST_BYTES = 2**24  # that one mutation adds


@dataclass(frozen=True)
class Mutated:
    """A file, the name it is uploaded under, and what was done to it."""

    name: str
    data: bytes
    how: str


def mutated(seed: int) -> Mutated:
    """The file of a seed."""
    rng = random.Random(seed)
    kinds = originals()
    kind = rng.choice(sorted(kinds))
    data, done = kinds[kind], []
    own = _OF_KIND.get(kind.split(" ")[0], ())
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        mutation = rng.choice(own if own and rng.random() < 0.5 else BLIND)
        data = mutation(data, rng)
        done.append(mutation.__name__.strip("_"))
    suffix = rng.choice(_SUFFIXES) if rng.random() < 0.1 else _SUFFIX_OF[kind.split(" ")[0]]
    return Mutated(f"chaos-{seed}.{suffix}", data, f"{kind}: {', '.join(done)}")


_SUFFIX_OF = {
    "PNG": "png", "JPEG": "jpg", "TIFF": "tif", "BMP": "bmp", "WEBP": "webp", "DICOM": "dcm",
    "JPEG2000": "jp2", "AVIF": "avif", "HEIF": "heic",
}  # fmt: skip
_SUFFIXES = (*_SUFFIX_OF.values(), "svs", "ndpi", "gif", "txt", "eps", "psd", "fits")


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


def _repeated(part: bytes, times: int) -> bytes:
    """A part several times, up to `MOST_BYTES`."""
    return part * min(times, MOST_BYTES // max(1, len(part)))


# --- blind damage


def flip_bytes(data: bytes, rng: random.Random) -> bytes:
    """Some bytes are others, most of them near the start, where headers are."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        reach = len(data) if rng.random() < 0.4 else min(len(data), 400)
        changed[rng.randrange(reach)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    """A few single bits are the other way round."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 4, 16))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(data: bytes, rng: random.Random) -> bytes:
    """The end is missing."""
    return data[: rng.choice((1, rng.randrange(1, 200), rng.randrange(1, len(data) + 1)))]


def cut_out(data: bytes, rng: random.Random) -> bytes:
    """A part in the middle is missing."""
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 2000) :] or b"\0"


def repeat_part(data: bytes, rng: random.Random) -> bytes:
    """A part is there several times."""
    at, length = rng.randrange(len(data)), rng.randrange(1, 3000)
    return data[:at] + _repeated(data[at : at + length], rng.choice(TIMES[:4])) + data[at:]


def fill_part(data: bytes, rng: random.Random) -> bytes:
    """A part holds one byte over and over."""
    at, length = rng.randrange(len(data)), rng.choice((4, 100, 5000))
    filled = bytes([rng.choice((0, 0xFF, rng.randrange(256)))]) * length
    return data[:at] + filled + data[at + length :]


def fill_between(data: bytes, rng: random.Random) -> bytes:
    """Many of one byte stand between two parts."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.choice((0, 0xFF))]) * rng.choice((9, 4000, 3_000_000)) + data[at:]


def lengths(data: bytes, rng: random.Random) -> bytes:
    """A number of two, four or eight bytes is small, large or negative."""
    width, order = rng.choice((2, 4, 4, 8)), rng.choice(("big", "little"))
    value = rng.choice((0, 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63))
    at = rng.randrange(min(len(data), 600))
    number = (value % (1 << 8 * width)).to_bytes(width, order)  # type: ignore[arg-type]
    return data[:at] + number + data[at + width :]


def other_start(data: bytes, rng: random.Random) -> bytes:
    """The start of one format before the content of another."""
    other = rng.choice(list(originals().values()))
    at = rng.choice((4, 8, 12, 132, 400))
    return other[:at] + data[at:]


def other_format(data: bytes, rng: random.Random) -> bytes:
    """The start of a format that is not accepted, before all of it."""
    starts = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", b"8BPS\0\1", b"GIF89a",
        b"SIMPLE  =                    T", b"\0\0\1\0\1\0", b"P6 100 100 255\n", b"DDS ",
        b"icns", b"\xd7\xcd\xc6\x9a", b"RIFF\xff\xff\xff\xffAVI ", b"BM", b"<svg>", b"\x01\xda",
        b"#define w_width 9\n", b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0",
    )  # fmt: skip
    return rng.choice(starts) + data[rng.randrange(40) :]


def other_picture(data: bytes, rng: random.Random) -> bytes:
    """A whole file of a picture that is no cell: of odd sides, flat, of noise, or a disc."""
    width, height = (rng.choice((32, 33, 64, 101, 450, 1500, 3300)) for _ in range(2))
    noise = np.random.default_rng(rng.randrange(2**32))
    image = np.empty((height, width, 3), np.uint8)
    image[:] = noise.integers(0, 256, 3)
    if rng.random() < 0.4:
        image = noise.integers(0, 256, image.shape, dtype=np.uint8)
    elif rng.random() < 0.7:
        y, x = np.ogrid[:height, :width]
        side = rng.choice((20, 100, min(width, height)))
        inside = (x - width // 2) ** 2 + (y - height // 2) ** 2 < (side // 2) ** 2
        image[inside] = noise.integers(0, 256, 3)
    return saved(Image.fromarray(image), rng.choice(("PNG", "BMP", "JPEG", "WEBP")))


BLIND: tuple[Mutation, ...] = (
    flip_bytes, flip_bytes, flip_bits, truncate, cut_out, repeat_part, fill_part, fill_between,
    lengths, other_start, other_format, other_picture,
)  # fmt: skip


# --- what a format counts, nests or repeats


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file, with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and body of each chunk, as far as they are whole."""
    found, at = [], 8
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        found.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_header(data: bytes, rng: random.Random) -> bytes:
    """Another size, depth or colour, under a checksum that fits."""
    chunks = png_chunks(data)
    if chunks and len(chunks[0][1]) >= 13:
        width, height, *rest = struct.unpack(">IIBBBBB", chunks[0][1][:13])
        rest[rng.randrange(5)] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16))
        sides = (0, 1, 32, 150, 6000, 30_000, 2**31 - 1)
        width, height = (
            rng.choice((width, rng.choice(sides))),
            rng.choice((height, rng.choice(sides))),
        )
        chunks[0] = (b"IHDR", struct.pack(">IIBBBBB", width, height, *rest))
    return _png(chunks)


def png_shuffle(data: bytes, rng: random.Random) -> bytes:
    """Chunks are missing, doubled, or in another order."""
    chunks = png_chunks(data)
    for _ in range(3):
        at = rng.randrange(len(chunks)) if chunks else 0
        part = chunks[at : at + 1]
        chunks[at : at + 1] = part * rng.choice((0, 2, 50))
        if chunks and rng.random() < 0.5:
            chunks.insert(rng.randrange(len(chunks)), chunks.pop(rng.randrange(len(chunks))))
    return _png(chunks)


def png_bomb(data: bytes, rng: random.Random) -> bytes:
    """A chunk of text, a profile or pixels that unpacks to a lot."""
    packed = zlib.compress(bytes(rng.choice((100, 2**20 - 9, 2**20 + 9, 2**24, 2**26))), 9)
    bomb = rng.choice((
        (b"zTXt", b"Comment\0\0" + packed), (b"iCCP", b"icc\0\0" + packed), (b"IDAT", packed),
        (b"iTXt", b"Comment\0\1\0\0\0" + packed), (b"eXIf", b"Exif\0\0" + bytes(2**20)),
    ))  # fmt: skip
    chunks = png_chunks(data)
    return _png(chunks[:1] + [bomb] * rng.choice((1, 1, 3, 40)) + chunks[1:])


def png_many(data: bytes, rng: random.Random) -> bytes:
    """Very many small chunks."""
    kind = rng.choice((
        (b"tEXt", b"Comment\0a"), (b"IDAT", b""), (b"PLTE", b"abc"), (b"tRNS", b"\0" * 6),
        (b"qqQq", b""), (b"acTL", struct.pack(">II", 9, 0)), (b"fcTL", bytes(26)),
        (b"gAMA", bytes(4)),
    ))  # fmt: skip
    chunks = png_chunks(data)
    at = rng.randrange(1, len(chunks) + 1) if chunks else 0
    return _png(chunks[:at] + [kind] * rng.choice(TIMES) + chunks[at:])


def jpeg_segments(data: bytes) -> list[bytes]:
    """The segments of a JPEG file; a scan goes with the pixels after it."""
    starts, at = [0], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        starts.append(at)
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        at += 2 + length
        while marker == 0xDA and at + 1 < len(data):
            if data[at] == 0xFF and data[at + 1] not in (0, *range(0xD0, 0xD8)):
                break
            at += 1
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def jpeg_segment(data: bytes, rng: random.Random) -> bytes:
    """One segment is there many times: a scan, a table, a header, an application's."""
    parts = jpeg_segments(data)
    at = rng.randrange(1, len(parts)) if len(parts) > 1 else 0
    scans = [n for n, part in enumerate(parts) if part[1:2] == b"\xda"]
    at = rng.choice(scans) if scans and rng.random() < 0.5 else at
    again = _repeated(b"".join(parts[at : at + 1]), rng.choice(TIMES))
    return b"".join([*parts[:at], again, *parts[at:]])


def jpeg_fill(data: bytes, rng: random.Random) -> bytes:
    """Fill bytes before a marker, or within the pixels."""
    parts = jpeg_segments(data)
    at = rng.randrange(len(parts))
    fill = b"\xff" * rng.choice((2, 999, 4_000_000))
    return b"".join([*parts[:at], fill, *parts[at:]])


def jpeg_header(data: bytes, rng: random.Random) -> bytes:
    """Another size, number of components or sampling."""
    changed = bytearray(data)
    frames = [at for marker in (0xC0, 0xC2) if (at := data.find(bytes([0xFF, marker]))) >= 0]
    if frames and frames[0] + 20 < len(data):
        at = frames[0] + rng.choice((4, 9, 11, 12, 14))
        changed[at] = rng.choice((0, 1, 2, 4, 0x44, 0xFF))
        if rng.random() < 0.5:
            size = struct.pack(">HH", *rng.choices((0, 1, 150, 6000, 65535), k=2))
            changed[frames[0] + 5 : frames[0] + 9] = size
    return bytes(changed)


def jpeg_app(data: bytes, rng: random.Random) -> bytes:
    """Application segments: damaged EXIF, many, long, or of several pictures."""
    loop = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    many = b"MPF\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0xB001, 4, 1, rng.choice(TIMES))
    body = rng.choice((loop, many, b"ICC_PROFILE\0\1\xff", b"Adobe\0", b"\0", bytes(65_000)))
    segment = bytes([0xFF, rng.choice((0xE1, 0xE2, 0xED, 0xEE, 0xFE))])
    segment += struct.pack(">H", len(body) + 2) + body
    return data[:2] + _repeated(segment, rng.choice(TIMES)) + data[2:]


def tiff_entries(data: bytes, rng: random.Random) -> bytes:
    """Entries of the first directory have another type, count or value."""
    changed = bytearray(data)
    order = "<" if data[:2] == b"II" else ">"
    if len(data) > 20:
        at = struct.unpack(order + "I", data[4:8])[0]
        count = struct.unpack(order + "H", data[at : at + 2])[0] if at + 2 <= len(data) else 0
        for _ in range(min(count, rng.choice((1, 1, 3)))):
            entry = at + 2 + 12 * rng.randrange(count)
            value = rng.choice((0, 1, 5, 150, 2**16, 2**31 - 1, 2**32 - 1, len(data) - 8))
            place, code = rng.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I")))
            number = value if code == "I" else value % rng.choice((20, 2**16))
            if entry + 12 <= len(data):
                struct.pack_into(order + code, changed, entry + place, number)
    return bytes(changed)


def tiff_chain(data: bytes, rng: random.Random) -> bytes:
    """Many directories, one after another, in a ring, or the same one."""
    if data[:2] != b"II" or len(data) < 20:
        return data
    at = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[at : at + 2])[0] if at + 2 <= len(data) else 0
    end = at + 2 + 12 * count
    directory, number = data[at:end], rng.choice(TIMES)
    if rng.random() < 0.5:
        directory = struct.pack("<H", 0)
    step, start = len(directory) + 4, len(data) + len(data) % 2
    last = rng.choice((0, start, at))
    nexts = [start + step * n for n in range(1, number)] + [last]
    nexts = nexts[-(MOST_BYTES // step) :]
    chain = b"".join(directory + struct.pack("<I", following) for following in nexts)
    head = data[:end] + struct.pack("<I", start) + data[end + 4 :]
    return head.ljust(start, b"\0") + chain


def riff_chunks(data: bytes, rng: random.Random) -> bytes:
    """Chunks of a WEBP file are missing, doubled or many."""
    parts, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        parts.append(data[at : at + 8 + length + length % 2])
        at += len(parts[-1])
    if parts:
        at = rng.randrange(len(parts))
        extra = rng.choice((parts[at], b"EXIF\4\0\0\0II*\0", b"ANMF\x10\0\0\0" + bytes(16)))
        parts.insert(at, _repeated(extra, rng.choice(TIMES)))
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body) % 2**32) + body


def boxes(data: bytes, rng: random.Random) -> bytes:
    """Boxes of an ISO file (JPEG 2000, AVIF, HEIF) are missing, doubled, many or nested."""
    parts, at = [], 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length < 8:
            parts.append(data[at:])
            break
        parts.append(data[at : at + length])
        at += length
    at = rng.randrange(len(parts)) if parts else 0
    nested = b""
    for _ in range(rng.choice((1, 20, 2000))):
        nested = (
            struct.pack(">I4s", len(nested) + 8, rng.choice((b"meta", b"moov", b"free"))) + nested
        )
    chosen = rng.choice((nested, *parts[at : at + 1]))
    parts.insert(at, _repeated(chosen, rng.choice(TIMES[:5])))
    return b"".join(parts)


def dicom_nested(data: bytes, rng: random.Random) -> bytes:
    """Sequences in sequences, or very many elements, before those of the picture."""
    times = rng.choice(TIMES)
    element = struct.pack("<HH2sHI", 0x08, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    plain = struct.pack("<HH2sH", 0x08, 0x60, b"CS", 2) + b"SM"
    at = data.find(b"\x10\0\x10\0PN")
    at = at if at > 0 else 132
    return data[:at] + rng.choice(((element + item) * times, plain * times)) + data[at:]


_OF_KIND: dict[str, tuple[Mutation, ...]] = {
    "PNG": (png_header, png_shuffle, png_bomb, png_many),
    "JPEG": (jpeg_segment, jpeg_segment, jpeg_fill, jpeg_header, jpeg_app),
    "TIFF": (tiff_entries, tiff_entries, tiff_chain),
    "WEBP": (riff_chunks,),
    "JPEG2000": (boxes,),
    "AVIF": (boxes,),
    "HEIF": (boxes,),
    "DICOM": (dicom_nested, lengths),
}
