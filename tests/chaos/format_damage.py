"""Damage by what a format counts, nests or repeats."""

import random
import struct
import zlib

from tests.chaos.blind_damage import MOST_BYTES, TIMES, Mutation, lengths, repeated


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
    again = repeated(b"".join(parts[at : at + 1]), rng.choice(TIMES))
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
    return data[:2] + repeated(segment, rng.choice(TIMES)) + data[2:]


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
        parts.insert(at, repeated(extra, rng.choice(TIMES)))
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
    parts.insert(at, repeated(chosen, rng.choice(TIMES[:5])))
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


OF_KIND: dict[str, tuple[Mutation, ...]] = {
    "PNG": (png_header, png_shuffle, png_bomb, png_many),
    "JPEG": (jpeg_segment, jpeg_segment, jpeg_fill, jpeg_header, jpeg_app),
    "TIFF": (tiff_entries, tiff_entries, tiff_chain),
    "WEBP": (riff_chunks,),
    "JPEG2000": (boxes,),
    "AVIF": (boxes,),
    "HEIF": (boxes,),
    "DICOM": (dicom_nested, lengths),
}
