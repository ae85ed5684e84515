"""The cells that look most like a given one, by measured appearance."""

import numpy as np
import pandas as pd

from core.errors import DataError

# Correlated columns share their vote: size once, colour by four figures, and so on.
WEIGHTS = {
    "diameter_px": 1.0,
    "roundness": 0.5,
    "elongation": 0.5,
    "solidity": 0.5,
    "nucleus_share": 0.5,
    "red": 0.5,
    "green": 0.5,
    "blue": 0.5,
    "saturation": 0.5,
    "density": 1.0,
    "texture": 1.0,
}
LIMIT = 5.0  # robust standard deviations: one wild figure does not outvote the rest


def nearest(table: pd.DataFrame, image_id: str, count: int) -> pd.DataFrame:
    """Returns the `count` cells most similar to `image_id`, nearest first, with their `distance`.

    Similarity compares measured appearance (size, shape, colour and chromatin), not what a model
    sees, and says nothing about the diagnosis.

    `table`: one row a cell with `image_id` and any of the columns in `WEIGHTS`, which are
    `Morphology`'s fields; other columns are carried along. The cell itself is left out; fewer than
    `count` rows come back if there are no more. Each column is centred on its median and divided
    by its interquartile range (as a normal SD, IQR / 1.349), cut at ±`LIMIT`. `distance` is the
    weighted root mean square difference over the columns that both cells have, in those SDs;
    cells that share no column come last, with NaN. Raises `DataError` if the table lacks the id
    or all of those columns, ValueError if `count` is negative.
    """
    if count < 0:
        raise ValueError(f"count is {count}; it must be 0 or more.")
    columns = [name for name in WEIGHTS if name in table.columns]
    if not columns:
        raise DataError(f"The table has none of the columns {', '.join(WEIGHTS)}.")
    is_it = (table["image_id"] == image_id).to_numpy()
    if not is_it.any():
        raise DataError(f"{image_id} is not in the table of {len(table)} cells.")
    values = table[columns].astype(float).to_numpy()
    weights = np.array([WEIGHTS[name] for name in columns])
    distance = _distances(_standardised(values), weights, int(is_it.argmax()))
    order = np.argsort(distance, kind="stable")  # NaN last
    chosen = order[~is_it[order]][:count]
    return table.iloc[chosen].assign(distance=distance[chosen])


def features(table: pd.DataFrame) -> np.ndarray:
    """Features (N, K) of cells, whose Euclidean distance is the `distance` of `nearest`.

    Of the columns in `WEIGHTS`, those that vary and are known of each cell that could be measured;
    rows of NaN for cells that could not. Raises `DataError` if the table lacks all columns.
    """
    columns = [name for name in WEIGHTS if name in table.columns]
    if not columns:
        raise DataError(f"The table has none of the columns {', '.join(WEIGHTS)}.")
    scores = _standardised(table[columns].astype(float).to_numpy())
    weights = np.array([WEIGHTS[name] for name in columns])
    measured = np.isfinite(table[columns].to_numpy(float)).any(axis=1)
    known = np.isfinite(scores[measured]).all(axis=0)
    weighted: np.ndarray = scores[:, known] * np.sqrt(weights[known] / weights[known].sum())
    return weighted


def _standardised(values: np.ndarray) -> np.ndarray:
    scores = np.full_like(values, np.nan)
    for column in range(values.shape[1]):
        known = np.isfinite(values[:, column])
        if known.any():
            low, middle, high = np.percentile(values[known, column], (25, 50, 75))
            spread = (high - low) / 1.349
            if spread > 0:  # a column that hardly varies says nothing
                scores[known, column] = (values[known, column] - middle) / spread
    clipped: np.ndarray = np.clip(scores, -LIMIT, LIMIT)
    return clipped


def _distances(scores: np.ndarray, weights: np.ndarray, row: int) -> np.ndarray:
    squares = (scores - scores[row]) ** 2
    known = np.isfinite(squares)
    total = np.where(known, squares, 0) @ weights
    share = known @ weights
    distances: np.ndarray = np.sqrt(
        np.divide(total, share, out=np.full(len(share), np.nan), where=share > 0)
    )
    return distances
