"""Pictures that are no single stained cell, made by code or sampled from what is installed."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

SIDE = 480
TINT = np.array([0.36, 0.15, 0.42])  # towards the colour of a stained nucleus


def photographs(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """scikit-learn's sample images: whole, flipped, at other sizes, in grey, and crops of them."""
    from sklearn.datasets import load_sample_images

    for picture in load_sample_images().images:
        yield picture
        yield picture[:, ::-1]
        yield np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
        for scale in (0.25, 0.5, 2.0):
            yield cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for side in (64, 120, 224, 360):
            for _ in range(8):
                top, left = (rng.integers(0, length - side) for length in picture.shape[:2])
                crop = picture[top : top + side, left : left + side]
                yield np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)


def documents(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Pages of text, forms, curves and windows of a screen; some in purple ink."""
    for number in range(24):
        ink = (100, 40, 140) if number % 4 == 3 else (20, 20, 20)
        paper = int(rng.integers(235, 256))
        page = np.full((600, SIDE, 3), paper, np.uint8)
        size = rng.uniform(0.4, 1.2)
        for line in range(30, 590, round(34 * size) + 4):
            letters = rng.integers(97, 123, int(rng.integers(4, 60)))
            words = "".join(chr(letter) if letter % 6 else " " for letter in letters)
            cv2.putText(
                page, words, (20, line), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1 + number % 2
            )
        if number % 3 == 1:
            cv2.rectangle(page, (60, 200), (400, 420), ink, 2)
        yield page
    for _ in range(12):
        page = np.full((360, SIDE, 3), 255, np.uint8)
        for colour in rng.integers(0, 256, (4, 3)):
            steps = np.cumsum(rng.normal(0, 6, SIDE)) + rng.integers(60, 300)
            points = np.column_stack((np.arange(SIDE), steps)).astype(np.int32)
            cv2.polylines(page, [points], False, colour.tolist(), 2)
            for x, y in points[::40]:
                cv2.circle(page, (int(x), int(y)), 5, colour.tolist(), cv2.FILLED)
        yield page
    for _ in range(12):
        screen = np.full((400, 640, 3), rng.integers(200, 256), np.uint8)
        for colour in rng.integers(0, 256, (9, 3)):
            x, y, w, h = rng.integers(0, 300, 4)
            cv2.rectangle(screen, (int(x), int(y)), (int(x + w), int(y + h)), colour.tolist(), -1)
        cv2.putText(screen, "File Edit View", (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1)
        yield screen


def noise(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Independent, blurred, coloured and sparse noise."""
    for number in range(40):
        values = rng.normal(rng.uniform(60, 200), rng.uniform(5, 80), (SIDE, SIDE, 3))
        if number % 4 == 1:
            values = (
                cv2.GaussianBlur(values, (0, 0), rng.uniform(1, 20)) - values.mean()
            ) * 8 + 128
        elif number % 4 == 2:
            values = 255 * TINT + rng.normal(0, 20, (SIDE, SIDE, 1)) * TINT
        elif number % 4 == 3:
            values = np.where(rng.random((SIDE, SIDE, 1)) < 0.02, values, 255 * (number % 8 == 3))
        yield np.clip(values, 0, 255).astype(np.uint8)


def flat_colours(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One colour, black and white among them, and gradients."""
    colours = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (90, 40, 110), (230, 200, 220)]
    for colour in [*colours, *rng.integers(0, 256, (25, 3))]:
        yield np.full((300, 300, 3), colour, np.uint8)
    for first, last in rng.integers(0, 256, (20, 2, 3)):
        yield np.repeat(np.linspace(first, last, SIDE)[None], 300, axis=0).astype(np.uint8)


def counterfeits(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Cells that are none: discs of one colour, of noise and of tinted photographs, on black."""
    from sklearn.datasets import load_sample_images

    radii = rng.integers(80, 125, 36)
    for number, radius in enumerate(radii):
        picture = load_sample_images().images[number % 2]
        top, left = (rng.integers(0, length - 250) for length in picture.shape[:2])
        inside: np.ndarray = picture[top : top + 250, left : left + 250] * TINT
        if number % 3 == 0:
            inside = np.broadcast_to(230 * TINT, inside.shape)
        elif number % 3 == 1:
            inside = 200 * TINT + rng.normal(0, 12, inside.shape)
        disc = np.zeros((250, 250, 1), np.uint8)
        cv2.circle(disc, (125, 125), int(radius), 1, cv2.FILLED)
        whole = np.zeros((450, 450, 3), np.uint8)
        whole[100:350, 100:350] = np.clip(inside, 0, 255).astype(np.uint8) * disc
        yield whole


def recoloured(cells: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Cells on black in colours that no stain gives: their channels exchanged."""
    for number, cell in enumerate(cells):
        order = ((2, 0, 1), (1, 2, 0), (1, 0, 2), (0, 2, 1))[number % 4]
        yield np.ascontiguousarray(cell[:, :, order])


# What the standard names: of these 99 % are to be refused.
KINDS: dict[str, Callable[[np.random.Generator], Iterator[np.ndarray]]] = {
    "photographs": photographs,
    "documents": documents,
    "noise": noise,
    "flat_colours": flat_colours,
}
