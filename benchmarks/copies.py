"""The search for near duplicates among many images, against decoding them.

The images are drawn: a round cell with a nucleus and a texture of its own, no two alike, as small
crops and at the size of C-NMC. Some are drawn twice, with a few pixels changed; all of these are to
be found, and nothing else.
"""

import hashlib
import math
import time

import cv2
import numpy as np
import pandas as pd

from benchmarks.measure import Figures, at_most, say
from benchmarks.workbench import on_all_cores
from core.data import duplicates, images

SIDES = {"small crops": 48, "size of C-NMC": 450}
COUNTS = (15_112, 60_000)
COPY_EVERY = 100
ROUNDS = 3
DECODED = 400  # images of which decoding is timed
OVER_DECODING = at_most("search for copies over decoding, {:,} {}", 1.0)
GROWTH = at_most("growth of the search over n log n, {}", 1.0)
WRONG = at_most("copies missed or invented, {:,} {}", 0)


def measure(images_at_most: int | None) -> Figures:
    """Figures of each kind and number of images; seconds are those of one core's work."""
    counts = [min(count, images_at_most or count) for count in COUNTS]
    return {
        kind.replace(" ", "_"): _grown(kind, side, sorted(set(counts)))
        for kind, side in SIDES.items()
    }


def _grown(kind: str, side: int, counts: list[int]) -> Figures:
    found = [_search(kind, side, count) for count in counts]
    figures = {str(count): part for count, (_, part) in zip(counts, found, strict=True)}
    if len(counts) < 2:
        return figures
    seconds = [search for search, _ in found]
    expected = math.prod((counts[1], math.log(counts[1]))) / (counts[0] * math.log(counts[0]))
    return figures | {"growth": GROWTH(seconds[1] / seconds[0] / expected, kind)}


def _search(kind: str, side: int, count: int) -> tuple[float, Figures]:
    """The seconds of the quickest of `ROUNDS` searches, and the figures."""
    say(f"drawing {count} images of {side} x {side}")
    thumbnails = np.array(
        list(on_all_cores(lambda number: duplicates.thumbnail(draw(number, side)), range(count)))
    )
    names = [str(number) for number in range(count)]
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    cells = pd.DataFrame({"image_id": names, "subject": names, "sha256": digests})
    decode_seconds = _decoding(side) * count
    drawing = [0.0]

    def read(name: str) -> np.ndarray:
        started = time.thread_time()
        file = images.encode(draw(int(name), side), "BMP")
        drawing[0] += time.thread_time() - started
        return images.decode(file)

    compared: list[int] = []
    seconds = []
    for _ in range(ROUNDS):
        drawing[0] = 0.0
        started = time.process_time()
        pairs = duplicates.find_pairs(
            cells, thumbnails, read, lambda done, _: compared.append(done)
        )
        seconds.append(time.process_time() - started - drawing[0])
    search = min(seconds)
    ends = zip(pairs["image_a"].astype(int), pairs["image_b"].astype(int), strict=True)
    wanted = {(number - 1, number) for number in range(COPY_EVERY, count, COPY_EVERY)}
    return search, {
        "decode_seconds": decode_seconds,
        "search_seconds": search,
        "pairs_compared": max(compared, default=0),
        "copies": len(wanted),
        "copies_wrong": WRONG(len(wanted ^ {tuple(sorted(pair)) for pair in ends}), count, kind),
        "over_decoding": OVER_DECODING(search / decode_seconds, count, kind),
    }


def _decoding(side: int) -> float:
    """Seconds of decoding one image."""
    files = [images.encode(draw(number, side), "BMP") for number in range(DECODED)]
    started = time.process_time()
    for file in files:
        images.decode(file)
    return (time.process_time() - started) / DECODED


def draw(number: int, side: int) -> np.ndarray:
    """The cell of that number on black: RGB uint8 (side, side, 3).

    Every `COPY_EVERY`th is that before it, but for four pixels.
    """
    if number and number % COPY_EVERY == 0:
        image = draw(number - 1, side).copy()
        middle = side // 2
        image[middle : middle + 2, middle : middle + 2] ^= 0x20
        return image
    rng = np.random.default_rng(number)
    coarse = rng.normal(0, 1, (6, 6, 3)) * 18 + rng.normal((170, 110, 190), 20)
    picture = np.clip(coarse, 20, 255).astype(np.uint8)
    picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((side, side), np.uint8)
    axes = tuple(int(length) for length in rng.uniform(0.28, 0.42, 2) * side)
    cv2.ellipse(mask, (side // 2, side // 2), axes, rng.uniform(0, 180), 0, 360, 255, -1)
    nucleus = tuple(int(length) for length in rng.uniform(0.14, 0.24, 2) * side)
    place = tuple(int(x) for x in side / 2 + rng.uniform(-0.08, 0.08, 2) * side)
    dark = picture // 2 + 10
    inner = np.zeros_like(mask)
    cv2.ellipse(inner, place, nucleus, rng.uniform(0, 180), 0, 360, 255, -1)
    picture[inner > 0] = dark[inner > 0]
    return np.asarray(cv2.copyTo(picture, mask))
