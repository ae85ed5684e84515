"""The synthetic cells against real ones: how near their statistics are, and what they teach.

The statistics are those a small network can see: size, outline, colour, rim, grain. What they
teach is measured by training on synthetic cells alone: whether that tells real blasts from real
lymphocytes, and whether a split by image flatters a classifier as it does on real data.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from benchmarks.measure import Bar, Measured, at_least, at_most
from core.data import indexing
from core.data.images import decode
from core.data.synthetic.dataset import write_dataset
from core.data.synthetic.white_cell import draw_cell
from core.errors import BlastLensError, ConfigError

REAL_DATA = "BLASTLENS_REAL_DATA"
SAMPLE = "cnmc_sample"
ARCHITECTURES = ("cnn-16", "cnn-dropout")
ROUNDS = 3
CELLS = 400
REAL_AUC, IMAGE_SPLIT_GAIN, FAR, DRAWING_SECONDS = 0.75, 0.05, 0.75, 30.0
BANDS = (1, 2, 4, 8, 16)  # pixels; a band of texture lies between two of them


def run(options: argparse.Namespace) -> Measured:
    """The calibration table, then trainings on `options.rounds` sets of different seeds.

    Raises `ConfigError` where the environment does not say where the real cells are.
    """
    real = _real_cells()
    rounds = options.rounds or ROUNDS
    table, bars = calibration(real)
    figures: dict[str, Any] = {"calibration": table}
    with tempfile.TemporaryDirectory(prefix="blastlens-synthetic-") as folder:
        learnt, more = training(Path(folder), real, rounds)
    return figures | learnt, bars + more


def calibration(real: Path) -> Measured:
    """By statistic: means by class and deviations of both, and how far apart they lie.

    `apart` is the difference of the class-balanced means in real deviations, `spread` the
    synthetic total deviation over the real one.
    """
    theirs, ours = components(_measure_real(real)), components(_measure_synthetic())
    deviation = np.hypot(theirs["between"], theirs["within"])
    both = pd.concat({"real": theirs.round(3), "synthetic": ours.round(3)}, axis=1)
    apart = ((ours[["all", "hem"]] - theirs[["all", "hem"]]).mean(axis=1) / deviation).round(2)
    spread = (np.hypot(ours["between"], ours["within"]) / deviation).round(2)
    table = {
        name: {
            "real": both.loc[name, "real"].to_dict(),
            "synthetic": both.loc[name, "synthetic"].to_dict(),
            "apart": apart[name],
            "spread": spread[name],
        }
        for name in theirs.index
    }
    middle = float(apart.abs().median())
    return table, [at_most("median distance of the means, in real SD", middle, FAR)]


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


def training(folder: Path, real: Path, rounds: int) -> Measured:
    """Trains each architecture on `rounds` synthetic sets, split by subject and by image."""
    rows = []
    for seed in range(rounds):
        dataset = write_dataset(folder / f"seed-{seed}", seed=seed)
        for architecture in ARCHITECTURES:
            for split in ("subject", "image"):
                trained = _command(
                    folder, "train", str(dataset), "--architecture", architecture,
                    "--split", split, "--seed", str(seed),
                )  # fmt: skip
                read = _command(folder, "evaluate", trained["run"], "--dataset", str(real))
                rows.append(
                    {
                        "seed": seed,
                        "architecture": architecture,
                        "split": split,
                        "test_accuracy": trained["metrics"]["parts"]["test"]["accuracy"],
                        "test_auc": trained["metrics"]["parts"]["test"]["roc_auc"],
                        "real_auc": read["metrics"]["roc_auc"],
                    }
                )
                print(rows[-1], file=sys.stderr)
    table = pd.DataFrame(rows)
    bars: list[Bar] = []
    for architecture, runs in table.groupby("architecture"):
        by_split = {split: part for split, part in runs.groupby("split")}
        auc = by_split["subject"]["real_auc"].mean()
        gain = (
            by_split["image"]["test_accuracy"].mean() - by_split["subject"]["test_accuracy"].mean()
        )
        bars.append(at_least(f"{architecture}: ROC AUC on real cells", auc, REAL_AUC))
        bars.append(at_least(f"{architecture}: accuracy gained by leaking", gain, IMAGE_SPLIT_GAIN))
    return {"runs": {str(number): row for number, row in enumerate(rows)}}, bars


def _command(artifacts: Path, *arguments: str) -> Any:
    """One verb of the command line, with its runs and caches kept in `artifacts`."""
    done = subprocess.run(
        [sys.executable, "-m", "core", *arguments, "--json"],
        env=os.environ | {"BLASTLENS_ARTIFACTS": str(artifacts / "artifacts")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BlastLensError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)


def _measure_real(root: Path) -> pd.DataFrame:
    index = indexing.index(root)
    copies = set(index.pairs["image_b"])  # a cell that stands there twice counts once
    cells = index.cells[~index.cells["image_id"].isin(copies)]
    return _table(
        (partial(decode, root / image_id), label, group)
        for image_id, label, group in zip(
            cells["image_id"], cells["label"], cells["group"], strict=True
        )
    )


def _measure_synthetic(subjects: int = 20) -> pd.DataFrame:
    plans = [
        (label, f"{'' if label else 'H'}{number}", cell)
        for label in (1, 0)
        for number in range(1, subjects + 1)
        for cell in range(CELLS // (2 * subjects))
    ]
    return _table(
        (partial(draw_cell, subject=subject, cell=cell, label=label), label, subject)
        for label, subject, cell in plans
    )


def _table(cells: Iterable[tuple[Callable[[], np.ndarray], int, str]]) -> pd.DataFrame:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return pd.DataFrame(
            pool.map(lambda c: {"label": c[1], "group": c[2], **describe(c[0]())}, cells)
        )


def _real_cells() -> Path:
    folder = os.environ.get(REAL_DATA)
    if not folder or not (Path(folder) / SAMPLE).is_dir():
        raise ConfigError(
            f"The real cells are missing: set {REAL_DATA} to a folder that holds {SAMPLE}, "
            "C-NMC 2019 cells in their official layout."
        )
    return Path(folder) / SAMPLE
