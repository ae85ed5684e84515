"""A trained model as a frozen backbone with the head that it has, which a few patients can teach.

A dozen patients are too few to learn features from: a network trained on them anew ranks cells of
further patients far worse than the one that reads already. So does a new head on its features,
while its own head, which learns on and is reminded of the cells that it has learned from, keeps
what it knew (`python -m benchmarks teach`).
"""

import shutil

import numpy as np

from core import storage
from core.data import datasets
from core.data.geometry import Geometry
from core.models import own_backbone
from core.models.catalog import ARCHITECTURES
from core.models.engine import Engine
from core.models.own_backbone import KnownHead, OwnBackbone
from core.ood import reference
from core.runs import about
from core.runs.run_store import Run
from core.settings import settings
from core.teaching import dataset

ZEROS, ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
ROUNDING = 1e-3  # of a logit
REMEMBERED = 1000  # cells: more would outweigh those of a dozen patients


def usable(run: Run | None) -> bool:
    """Whether decided cells can teach a head on a run's features.

    Its network must have learned them whole, from cells as they are, on a data set that is known
    not to be made of cases: else it may have seen the patients that test what is taught. A head
    that was taught on a frozen backbone passes that backbone on.
    """
    if run is None or run.config.sees_whole_images or run.config.stain_normalisation != "none":
        return False
    key = run.config.architecture
    if key in own_backbone.files():
        return True
    entry = ARCHITECTURES.get(key)
    if entry is None or entry.pretrained is not None:  # a model from elsewhere has no entry
        return False
    return run.geometry.window == Geometry.window and _made_of_no_cases(run)


def of_run(run: Run) -> str:
    """The architecture of a head on the features of a `usable` run, which begins as the run's own.

    Its graph, head and description are written into the weights folder unless they are there.
    """
    if run.config.architecture in own_backbone.files():
        return run.config.architecture
    assert run.engine_digest is not None, "a run that reads has an engine"
    name = f"{run.run_id}-{run.engine_digest[:8]}"
    key = own_backbone.PREFIX + name
    if key not in own_backbone.files():
        folder = settings().weights
        folder.mkdir(parents=True, exist_ok=True)
        for file in (run.engine_file.with_suffix(".bin"), run.engine_file):
            with storage.atomic(folder / f"{name}{file.suffix}") as temporary:
                shutil.copyfile(file, temporary)
        if (head := head_of(run)) is not None:
            head.write(folder / f"{name}.npz")
        OwnBackbone(
            size=run.geometry.size,
            mean=ZEROS,
            scale=ONES,
            licence="that of this run",
            source=f"{own_backbone.OF_RUN} {run.run_id}, trained on {run.config.dataset}",
            title=about.called(run),
            output="features",
        ).write(folder / f"{name}.json")
    return key


def head_of(run: Run) -> KnownHead | None:
    """A run's head, and some of its training cells, as many of one subject as chance has it.

    None if it is not linear in the features, averaged over their places, or the run kept no cells.
    """
    engine, size = Engine(run.engine_file), run.geometry.size
    shape = engine(np.zeros((1, size, size, 3), np.uint8)).features.shape[1:]
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((2, *shape)).astype(np.float32)
    read = engine.head(maps)
    weights = read.gradient[0].sum(axis=(0, 1))
    bias, other = read.logit - maps.mean(axis=(1, 2)) @ weights
    kept = reference.load(run)
    if kept is None or abs(bias - other) > ROUNDING * max(1.0, abs(bias)):
        return None
    rows = rng.permutation(len(kept.cells))[:REMEMBERED]
    return KnownHead(
        np.append(weights, bias),
        kept.features[rows] + kept.centre,
        kept.cells["label"].to_numpy(np.int64)[rows],
    )


def _made_of_no_cases(run: Run) -> bool:
    if run.config.dataset == datasets.DEMO:
        return True
    root = datasets.resolve(run.config.dataset)
    return root.is_dir() and dataset.about(root) is None
