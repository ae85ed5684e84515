"""Cells in groups of subjects, as splits deal with them."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from core.data.indexing import Index
from core.data.splits import (
    PARTS,
)
from tests.factories.trees import index_of


def table_of_groups(groups: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Cells of groups given as (number of HEM, number of ALL)."""
    rows = [
        (f"{group}-{n}", group, int(n >= hem), n % 3)
        for group, (hem, blasts) in groups.items()
        for n in range(hem + blasts)
    ]
    return pd.DataFrame(rows, columns=["image_id", "group", "label", "fold"])


SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def any_groups(draw: st.DrawFn, *, of_other_class: int = 0) -> dict[str, tuple[int, int]]:
    """Three to seven groups that are mostly HEM and as many that are mostly ALL."""
    sizes = st.sampled_from([1, 2, 5, 20, 100])
    others = st.integers(0, of_other_class)
    hem = draw(st.lists(st.tuples(sizes, others), min_size=3, max_size=7))
    blasts = draw(st.lists(st.tuples(others, sizes), min_size=3, max_size=7))
    return {f"g{number}": counts for number, counts in enumerate([*hem, *blasts])}


def check_disjoint_and_complete(parts: pd.DataFrame) -> None:
    assert (parts.groupby("group")["split"].nunique() == 1).all()
    for part in PARTS:
        assert set(parts.loc[parts["split"] == part, "label"]) == {0, 1}


def three_phases(seed: int = 0) -> Index:
    """Ten training subjects, six preliminary and one final one; some cells are unlabelled."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(17):
        phase = "training" if number < 10 else "preliminary" if number < 16 else "final"
        label = number % 2 if phase != "final" else None
        subject = f"{'' if label else 'H'}{number}" if label is not None else None
        part = PARTS[number // 2 % 3]
        rows += [(phase, subject, label, number % 3, part)] * int(rng.integers(3, 9))
    rows += [("preliminary", None, None, None, None)] * 4
    return index_of(pd.DataFrame(rows, columns=["phase", "subject", "label", "fold", "part"]))
