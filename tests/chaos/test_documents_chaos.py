"""The short form of the campaign on documents; `python -m benchmarks chaos` is the long one."""

import json
import random
from pathlib import Path

import pytest

from tests.chaos import document_kinds, documents


@pytest.mark.slow
def test_damaged_documents_are_shown_or_refused(artifacts: Path) -> None:
    document_kinds.furnish(artifacts)
    for name, kind in document_kinds.kinds().items():
        kind.show()
        tried = [documents.trial(seed, name, kind, artifacts) for seed in range(3)]
        assert [trial for trial in tried if not trial.held] == []


def test_a_seed_always_gives_the_same_document() -> None:
    document = {"a": [1, 2, {"b": "c"}], "d": 0.5}
    made = [documents.mutated(document, random.Random(seed)) for seed in range(50)]
    assert made == [documents.mutated(document, random.Random(seed)) for seed in range(50)]
    assert document == {"a": [1, 2, {"b": "c"}], "d": 0.5}
    assert sum(data != json.dumps(document).encode() for data in made) > 40
