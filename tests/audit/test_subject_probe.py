"""The subject probe: it names who is there to be named, and nobody else."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.audit import subject_probe
from core.audit.subject_probe import SubjectProbe
from core.errors import DataError
from core.report import audits
from core.runs.run_store import Run

SUBJECTS = np.repeat([f"s{n}" for n in range(6)], 15)


def test_subjects_with_a_signature_are_named_and_chance_is_one_in_six() -> None:
    rng = np.random.default_rng(0)
    _, member = np.unique(SUBJECTS, return_inverse=True)
    features = rng.normal(size=(6, 8))[member] * 2 + rng.normal(size=(90, 8))
    found = subject_probe.name_subjects(features, SUBJECTS)
    assert (found.cells, found.subjects, found.one_in) == (90, 6, 1 / 6)
    assert found.accuracy > 0.8 and found.recognises
    assert found.interval[0] < found.accuracy < found.interval[1]
    assert found.chance == pytest.approx(1 / 6, abs=0.06)
    assert found.chance <= found.highest_chance < 0.4
    assert found.majority == pytest.approx(1 / 6)


@pytest.mark.slow
def test_features_that_know_nobody_name_nobody() -> None:
    named = [
        subject_probe.name_subjects(
            np.random.default_rng(seed).normal(size=(90, 4)), SUBJECTS, seed=seed
        )
        for seed in range(4)
    ]
    assert sum(found.recognises for found in named) <= 1
    assert np.mean([found.accuracy for found in named]) == pytest.approx(1 / 6, abs=0.06)


@pytest.fixture
def few_shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that do not ask what chance is."""
    monkeypatch.setattr(subject_probe, "SHUFFLES", 2)


@pytest.mark.usefixtures("few_shuffles")
def test_the_probe_is_linear() -> None:
    """Subjects told apart by the radius alone, or by many more features than there are cells."""
    rng = np.random.default_rng(1)
    subjects = np.repeat(["near", "far"], 60)
    turn = rng.uniform(0, 2 * np.pi, 120)
    radius = np.where(subjects == "near", 1.0, 3.0)
    features = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    assert subject_probe.name_subjects(features, subjects).accuracy < 0.65
    noise = rng.normal(size=(120, 400))
    assert subject_probe.name_subjects(noise, subjects).accuracy < 0.65


@pytest.mark.usefixtures("few_shuffles")
def test_it_reads_a_runs_features_within_each_class_and_keeps_what_it_found(
    finished_run: Run,
) -> None:
    told: list[tuple[int, int]] = []
    try:
        assert subject_probe.stored(finished_run) is None
        found = subject_probe.measure(finished_run, lambda *numbers: told.append(numbers))
        assert told[-1][0] == told[-1][1]
        assert subject_probe.stored(finished_run) == found
        split = pd.read_parquet(finished_run.path / "split.parquet")
        for row in found.rows:
            parts = subject_probe.PARTS[row.part]
            cells = split[split["split"].isin(parts) & (split["label"] == (row.of_class == "ALL"))]
            counts = cells["subject"].value_counts()
            assert row.subjects == (counts >= subject_probe.MIN_CELLS).sum() >= 2
            assert row.cells == counts[counts >= subject_probe.MIN_CELLS].sum()
        assert {row.of_class for row in found.rows if row.part == "trained"} == {"ALL", "HEM"}
        assert len(audits.table(found)) == len(found.rows)
        assert "can be named in" in audits.sentence(found)
        # Of an engine that has been replaced, nothing is known.
        facts = finished_run.engine_file.stat()
        os.utime(finished_run.engine_file, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
        assert subject_probe.stored(finished_run) is None
    finally:
        (finished_run.path / subject_probe.FILE).unlink(missing_ok=True)


def row(kind: str, *, recognises: bool, part: str = "unseen") -> dict[str, object]:
    shares = {"accuracy": 0.43, "chance": 0.08, "highest_chance": 0.1, "majority": 0.1}
    facts = {"cells": 120, "subjects": 12, "one_in": 1 / 12, "interval": None}
    return {"part": part, "class": kind, "recognises": recognises, **shares, **facts}


def sentence(*rows: dict[str, object]) -> str:
    return audits.sentence(SubjectProbe.parse({"exported_ns": 1, "rows": rows}))


def test_the_sentence_says_the_share_the_chance_and_whether_that_is_more() -> None:
    both = sentence(row("ALL", recognises=True), row("HEM", recognises=True))
    assert both.startswith("From what the network sees, the subject of an ALL cell can be named in")
    assert "43% of cases (chance 8%, 12 subjects)" in both and "carry who the patient is" in both
    one = sentence(row("ALL", recognises=True), row("HEM", recognises=False))
    assert "Only for ALL" in one
    none = sentence(row("HEM", recognises=False, part="trained"))
    assert "of its training part" in none and "no recognition is shown" in none


def test_a_run_with_too_few_cells_a_subject_is_refused(finished_run: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "small")
    run.path.mkdir()
    split = pd.read_parquet(finished_run.path / "split.parquet")
    split.groupby("subject").head(2).to_parquet(run.path / "split.parquet")
    with pytest.raises(DataError, match="2 subjects with 5 cells each"):
        subject_probe.measure(run)
