"""The reference of a model, `reference.npz`: its training cells, for comparison with readings.

It has the features and measures of the training cells, and the usual distance of cells of other
subjects from them. The end of a training writes it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core import storage
from core.cells.detection.red_cells import RED_CELL_UM
from core.cells.scale import UM_PER_PX
from core.compat import cached_property
from core.data.measures import MEASURES
from core.errors import ModelError
from core.ood import appearance
from core.ood.appearance import MIN_GROUPS, Appearance
from core.runs.run_store import Run
from core.untrusted.arrays import load as load_arrays

FILE = "reference.npz"
CNMC_RED_CELL = RED_CELL_UM / UM_PER_PX  # pixels across, at the scale of C-NMC's images
NEIGHBOURS = 5  # the distance of a cell is that to its fifth nearest training cell
ENOUGH = 100  # validation cells, to estimate a 99th percentile
# Quantiles of the measures of training cells, and margins: outlines by two microscopists differ by
# 15 % in diameter, and JPEG compression changes focus by 5 %.
ENDS = (0.005, 0.995)
DIAMETER_MARGIN, FOCUS_MARGIN = 0.15, 0.05
_BLOCK = 1024


@dataclass(frozen=True)
class Reference:
    """The N training cells of a model.

    cells: image_id, subject, group, label and sha256 of each. features: float32 (N, C), pooled
    over the feature map, scaled to length 1, minus their mean, the centre (C,), so that the numbers
    are small and thus precise. measures: float32 (N, M), fields of `Morphology`, NaN if not
    measured. limit: the largest distance that a cell may have, or None with the `reason`.
    appearance and appearance_limit: the same for the measured appearance, None if there are too few
    cells. diameter: (least, most) of training cells with a margin, in pixels of a C-NMC frame;
    focus: the least with a margin; both None if not measured. red_cell: the diameter of a red cell
    in those pixels, None if unknown.
    """

    cells: pd.DataFrame
    features: np.ndarray
    centre: np.ndarray
    measures: pd.DataFrame
    limit: float | None
    reason: str
    appearance: Appearance | None
    appearance_limit: float | None
    diameter: tuple[float, float] | None
    focus: float | None
    red_cell: float | None

    @property
    def typical_diameter(self) -> float:
        """The median of the training cells, in pixels; NaN if none was measured."""
        return float(self.measures["diameter_px"].median())

    def distances(self, pooled: np.ndarray) -> np.ndarray:
        """Distances (N,) of features (C,) from each training cell, 0 (same direction) to 2.

        The distance is the length of the difference of unit vectors, sqrt(2 - 2 cosine). Features
        (K, C) of several cells give (K, N).
        """
        if pooled.shape[-1:] != self.features.shape[1:]:
            raise ModelError(
                f"The engine gives {pooled.shape} features, {FILE} holds "
                f"{self.features.shape[1:]}: they are of different runs. Train the run again."
            )
        given = unit(np.atleast_2d(pooled)) - self.centre
        return _pairwise(given, self.features, self._squares).reshape(*pooled.shape[:-1], -1)

    @cached_property
    def records(self) -> list[tuple[str, int, str | None, str | None]]:
        """image_id, label, subject and group of each cell, as fast to look up as a list."""
        columns = self.cells[["image_id", "label", "subject", "group"]]
        return [
            (str(image_id), int(label), _text(subject), _text(group))
            for image_id, label, subject, group in columns.itertuples(index=False, name=None)
        ]

    def in_order(self, measure: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sorted measures of all training cells, of ALL and of HEM."""
        ordered: tuple[np.ndarray, np.ndarray, np.ndarray] = self._in_order[measure]
        return ordered

    @cached_property
    def _in_order(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        labels = self.cells["label"].to_numpy()
        ordered = {}
        for name in self.measures:
            values = self.measures[name].to_numpy()
            measured = np.isfinite(values)
            of_all, of_hem = (np.sort(values[measured & (labels == label)]) for label in (1, 0))
            ordered[str(name)] = (np.sort(values[measured]), of_all, of_hem)
        return ordered

    @cached_property
    def _squares(self) -> np.ndarray:
        return _lengths_squared(self.features)

    def distance(self, distances: np.ndarray) -> float:
        """Distance of a cell to its fifth nearest training cell, 0 to 2, from its `distances`."""
        nth = min(NEIGHBOURS, len(distances)) - 1
        return float(np.partition(distances, nth)[nth])


def unit(features: np.ndarray) -> np.ndarray:
    """Scales features (N, C) to length 1, float32; zero rows stay zero."""
    features = features.astype(np.float32)
    directions: np.ndarray = features / np.maximum(
        np.linalg.norm(features, axis=1, keepdims=True), 1e-12
    )
    return directions


def write(run: Run, parts: pd.DataFrame, pooled: np.ndarray, red_cell: float | None) -> None:
    """Writes `reference.npz` of a run.

    `parts` has the cells with their split, and of the training cells the measures; `pooled` (N, C)
    has the features of each, averaged over the feature map. The training cells are in the order of
    split.parquet.
    """
    with storage.atomic(run.path / FILE) as temporary:
        np.savez(temporary, **build(parts, pooled, red_cell))  # type: ignore[arg-type]


def build(parts: pd.DataFrame, pooled: np.ndarray, red_cell: float | None) -> dict[str, np.ndarray]:
    """Builds the arrays of `reference.npz`; see `write`."""
    training, validation = ((parts["split"] == part).to_numpy() for part in ("train", "validation"))
    features = unit(pooled)
    centre = features[training].mean(axis=0)
    features -= centre
    # Unknown subjects count as one, because they may be. Where none is known, pictures are dealt
    # into groups by digest: limits rather too strict for a new patient, but noise is refused.
    known = parts["group"].notna().any()
    groups = (parts["group"].fillna("unknown") if known else parts["sha256"].str[:2]).to_numpy()
    limit, reason = find_limit(
        features[training], groups[training], features[validation], groups[validation]
    )
    measures = parts.loc[training, MEASURES].astype(np.float32)
    looks = appearance.find_limit(measures, groups[training])
    return {
        "features": features[training].astype(np.float16),
        "centre": centre,
        "measures": measures.to_numpy(),
        "measure_names": np.array(MEASURES),
        "limit": _array(limit),
        "reason": np.array(reason),
        "appearance_limit": _array(looks),
        "red_cell": _array(red_cell),
    }


def find_limit(
    training: np.ndarray, groups: np.ndarray, validation: np.ndarray, held_out: np.ndarray
) -> tuple[float | None, str]:
    """Returns how far a cell of another subject may lie from the training cells, and the reason.

    Takes features (N, C) and groups (N,) of the training and the validation part. No cell is
    compared with cells of its own group. If the validation part is small, training cells are used
    too. The distance is that of Sun et al. (2022).
    """
    distances, cell_groups = _distances(validation, held_out, training, groups), held_out
    cells = f"{len(distances)} validation cells"
    if len(distances) < ENOUGH:
        distances = np.concatenate([distances, _distances(training, groups, training, groups)])
        cell_groups = np.concatenate([cell_groups, groups])
        cells += f" and {len(distances) - len(validation)} reference cells"
    usable = np.isfinite(distances) & (distances > 0)
    distances, number = distances[usable], len(np.unique(cell_groups[usable].astype(str)))
    if number < MIN_GROUPS:
        return None, (
            f"Its cells are of {number} known groups of subjects, and {MIN_GROUPS} are needed to "
            "say how far one of another subject may lie from them."
        )
    limit = appearance.prediction_limit(distances, number)
    return limit, f"{cells} of {number} groups, each against the reference cells of other groups"


def _distances(
    cells: np.ndarray, own_groups: np.ndarray, training: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Each cell's distance to its fifth nearest training cell of another group; inf if none."""
    distances = np.full(len(cells), np.inf, np.float32)
    nth = min(NEIGHBOURS, len(training))
    for start in range(0, len(cells) if nth else 0, _BLOCK):
        block = slice(start, start + _BLOCK)
        apart = _pairwise(cells[block], training)
        apart[own_groups[block][:, None] == groups[None]] = np.inf
        distances[block] = np.partition(apart, nth - 1, axis=1)[:, nth - 1]
    return distances


def _pairwise(
    first: np.ndarray, second: np.ndarray, second_squared: np.ndarray | None = None
) -> np.ndarray:
    """Distances of features (N, C) to features (M, C): (N, M)."""
    squares = _lengths_squared(first)[:, None] - 2 * (first @ second.T)
    squares += _lengths_squared(second) if second_squared is None else second_squared
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def _lengths_squared(features: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ij,ij->i", features, features))


def load(run: Run) -> Reference | None:
    """Loads the reference of a run; None if it has none.

    Raises `ModelError` if the file is damaged or belongs to another run.
    """
    file = run.path / FILE
    if not file.exists():
        return None
    try:
        arrays = load_arrays(file)
        split = pd.read_parquet(run.path / "split.parquet").query("split == 'train'")
        return from_arrays(arrays, split.reset_index(drop=True))
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{file} is damaged or of another run ({error}). Train the run again."
        ) from None


def from_arrays(arrays: dict[str, np.ndarray], cells: pd.DataFrame) -> Reference:
    """Builds a reference from the arrays of `reference.npz` and their cells, in the same order.

    Raises `ValueError` or `KeyError` if they do not match.
    """
    names = [str(name) for name in arrays["measure_names"]]
    shapes = (len(arrays["features"]), arrays["measures"].shape)
    if shapes != (len(cells), (len(cells), len(names))) or arrays["features"].ndim != 2:
        raise ValueError(f"it holds {shapes[0]} cells, split.parquet {len(cells)} of training")
    return assemble(
        cells,
        arrays["features"].astype(np.float32),
        arrays["centre"],
        pd.DataFrame(arrays["measures"], columns=names),
        limit=_number(arrays["limit"]),
        reason=str(arrays["reason"]),
        appearance_limit=_number(arrays["appearance_limit"]),
        red_cell=_number(arrays["red_cell"]),
    )


def assemble(
    cells: pd.DataFrame,
    features: np.ndarray,
    centre: np.ndarray,
    measures: pd.DataFrame,
    *,
    limit: float | None,
    reason: str,
    appearance_limit: float | None,
    red_cell: float | None,
) -> Reference:
    """Builds a reference and the ranges of its measures."""
    diameter = _ends(measures["diameter_px"])
    focus = _ends(measures["focus"])
    return Reference(
        cells=cells,
        features=features,
        centre=centre,
        measures=measures,
        limit=limit,
        reason=reason,
        appearance=appearance.fit(appearance.figures_of(measures)),
        appearance_limit=appearance_limit,
        diameter=diameter
        and (diameter[0] / (1 + DIAMETER_MARGIN), diameter[1] * (1 + DIAMETER_MARGIN)),
        focus=focus and focus[0] * (1 - FOCUS_MARGIN),
        red_cell=red_cell,
    )


def _ends(values: pd.Series) -> tuple[float, float] | None:
    known = values.dropna()
    if known.empty:
        return None
    low, high = known.quantile(ENDS)
    return float(low), float(high)


def _array(value: float | None) -> np.ndarray:
    return np.array(np.nan if value is None else value)


def _number(value: np.ndarray) -> float | None:
    return None if np.isnan(value) else float(value)


def _text(value: object) -> str | None:
    return None if pd.isna(value) else str(value)
