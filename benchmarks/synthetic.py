"""The synthetic cells beside real ones: how near their statistics are, and what they teach.

The statistics are those that a small network can see: size, outline, colour, rim, grain; their
means may lie 0.75 real deviations from the real ones. The teaching is measured by training on
synthetic cells alone: the model must tell real blasts from real lymphocytes, and a split by image
must flatter it, as it does on real data. For this a set has few subjects of many cells; a network
hardly comes to recognise the many of the demo set.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.measure import Figures, Options, at_least, at_most, say
from benchmarks.workbench import (
    artifacts,
    measured,
    on_all_cores,
    require_real_data,
    temporary_folder,
    train,
)
from core.data import indexing
from core.data.images import decode
from core.data.synthetic.dataset import write_dataset
from core.data.synthetic.white_cell import draw_cell
from core.evaluation.evaluate import evaluate_on

SAMPLE = "cnmc_sample"
ARCHITECTURES = ("cnn-16", "cnn-dropout")
ROUNDS, CELLS, SUBJECTS = 3, 400, 20  # subjects of each class
TAUGHT = 1000  # cells that are trained on, of as many subjects
BANDS = (1, 2, 4, 8, 16)  # pixels; a band of texture lies between two of them
FAR = at_most("median distance of the means, in real SD", 0.75)
REAL_AUC = at_least("{}: ROC AUC on real cells", 0.75)
LEAKING_GAIN = at_least("{}: accuracy gained by leaking", 0.05)


def measure(options: Options) -> Figures:
    """The calibration table, then trainings on `options.rounds` sets of different seeds.

    Raises `ConfigError` where the environment does not say where the real cells are.
    """
    real = require_real_data(SAMPLE) / SAMPLE
    table = calibration(real)
    apart = float(table["apart"].abs().median())
    return {
        "calibration": table.to_dict("index"),
        "median_apart": FAR(apart),
        **training(real, options.rounds or ROUNDS),
    }


def calibration(real: Path) -> pd.DataFrame:
    """By statistic: means by class and deviations of both, and how far apart they lie.

    `apart` is the difference of the class-balanced means in real deviations, `spread` the
    synthetic total deviation over the real one.
    """
    theirs, ours = components(_measure_real(real)), components(_measure_synthetic())
    deviation = np.hypot(theirs["between"], theirs["within"])
    return pd.DataFrame(
        {
            "real": theirs.to_dict("index"),
            "synthetic": ours.to_dict("index"),
            "apart": (ours[["all", "hem"]] - theirs[["all", "hem"]]).mean(axis=1) / deviation,
            "spread": np.hypot(ours["between"], ours["within"]) / deviation,
        }
    ).loc[theirs.index]


def components(cells: pd.DataFrame) -> pd.DataFrame:
    """Means by class, and deviations between and within groups of one class, of each statistic.

    `cells` has label, group and the statistics. The deviations are the moment estimates of an
    unbalanced one-way analysis of variance; a negative variance is 0.
    """
    statistics = cells.drop(columns=["label", "group"])
    means = statistics.groupby(cells["label"]).mean()
    rest = statistics - means.loc[cells["label"]].to_numpy()
    sizes = rest.groupby(cells["group"]).size()
    inside = rest - rest.groupby(cells["group"]).transform("mean")
    within = (inside**2).sum() / (len(cells) - len(sizes))
    centres = rest.groupby(cells["group"]).mean()
    squares = (centres**2).mul(sizes, axis=0).sum() / (len(sizes) - 2)
    usual = (len(cells) - (sizes**2).sum() / len(cells)) / (len(sizes) - 1)
    between = ((squares - within) / usual).clip(lower=0)
    return pd.DataFrame(
        {"all": means.loc[1], "hem": means.loc[0], "between": between**0.5, "within": within**0.5}
    )


def describe(image: np.ndarray) -> dict[str, float]:
    """The statistics of one cell on black, RGB uint8 (H, W, 3); lengths in pixels."""
    inside = np.asarray(image.any(axis=2))
    area = int(inside.sum())
    outline = max(
        cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0],
        key=cv2.contourArea,
    )
    hull = cv2.contourArea(cv2.convexHull(outline))
    _, axes, _ = cv2.fitEllipse(outline)
    result = {
        "log area": float(np.log(area)),
        "solidity": cv2.contourArea(outline) / hull,
        "log elongation": float(np.log(max(axes) / min(axes))),
        **_roughness(outline[:, 0].astype(float)),
    }
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    deep = depth > 14
    for channel, name in enumerate(("red", "green", "blue")):
        values = image[..., channel]
        result[f"{name} mean"] = float(values[depth > 6].mean())
        result[f"{name} rim"] = float(values[(depth > 2.5) & (depth <= 5)].mean())
        result[f"{name} core"] = float(values[depth > 40].mean())
        blurred = [values.astype(np.float32), *(_blur(values, inside, band) for band in BANDS)]
        for finer, coarser, band in zip(blurred, blurred[1:], BANDS, strict=False):
            spread = (finer - coarser)[deep].std()
            result[f"{name} texture under {band}"] = float(np.log(spread))
    return result


def _roughness(points: np.ndarray) -> dict[str, float]:
    """Log amplitude of the outline's waves, relative to its mean radius, by waves a turn."""
    offset = points - points.mean(axis=0)
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    order = np.argsort(angle)
    even = np.linspace(-np.pi, np.pi, 512, endpoint=False)
    radius = np.interp(even, angle[order], np.hypot(*offset.T)[order], period=2 * np.pi)
    power = 2 * np.abs(np.fft.rfft(radius / radius.mean()) / len(even)) ** 2
    return {
        f"outline {low} to {high}": float(np.log(power[low : high + 1].sum()) / 2)
        for low, high in ((2, 2), (3, 5), (6, 14), (15, 40), (41, 120))
    }


def _blur(values: np.ndarray, inside: np.ndarray, sigma: float) -> np.ndarray:
    """Blurred over the cell alone, so that the black around it does not bleed in."""
    mask = inside.astype(np.float32)
    weight = np.maximum(cv2.GaussianBlur(mask, (0, 0), sigma), 1e-3)
    smooth: np.ndarray = cv2.GaussianBlur(values * mask, (0, 0), sigma) / weight
    return smooth


def training(real: Path, rounds: int) -> Figures:
    """Trains each architecture on `rounds` synthetic sets, split by subject and by image."""
    rows = []
    with temporary_folder() as folder, artifacts():
        for seed in range(rounds):
            root = folder / f"seed-{seed}"
            dataset = write_dataset(root, cells=TAUGHT, subjects=2 * SUBJECTS, seed=seed)
            for architecture in ARCHITECTURES:
                for split in ("subject", "image"):
                    run = train(architecture, dataset, split=split, seed=seed)
                    test, read = measured(run).test, evaluate_on(run, str(real)).metrics
                    rows.append(
                        {
                            "seed": seed,
                            "architecture": architecture,
                            "split": split,
                            "test_accuracy": test.metric("accuracy"),
                            "test_auc": test.metric("roc_auc"),
                            "real_auc": read.metric("roc_auc"),
                        }
                    )
                    say(str(rows[-1]))
    means = pd.DataFrame(rows).pivot_table(
        ["real_auc", "test_accuracy"], index="architecture", columns="split"
    )
    gain = means["test_accuracy"]["image"] - means["test_accuracy"]["subject"]
    return {
        "runs": {str(number): row for number, row in enumerate(rows)},
        "means": {
            key: {
                "real_auc": REAL_AUC(means["real_auc"]["subject"][key], key),
                "gained_by_leaking": LEAKING_GAIN(gain[key], key),
            }
            for key in means.index
        },
    }


def _measure_real(root: Path) -> pd.DataFrame:
    index = indexing.index(root)
    copies = set(index.pairs["image_b"])  # a cell that stands there twice counts once
    cells = index.cells[~index.cells["image_id"].isin(copies)]
    return _table(
        (partial(decode, root / image_id), label, group)
        for image_id, label, group in cells[["image_id", "label", "group"]].itertuples(index=False)
    )


def _measure_synthetic() -> pd.DataFrame:
    return _table(
        (partial(draw_cell, subject=subject, cell=cell, label=label), label, subject)
        for label, prefix in ((1, ""), (0, "H"))
        for subject in (f"{prefix}{number}" for number in range(1, SUBJECTS + 1))
        for cell in range(CELLS // (2 * SUBJECTS))
    )


def _table(cells: Iterable[tuple[Callable[[], np.ndarray], int, str]]) -> pd.DataFrame:
    """The statistics of cells that are given as (how to get it, label, group)."""

    def row(cell: tuple[Callable[[], np.ndarray], int, str]) -> dict[str, object]:
        image, label, group = cell
        return {"label": label, "group": group, **describe(image())}

    return pd.DataFrame(on_all_cores(row, cells))
