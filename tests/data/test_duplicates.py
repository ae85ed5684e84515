"""Copies: found however they were encoded, never between different cells."""

import hashlib
import io
from itertools import combinations

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.data import duplicates
from core.data.duplicates import (
    PAIR_COLUMNS,
    candidates,
    exact_pairs,
    find_pairs,
    link_subjects,
    thumbnail,
)
from core.data.images import decode
from core.data.synthetic.dataset import draw_cell
from tests.factories.trees import links

CELLS = [draw_cell(subject=str(n), cell=0, label=n % 2, seed=1) for n in range(6)]


def _pairs(images: list[np.ndarray], names: str | None = None) -> pd.DataFrame:
    names = names or "abcdefgh"[: len(images)]
    pictures = dict(zip(names, images, strict=True))
    cells = pd.DataFrame(
        {
            "image_id": list(names),
            "subject": [name.upper() for name in names],
            "sha256": [hashlib.sha256(image.tobytes()).hexdigest() for image in images],
        }
    )
    return find_pairs(cells, np.array([thumbnail(i) for i in images]), pictures.__getitem__)


def _changed(image: np.ndarray, pixels: int) -> np.ndarray:
    """A copy in which `pixels` pixels inside the cell are inverted."""
    result = image.copy()
    rows, columns = np.nonzero(image.any(axis=2))
    chosen = np.random.default_rng(pixels).choice(len(rows), pixels, replace=False)
    result[rows[chosen], columns[chosen]] ^= 0x80
    return result


ENCODINGS = [
    ("PNG", {}),
    *(("JPEG", {"quality": quality}) for quality in (30, 50, 75, 95)),
    *(("WEBP", {"quality": quality}) for quality in (30, 80)),
    ("WEBP", {"lossless": True}),
]


def _encoded(image: np.ndarray, kind: str, options: dict[str, int]) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return decode(buffer.getvalue())


def test_the_same_bytes_are_an_exact_pair():
    found = _pairs([CELLS[0], CELLS[1], CELLS[0].copy()])
    assert found.to_numpy().tolist() == [["a", "c", "A", "C", "exact", 0]]
    assert list(found.columns) == PAIR_COLUMNS


@pytest.mark.parametrize("pixels", [1, 40])
def test_a_few_changed_pixels_are_a_near_pair_and_are_counted(pixels):
    found = _pairs([CELLS[0], CELLS[1], _changed(CELLS[0], pixels)])
    assert found.to_numpy().tolist() == [["a", "c", "A", "C", "near", pixels]]


@pytest.mark.parametrize(("share", "pairs"), [(0.03, 1), (0.12, 0)])
def test_the_border_of_near_lies_at_a_few_percent_of_the_cell(share, pairs):
    side = round(np.sqrt(share * CELLS[1].any(axis=2).sum()))
    patched = CELLS[1].astype(int)
    middle = slice(225 - side // 2, 225 - side // 2 + side)
    # Stripes that even out over a pixel of the thumbnail, which else would tell them apart.
    stripes = np.where(np.arange(450) // 14 % 2, 20, -20)[middle]
    patched[middle, middle] += stripes[:, None]
    assert len(_pairs([CELLS[1], np.clip(patched, 0, 255).astype(np.uint8)])) == pairs


@pytest.mark.parametrize(("kind", "options"), ENCODINGS)
def test_a_cell_encoded_anew_is_a_near_pair_of_its_original_alone(kind, options):
    cells = CELLS[:4]
    found = _pairs([*cells, *(_encoded(cell, kind, options) for cell in cells)])
    ends = sorted(zip(found["image_a"], found["image_b"], strict=True))
    assert ends == [("a", "e"), ("b", "f"), ("c", "g"), ("d", "h")]
    lossless = kind == "PNG" or "lossless" in options
    assert set(found["kind"]) == ({"exact"} if lossless else {"near"})


def test_unrelated_cells_never_pair_not_even_those_of_one_subject():
    siblings = [draw_cell(subject="0", cell=n, label=0, seed=1) for n in range(1, 5)]
    assert _pairs([*CELLS[:4], *siblings]).empty


def test_a_cell_with_a_wider_black_border_is_a_near_pair_without_a_changed_pixel():
    found = _pairs([CELLS[0], np.pad(CELLS[0], ((75, 75), (75, 75), (0, 0))), CELLS[1]])
    assert found.to_numpy().tolist() == [["a", "b", "A", "B", "near", 0]]


def test_a_turned_or_recoloured_cell_is_another_image():
    pale = np.where(CELLS[0] > 0, CELLS[0] // 2 + 120, 0).astype(np.uint8)
    assert _pairs([CELLS[0], CELLS[0][::-1], np.rot90(CELLS[0]), CELLS[0][:, :, ::-1], pale]).empty


def test_three_copies_give_three_pairs():
    exact = _pairs([CELLS[0]] * 3)
    assert exact["kind"].tolist() == ["exact"] * 3
    near = _pairs([CELLS[0], CELLS[0], _changed(CELLS[0], 5)])
    for found in (exact, near):
        ends = sorted(zip(found["image_a"], found["image_b"], strict=True))
        assert ends == [("a", "b"), ("a", "c"), ("b", "c")]
    assert sorted(near["kind"]) == ["exact", "near", "near"]


def test_exact_pairs_need_hashes_alone_and_are_those_of_the_search():
    images = [CELLS[0], CELLS[1], CELLS[0], CELLS[1], CELLS[0], CELLS[2]]
    searched = _pairs(images)
    cells = pd.DataFrame({"image_id": list("abcdef"), "subject": list("ABCDEF")})
    cells["sha256"] = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    pd.testing.assert_frame_equal(exact_pairs(cells), searched)
    ends = sorted(zip(searched["image_a"], searched["image_b"], strict=True))
    assert ends == [("a", "c"), ("a", "e"), ("b", "d"), ("c", "e")]
    assert list(exact_pairs(cells.iloc[:0]).columns) == PAIR_COLUMNS


def test_no_cells_and_one_cell_give_no_pairs():
    cells = pd.DataFrame(columns=["image_id", "subject", "sha256"])
    assert list(find_pairs(cells, np.zeros((0, 768), np.float32), None).columns) == PAIR_COLUMNS
    assert _pairs([CELLS[0]]).empty


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1024])
def test_pairs_are_found_across_blocks(block, monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK", block)
    thumbnails = np.random.default_rng(2).integers(0, 250, (20, 768)).astype(np.uint8)
    for place, source in ((6, 5), (19, 0), (13, 12), (14, 12)):
        thumbnails[place] = thumbnails[source] + 1
    found = candidates(thumbnails).tolist()
    assert found == [[0, 19], [5, 6], [12, 13], [12, 14], [13, 14]]


def test_the_search_agrees_with_comparing_all_pairs():
    rng = np.random.default_rng(4)
    cells = rng.uniform(40, 200, (60, 1, 768))
    thumbnails = (cells + rng.normal(0, 3.6, (60, 4, 768))).reshape(240, 768).astype(np.uint8)
    pixels = thumbnails.astype(float)
    wanted = [
        [a, b]
        for a, b in combinations(range(240), 2)
        if np.sqrt(np.mean((pixels[a] - pixels[b]) ** 2)) < duplicates.THUMBNAIL_RMS
    ]
    assert 100 < len(wanted) <= 360
    assert candidates(thumbnails).tolist() == wanted


def test_of_images_alike_by_the_hundred_the_nearest_are_compared_and_all_hang_together():
    rng = np.random.default_rng(5)
    noisy = np.clip(128 + rng.normal(0, 1, (600, 768)), 0, 255).astype(np.uint8)
    for thumbnails in (noisy, np.full((600, 768), 9, np.uint8)):
        found = candidates(thumbnails)
        assert len(found) <= 600 * duplicates.NEIGHBOURS
        names = [str(row) for row in range(600)]
        pairs = links(*((str(a), str(b)) for a, b in found))
        assert len(set(link_subjects(names, pairs).values())) == 1


def test_of_files_identical_by_the_hundred_each_is_paired_with_the_next():
    many = duplicates.MOST_TWINS + 20
    cells = pd.DataFrame({"image_id": [f"{n:03}" for n in range(2 * many)]})
    cells["subject"], cells["sha256"] = cells["image_id"], ["a"] * many + ["b"] * many
    image = np.full((40, 40, 3), 99, np.uint8)
    read: list[str] = []
    found = find_pairs(
        cells, np.array([thumbnail(image)] * 2 * many), lambda name: read.append(name) or image
    )
    assert len(found) == 2 * (many - 1) + 1 and len(read) == 2
    assert len(set(link_subjects(list(cells["subject"]), found).values())) == 1


def _crop(image: np.ndarray, side: int = 48) -> np.ndarray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def test_small_crops_are_told_apart_by_their_own_content():
    crops = [_crop(cell) for cell in CELLS]
    assert len(candidates(np.array([thumbnail(crop) for crop in crops]))) == 0
    padded = np.pad(crops[0], ((201, 201), (201, 201), (0, 0)))
    found = _pairs([*crops[:4], _encoded(crops[0], "JPEG", {"quality": 90}), padded, crops[1]])
    ends = set(zip(found["image_a"], found["image_b"], strict=True))
    assert ends == {("a", "e"), ("a", "f"), ("e", "f"), ("b", "g")}


def test_a_small_cell_in_a_large_black_picture_is_told_apart_too():
    pictures = [np.pad(_crop(cell), ((200, 202), (200, 202), (0, 0))) for cell in CELLS]
    assert len(candidates(np.array([thumbnail(picture) for picture in pictures]))) == 0


def test_the_comparison_shows_progress_and_stops_where_that_raises():
    told: list[tuple[int, int]] = []
    images = [CELLS[0], _changed(CELLS[0], 5), CELLS[1], _changed(CELLS[1], 5)]
    cells = pd.DataFrame({"image_id": list("abcd"), "subject": "x", "sha256": list("abcd")})
    thumbnails = np.array([thumbnail(image) for image in images])
    pictures = dict(zip("abcd", images, strict=True))
    find_pairs(cells, thumbnails, pictures.__getitem__, lambda *numbers: told.append(numbers))
    assert told == [(1, 2), (2, 2)]

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_pairs(cells, thumbnails, pictures.__getitem__, stop)


def test_a_long_search_shows_that_it_goes_on(monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK", 10)
    thumbnails = np.random.default_rng(1).integers(0, 256, (25, 768)).astype(np.uint8)
    told: list[tuple[int, int]] = []
    candidates(thumbnails, lambda *numbers: told.append(numbers))
    assert told == [(0, 1), (0, 1)]


@pytest.fixture(scope="module")
def real_cells(real_data) -> dict[str, np.ndarray]:
    files = sorted((real_data / "cnmc_sample").rglob("*.bmp"))
    return {file.name: decode(file) for file in files}


@pytest.mark.parametrize(("kind", "options"), [ENCODINGS[1], ENCODINGS[5]])
def test_real_cells_encoded_anew_pair_with_their_original_and_known_copies_alone(
    real_cells, kind, options
):
    again = {name: _encoded(image, kind, options) for name, image in real_cells.items()}
    originals = {f"original {name}": image for name, image in real_cells.items()}
    images = originals | again
    cells = pd.DataFrame({"image_id": list(images), "subject": "x", "sha256": list(images)})
    thumbnails = np.array([thumbnail(image) for image in images.values()])
    found = find_pairs(cells, thumbnails, images.__getitem__)
    names = [found[end].str.removeprefix("original ") for end in ("image_a", "image_b")]
    between = {tuple(sorted(pair)) for pair in zip(*names, strict=True) if pair[0] != pair[1]}
    assert between == {
        ("UID_H2_1_1_hem.bmp", "UID_H6_1_1_hem.bmp"),
        ("UID_H2_1_2_hem.bmp", "UID_H6_1_2_hem.bmp"),
        ("UID_H10_1_1_hem.bmp", "UID_h3_1_1_hem.bmp"),
    }
    assert int((names[0] == names[1]).sum()) == len(real_cells) == 55


def test_the_difference_of_a_pair_is_that_of_its_pixels_whatever_its_frame():
    copy = CELLS[0].copy()
    copy[225, 225] = CELLS[0][225, 225] ^ 64  # by 64 levels in each channel
    wider = np.pad(copy, ((75, 75), (75, 75), (0, 0)))
    found = duplicates.difference(CELLS[0], wider)
    assert (found.most, found.changed, int((found.levels > 0).sum())) == (64, 1, 1)
    assert int((found.stretched.max(axis=2) == 255).sum()) == 1  # stretched: the most is white
    same = duplicates.difference(CELLS[0], CELLS[0])
    assert (same.most, same.changed) == (0, 0) and not same.stretched.any()
