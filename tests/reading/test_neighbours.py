"""The nearest training cells, and what the model knows already."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import storage
from core.data.images import decode, encode
from core.ood import reference
from core.reading import neighbours
from core.reading.reader import Reader
from core.runs.run_store import Run


@pytest.fixture
def training(finished_run: Run) -> pd.DataFrame:
    table = pd.read_parquet(finished_run.path / "split.parquet")
    return table.sort_values("split", key=lambda parts: parts.ne("train"), kind="stable")


def test_the_three_nearest_come_in_order_with_their_label_subject_group_and_file(
    finished_run: Run,
) -> None:
    kept = reference.load(finished_run)
    assert kept is not None
    rng = np.random.default_rng(3)
    distances = rng.permutation(len(kept.cells)) / 100
    found = neighbours.most_similar(finished_run, kept, distances)
    order = np.argsort(distances)[:3]
    assert [one.image_id for one in found] == kept.cells["image_id"].iloc[order].tolist()
    assert [one.distance for one in found] == [0.0, 0.01, 0.02]
    for one in found:
        row = kept.cells.set_index("image_id").loc[one.image_id]
        assert one.label == ("ALL" if row["label"] == 1 else "HEM")
        assert (one.subject, one.group) == (row["subject"], row["group"])
        assert one.file == storage.demo_dir() / one.image_id and one.file.is_file()


def test_a_data_set_that_has_gone_leaves_the_words_without_the_picture(
    finished_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = reference.load(finished_run)
    assert kept is not None
    monkeypatch.setattr(storage, "demo_dir", lambda: tmp_path / "gone")
    found = neighbours.most_similar(finished_run, kept, np.arange(len(kept.cells), dtype=float))
    assert [one.file for one in found] == [None] * 3 and found[0].label in ("ALL", "HEM")


def test_a_training_cell_is_known_as_a_file_and_as_a_picture_and_a_test_cell_as_what_it_is(
    reader: Reader, training: pd.DataFrame, demo_root: Path
) -> None:
    known = {part: rows["image_id"].iloc[0] for part, rows in training.groupby("split")}
    for part, image_id in known.items():
        file = demo_root / image_id
        reading = reader.read(file)
        if reading.cells:
            assert reading.cells[0].seen == neighbours.Seen(str(part), image_id, exact=True)
    again = reader.read(encode(decode(demo_root / known["train"])), "saved_as.png").cells[0]
    assert again.seen == neighbours.Seen("train", known["train"], exact=False)
    assert again.similar is not None and again.similar[0].image_id == known["train"]
    turned = decode(demo_root / known["train"])[::-1]
    assert reader.read(encode(turned), "turned.png").cells[0].seen is None


def test_a_cell_in_two_parts_counts_as_trained_on() -> None:
    split = pd.DataFrame(
        {"sha256": ["a", "a", "b"], "split": ["test", "train", "test"], "image_id": ["1", "2", "3"]}
    )
    known = neighbours.files(split)
    assert neighbours.seen(known, "a") == neighbours.Seen("train", "2", exact=True)
    assert neighbours.seen(known, "b") == neighbours.Seen("test", "3", exact=True)
    assert neighbours.seen(known, "c") is None


def test_they_are_in_the_document_of_a_reading(reader: Reader, demo_root: Path) -> None:
    found = reader.read(sorted(demo_root.rglob("*_all.bmp"))[0])
    document = found.to_json(reader.judge)
    (cell,) = document["cells"]
    assert len(cell["similar"]) == 3 and {"label", "group", "distance"} <= set(cell["similar"][0])
    assert {"measure", "value", "words"} <= set(cell["morphology"][0])
    assert document["gate"]["figures"]["distance"] == cell["gate"]["figures"]["distance"]
