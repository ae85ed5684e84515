"""How a cell looks beside the training cells: distance, limit, and what it leaves open."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from core.cells.morphology import Morphology
from core.ood import appearance


def measures(number: int, seed: int = 0, **shift: float) -> pd.DataFrame:
    """Cells of one stain; `shift` multiplies a column."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "texture": 0.02 * np.exp(rng.normal(0, 0.2, number)),
            "red": 70 * np.exp(rng.normal(0, 0.1, number)),
            "green": 30 * np.exp(rng.normal(0, 0.1, number)),
            "blue": 80 * np.exp(rng.normal(0, 0.1, number)),
            "density": rng.normal(1, 0.1, number),
            "brightness": 80 * np.exp(rng.normal(0, 0.1, number)),
        }
    )
    for name, factor in shift.items():
        table[name] *= factor
    return table


def test_the_distance_is_mahalanobis_by_hand() -> None:
    fitted = appearance.Appearance(np.zeros(5), np.diag([1.0, 4.0, 1, 1, 1]))
    assert fitted.distance(np.array([[3.0, 2, 0, 0, 0]])) == pytest.approx([5.0])
    assert fitted.distance(np.zeros((1, 5))) == [0]


def test_one_cell_gives_the_figures_that_a_table_of_it_gives() -> None:
    row = measures(1).iloc[0]
    blank = {field.name: 1.0 for field in fields(Morphology)}
    cell = Morphology(**(blank | row.to_dict()))  # type: ignore[arg-type]
    found = appearance.figures_of_cell(cell)
    assert found == pytest.approx(appearance.figures_of(measures(1)))
    assert found[0, 0] == pytest.approx(np.log(row["texture"]))
    assert found[0, 2] == pytest.approx(np.log(row["green"] / row["blue"]))


def test_cells_of_the_same_stain_pass_and_those_of_another_do_not() -> None:
    training = measures(400)
    groups = np.array([f"g{n % 20}" for n in range(400)], object)
    limit = appearance.find_limit(training, groups)
    fitted = appearance.fit(appearance.figures_of(training))
    assert limit is not None and fitted is not None
    same = fitted.distance(appearance.figures_of(measures(400, seed=1)))
    assert (same <= limit).mean() >= 0.97
    for other in ({"texture": 5.0}, {"green": 3.0}, {"brightness": 3.0}, {"red": 3.0}):
        strange = fitted.distance(appearance.figures_of(measures(50, seed=2, **other)))
        assert (strange > limit).mean() > 0.95, other


def test_a_group_is_measured_beside_the_others_never_itself() -> None:
    """One group of another stain is far from the others, and so the limit lets it in."""
    table = pd.concat([measures(200), measures(40, seed=1, green=2.0)], ignore_index=True)
    groups = np.array([f"g{n // 40}" for n in range(240)], object)
    alike = appearance.find_limit(table[:200], groups[:200])
    mixed = appearance.find_limit(table, groups)
    assert alike is not None and mixed is not None and mixed > 1.5 * alike


def test_few_groups_or_cells_give_no_limit_and_fewer_groups_a_wider_one() -> None:
    assert appearance.find_limit(measures(50), np.array(["a", "b"] * 25, object)) is None
    assert appearance.fit(appearance.figures_of(measures(9))) is None
    missing = measures(50).assign(texture=np.nan)
    assert appearance.find_limit(missing, np.array([f"{n}" for n in range(50)], object)) is None
    distances = np.exp(np.random.default_rng(0).normal(0, 0.3, 60))
    few, many = (appearance.prediction_limit(distances, groups) for groups in (3, 60))
    assert few is not None and many is not None and few > many >= np.quantile(distances, 0.99)
