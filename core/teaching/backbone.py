"""The features of a trained model as a frozen backbone, on which a few patients can teach a head.

A dozen patients are too few to learn features from: a network trained on them anew can rank cells
of further patients far worse than the one that reads already (`python -m benchmarks teach`).
"""

import shutil

from core import storage
from core.data import datasets
from core.data.geometry import Geometry
from core.models import own_backbone
from core.models.catalog import ARCHITECTURES
from core.models.own_backbone import OwnBackbone
from core.runs import about
from core.runs.run_store import Run
from core.settings import settings
from core.teaching import dataset

ZEROS, ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


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
    """The architecture of a head on the features of a `usable` run.

    Its graph and description are written into the weights folder unless they are there.
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
        OwnBackbone(
            size=run.geometry.size,
            mean=ZEROS,
            scale=ONES,
            licence="that of this run",
            source=f"{own_backbone.OF_RUN} {run.run_id}, trained on {run.config.dataset}",
            title=about.called(run),
            output="features",
            head="linear",
        ).write(folder / f"{name}.json")
    return key


def _made_of_no_cases(run: Run) -> bool:
    if run.config.dataset == datasets.DEMO:
        return True
    root = datasets.resolve(run.config.dataset)
    return root.is_dir() and dataset.about(root) is None
