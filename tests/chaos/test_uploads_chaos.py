"""The short form of the campaign on uploads; `python -m benchmarks chaos` is the long one."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import images
from tests.chaos import format_damage, mutations, pictures, uploads


@pytest.mark.parametrize("kind", pictures.originals())
def test_a_file_that_nothing_was_done_to_is_read(kind: str) -> None:
    assert images.decode(pictures.originals()[kind], kind).shape[2] == 3


def test_a_seed_always_gives_the_same_file() -> None:
    again = [mutations.mutated(seed) for seed in range(40)]
    assert again == [mutations.mutated(seed) for seed in range(40)]
    assert len({it.data for it in again}) > 35


def test_chunks_and_segments_are_those_of_the_file() -> None:
    png, jpeg = (pictures.originals()[kind] for kind in ("PNG", "JPEG progressive"))
    assert [kind for kind, _ in format_damage.png_chunks(png)][-1] == b"IEND"
    assert b"".join(format_damage.jpeg_segments(jpeg)) == jpeg
    starts = [part[:2] for part in format_damage.jpeg_segments(jpeg)]
    assert starts[0] == b"\xff\xd8" and starts.count(b"\xff\xda") == 10
    found = Image.open(io.BytesIO(jpeg))
    assert np.asarray(found).shape == images.decode(jpeg).shape


@pytest.mark.slow
def test_damaged_pictures_end_as_a_result_or_as_an_error_of_ours(tmp_path: Path) -> None:
    places = uploads.doors()
    tried = [
        trial for seed in range(60) for trial in uploads.trials(seed, places, tmp_path / "upload")
    ]
    assert [trial for trial in tried if not trial.held] == []
    assert {trial.place for trial in tried} == set(places)
    assert len({trial.outcome for trial in tried}) > 5
