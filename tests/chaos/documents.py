"""Damaged documents, each read and shown as the pages do.

A document is one that BlastLens wrote, with some of its fields changed: another type, a number
beyond all bounds, a text without end, too many levels, nothing, more than there was. It must be
read and shown, or refused by an error of `core.errors`.
"""

import copy
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.chaos import Trial
from core.errors import BlastLensError
from tests.chaos.document_kinds import Kind, furnish, kinds

MOST_SECONDS = 5.0
Json = Any
# Raw: what `json.dumps` cannot write.
DEEP = "[" * 400 + "]" * 400
RAW = {"@deep": DEEP, "@deeper": "[" * 100_000, "@huge": "9" * 5000, "@beyond": "1e999"}
VALUES: tuple[Json, ...] = (
    *(None, True, False, 0, -1, 1, 3, 2**31, 2**63, -(2**63), 10**18, 10**400, 1e300, -1e300),
    *(1e-320, 0.5, -0.5, 1.5, 253402300800.0, float("nan"), float("inf"), float("-inf")),
    *("", "x", "x" * 100_000, "\0", "a\0b", "a\u202eb", "\ud800", "\x1b[31m", "CON", "../../etc"),
    *("=1+1", "1e9", "nan", "none", "<script>", "\n" * 5000, "ALL", "test", "ü" * 300),
    *([], {}, [[]], [None], [1, 2, 3], ["a", "a"], {"a": 1}, [0.5] * 20_000, {"": ""}),
    *RAW,
)  # fmt: skip


def parsed(data: bytes) -> Json:
    """The document of a file."""
    return json.loads(data)


def _places(document: Json, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values, the document itself included."""
    found = [at]
    if isinstance(document, dict):
        for key, value in document.items():
            found += _places(value, (*at, key))
    if isinstance(document, list):
        for number, value in enumerate(document[:50]):
            found += _places(value, (*at, number))
    return found


def mutated(document: Json, rng: random.Random) -> bytes:
    """A document with one to three of its fields changed, as JSON or nearly so."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        # Places near the top come as often as the many below them.
        places = _places(document)
        depth = rng.choice(sorted({len(place) for place in places}))
        place = rng.choice([one for one in places if len(one) == depth])
        if not place:
            if rng.random() < 0.1 or not isinstance(document, dict | list):
                return _written(_value(rng))
            if isinstance(document, dict):
                document[rng.choice(("extra", "format", "", "\u202e", "__class__"))] = _value(rng)
            continue
        holder = document
        for key in place[:-1]:
            holder = holder[key]
        key, kind = place[-1], rng.random()
        if kind < 0.12:
            del holder[key]
        elif kind < 0.2 and isinstance(holder, list):
            holder *= rng.choice((0, 2, 500)) if len(holder) < 100 else 0
        elif kind < 0.25 and isinstance(holder, dict):
            holder[rng.choice(("\0", "a\u202eb", "x" * 5000, "ALL"))] = holder.pop(key)
        elif kind < 0.35 and isinstance(holder[key], int | float):
            factor = rng.choice((-1, 10**6, 1e-6, 0))
            huge = isinstance(holder[key], int) and abs(holder[key]) > 2**53  # than a float holds
            holder[key] *= int(factor) if huge else factor
        else:
            holder[key] = _value(rng)
    return _written(document)


def _value(rng: random.Random) -> Json:
    return copy.deepcopy(rng.choice(VALUES))


def _written(document: Json) -> bytes:
    text = json.dumps(document)
    for mark, raw in RAW.items():
        text = text.replace(f'"{mark}"', raw)
    return text.encode()


@contextmanager
def _changed(file: Path, data: bytes) -> Iterator[None]:
    before = file.read_bytes()
    file.write_bytes(data)
    try:
        yield
    finally:
        file.write_bytes(before)


def trial(seed: int, name: str, kind: Kind, artifacts: Path) -> Trial:
    """The document of a seed, read and shown."""
    file = artifacts / kind.file
    rng = random.Random(f"{seed}-{name}")
    data = mutated(json.loads(file.read_text(encoding="utf-8")), rng)
    held, detail, started = True, "", time.process_time()
    with _changed(file, data):
        try:
            kind.show()
            outcome = "shown"
        except BlastLensError as error:
            outcome = type(error).__name__
            if len(str(error)) > 3000:
                outcome, held, detail = f"{outcome}, too long", False, str(error)[:200]
        except Exception as error:
            outcome, held = f"{type(error).__name__}, untyped", False
            detail = f"{where(error)}: {str(error)[:200]}"
    seconds = time.process_time() - started
    if seconds > MOST_SECONDS:
        outcome, held, detail = f"{outcome}, too slow", False, f"{seconds:.1f} s"
    return Trial(name, outcome, held, seed, detail, seconds)


def where(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


def campaign(seed: int, seconds: float) -> Iterator[Trial]:
    """Trials of the documents from `seed` on, a seed of each kind after another."""
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="blastlens-chaos-") as folder:
        artifacts = Path(folder) / "artifacts"
        before = os.environ.get("BLASTLENS_ARTIFACTS")
        os.environ["BLASTLENS_ARTIFACTS"] = str(artifacts)
        try:
            furnish(artifacts)
            while time.monotonic() < until:
                for name, kind in kinds().items():
                    yield trial(seed, name, kind, artifacts)
                seed += 1
        finally:
            os.environ.pop("BLASTLENS_ARTIFACTS")
            if before is not None:
                os.environ["BLASTLENS_ARTIFACTS"] = before
