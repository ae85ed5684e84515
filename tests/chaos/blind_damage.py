"""Damage to a file that knows nothing of its format."""

import random
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.chaos.pictures import originals, saved

Mutation = Callable[[bytes, random.Random], bytes]
# How often a structure is repeated. The last ones are far beyond any camera's file.
TIMES = (1, 2, 10, 100, 2_000, 20_000)
MOST_BYTES = 2**24  # that one mutation adds


def repeated(part: bytes, times: int) -> bytes:
    """A part several times, up to `MOST_BYTES`."""
    return part * min(times, MOST_BYTES // max(1, len(part)))


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
    return data[:at] + repeated(data[at : at + length], rng.choice(TIMES[:4])) + data[at:]


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
