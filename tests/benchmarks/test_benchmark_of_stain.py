"""The benchmark of stain: its gap, its other laboratory, and what it compares."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import stain
from benchmarks.measure import bars_of
from benchmarks.stain import ADAPT, Adapting, Bench
from core.data.images import decode
from core.data.synthetic.style import ELSEWHERE, HOME, subject_style
from core.data.synthetic.white_cell import draw_cell
from core.evaluation.staining import recolour
from core.reading.preparing.options import NO_OPTIONS
from core.reading.reader import Reader
from core.runs.run_store import Run


@pytest.mark.parametrize(
    ("adapted", "limit", "closed"), [(0.8, 0.9, 0.5), (0.7, 0.9, 0.0), (0.95, 0.9, 1.25)]
)
def test_the_gap_lies_between_cells_as_they_are_and_a_model_trained_there(
    adapted: float, limit: float, closed: float
) -> None:
    auc = {"as_they_are": 0.7, "adapted": adapted, "trained_there": limit}
    found = Adapting({}, auc, {}, {})
    assert found.closed == pytest.approx(closed)
    (bar,) = bars_of({"closed": stain.CLOSED(found.closed)})
    assert bar.holds is (closed >= 0.5)


def test_without_a_gap_the_bar_is_not_held() -> None:
    found = Adapting({}, {"as_they_are": 0.9, "adapted": 0.9, "trained_there": 0.9}, {}, {})
    assert math.isnan(found.closed) and not stain.CLOSED(found.closed).holds


def test_the_same_cell_is_drawn_in_another_laboratory() -> None:
    home, there = (
        draw_cell(subject="5", cell=2, label=1, laboratory=laboratory)
        for laboratory in (HOME, ELSEWHERE)
    )
    np.testing.assert_array_equal(home, draw_cell(subject="5", cell=2, label=1))
    np.testing.assert_array_equal(home.any(axis=2), there.any(axis=2))
    assert np.abs(home.astype(int) - there)[home.any(axis=2)].mean() > 10
    apart = [
        np.std([subject_style(str(n), 0, laboratory).light[0] for n in range(60)])
        for laboratory in (HOME, ELSEWHERE)
    ]
    assert apart[1] == pytest.approx(2.5 * apart[0])


def test_checks_are_those_of_a_reading(finished_run: Run, demo_root: Path) -> None:
    cell = decode(sorted(demo_root.rglob("*_all.bmp"))[0])
    other = recolour(cell, np.diag([1.0, 1.0, 0.5]), np.zeros(3))
    reader = Reader(finished_run)
    plain = [stain.check(reader, image, NO_OPTIONS) for image in (cell, other)]
    asked = [stain.check(reader, image, ADAPT) for image in (cell, other)]
    assert (stain.share(plain), stain.share(asked)) == (0.5, 1.0)
    found = stain.against_home(reader, [asked[1][0]], [cell])
    change = asked[1][0].output.logit[0] - plain[0][0].output.logit[0]
    assert found["against_home"] == pytest.approx(abs(float(change)), abs=1e-4)


def test_smears_are_skipped_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BLASTLENS_REAL_DATA", raising=False)
    assert "not on this machine" in str(stain.smears(Bench(tmp_path, 10, None, 1)))
