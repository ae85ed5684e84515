import hashlib
import io
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.data import duplicates
from core.data.duplicates import PAIR_COLUMNS, find_pairs, link_subjects, thumbnail
from core.data.images import decode
from core.data.synthetic import draw_cell

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
    return find_pairs(cells, np.array([thumbnail(i, 450) for i in images]), pictures.__getitem__)


def _changed(image: np.ndarray, pixels: int) -> np.ndarray:
    """A copy in which `pixels` pixels inside the cell are inverted."""
    result = image.copy()
    rows, columns = np.nonzero(image.any(axis=2))
    chosen = np.random.default_rng(pixels).choice(len(rows), pixels, replace=False)
    result[rows[chosen], columns[chosen]] ^= 0x80
    return result


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return decode(buffer.getvalue())


def test_the_same_bytes_are_an_exact_pair():
    found = _pairs([CELLS[0], CELLS[1], CELLS[0].copy()])
    assert found.to_numpy().tolist() == [["a", "c", "A", "C", "exact", 0]]
    assert list(found.columns) == PAIR_COLUMNS


@pytest.mark.parametrize("pixels", [1, 40])
def test_a_few_changed_pixels_are_a_near_pair_and_are_counted(pixels):
    found = _pairs([CELLS[0], CELLS[1], _changed(CELLS[0], pixels)])
    assert found.to_numpy().tolist() == [["a", "c", "A", "C", "near", pixels]]


def test_the_border_of_near_is_two_percent_of_the_cell():
    area = int(CELLS[0].any(axis=2).sum())
    assert len(_pairs([CELLS[0], _changed(CELLS[0], int(0.019 * area))])) == 1
    assert _pairs([CELLS[0], _changed(CELLS[0], int(0.021 * area))]).empty


def test_a_jpeg_of_high_quality_is_a_near_pair():
    for cell in CELLS:
        found = _pairs([cell, _jpeg(cell, 95)])
        assert list(found["kind"]) == ["near"]


def test_unrelated_cells_never_pair_not_even_those_of_one_subject():
    siblings = [draw_cell(subject="0", cell=n, label=0, seed=1) for n in range(1, 5)]
    assert _pairs([*CELLS[:4], *siblings]).empty


def test_images_of_other_sizes_are_not_compared_pixel_by_pixel():
    assert _pairs([CELLS[0], np.pad(CELLS[0], ((75, 75), (75, 75), (0, 0)))]).empty


def test_three_copies_give_three_pairs():
    exact = _pairs([CELLS[0]] * 3)
    assert exact["kind"].tolist() == ["exact"] * 3
    near = _pairs([CELLS[0], CELLS[0], _changed(CELLS[0], 5)])
    for found in (exact, near):
        ends = sorted(zip(found["image_a"], found["image_b"], strict=True))
        assert ends == [("a", "b"), ("a", "c"), ("b", "c")]
    assert sorted(near["kind"]) == ["exact", "near", "near"]


def test_no_cells_and_one_cell_give_no_pairs():
    cells = pd.DataFrame(columns=["image_id", "subject", "sha256"])
    assert list(find_pairs(cells, np.zeros((0, 768), np.float32), None).columns) == PAIR_COLUMNS
    assert _pairs([CELLS[0]]).empty


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1024])
def test_pairs_are_found_across_blocks(block):
    rng = np.random.default_rng(2)
    thumbnails = rng.uniform(0, 255, (20, 768)).astype(np.float32)
    for place, source in ((6, 5), (19, 0), (13, 12), (14, 12)):
        thumbnails[place] = thumbnails[source] + 0.4
    found = sorted(duplicates._close(thumbnails, block=block))
    assert found == [(0, 19), (5, 6), (12, 13), (12, 14), (13, 14)]


def test_the_search_agrees_with_comparing_all_pairs():
    rng = np.random.default_rng(4)
    bright = (200 + rng.normal(0, 0.75, (30, 768))).astype(np.float32)  # at the limit
    wanted = [
        (a, b) for a, b in combinations(range(30), 2) if duplicates._rms(bright[a], bright[b]) < 1
    ]
    found = sorted(duplicates._close(bright, block=8))
    assert 0 < len(wanted) < 435
    assert found == wanted


def _links(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["subject_a", "subject_b"])


def test_links_are_transitive_and_singletons_keep_their_name():
    found = link_subjects(["1", "2", "3", "4", "5", "6"], _links(("1", "2"), ("3", "2")))
    assert found == {"1": "1+2+3", "2": "1+2+3", "3": "1+2+3", "4": "4", "5": "5", "6": "6"}


def test_a_pair_within_a_subject_and_a_pair_told_twice_change_nothing():
    assert link_subjects(["1", "2"], _links(("1", "1"))) == {"1": "1", "2": "2"}
    twice = link_subjects(["1", "2"], _links(("1", "2"), ("2", "1")))
    assert twice == {"1": "1+2", "2": "1+2"}


def test_the_order_of_subjects_and_pairs_does_not_matter():
    rng = np.random.default_rng(0)
    subjects = [f"H{n}" for n in range(12)]
    pairs = [("H1", "H2"), ("H2", "H10"), ("H4", "H3"), ("H10", "H11"), ("H3", "H4")]
    first = link_subjects(subjects, _links(*pairs))
    assert first["H1"] == "H1+H10+H11+H2"
    for _ in range(20):
        shuffled = [tuple(rng.permutation(pair)) for pair in rng.permutation(pairs)]
        assert link_subjects(list(rng.permutation(subjects)), _links(*shuffled)) == first


def test_a_chain_of_pairs_is_one_group():
    subjects = [f"{n:04}" for n in range(3000)]
    found = link_subjects(subjects, _links(*pairwise(subjects)))
    assert len(set(found.values())) == 1
