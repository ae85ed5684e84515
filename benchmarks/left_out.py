"""The head of a frozen backbone trained on a few real cells, each group of subjects left out once.

`python -m benchmarks.left_out ARCHITECTURE ROOT SEED` prints the logits of the cells, each from a
head that has seen no cell of its group, as one JSON list in the order of `grouped`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.tree import LISTING, listing
from benchmarks.workbench import real_data, run_python
from core.data import datasets, duplicates
from core.data.geometry import fit
from core.data.images import decode
from core.data.indexing import Index
from core.metrics import classification
from core.models import catalog
from core.runs.config import EPOCHS
from core.training import augment

VIEWS, BATCH = 2, 32  # as in the recommended recipe


def roc_auc(architecture: str, root: Path, seed: int) -> float:
    """The ROC AUC of all cells, pooled over the groups left out."""
    arguments = ("-m", "benchmarks.left_out", architecture, root, seed)
    logits = json.loads(run_python("Leaving groups out", *arguments).splitlines()[-1])
    labels = grouped(datasets.index(root))["label"].to_numpy()
    return classification.roc_auc(labels, np.array(logits)) or 0.0


def grouped(index: Index) -> pd.DataFrame:
    """The labelled cells, those subjects as one group that share a cell in the whole release too.

    Which cells it shares is in the listing of the real data, if there is one.
    """
    cells, folder = index.labelled().reset_index(drop=True), real_data()
    if not folder or not (folder / LISTING).exists():
        return cells
    release = listing()
    subject = release["path"].str.extract(r"/UID_(\w+?)_\d+_\d+_\w+\.bmp$")[0].str.upper()
    release = release.assign(image_id=release["path"], subject=subject).dropna(subset="subject")
    pairs = pd.concat([index.pairs, duplicates.exact_pairs(release)])
    names = sorted({*release["subject"], *cells["subject"].dropna()})
    return cells.assign(group=cells["subject"].map(duplicates.link_subjects(names, pairs)))


def left_out(architecture: str, root: Path, seed: int) -> np.ndarray:
    """The logit of each cell, float (N,), from a head trained on all cells of other groups."""
    import keras

    from core.models.classifier import build, compile_model
    from core.training import features
    from core.training.batches import class_weights

    entry = catalog.architecture(architecture)
    index = datasets.index(root)
    cells = grouped(index)
    images = [fit(decode(index.path(name)), entry.geometry) for name in cells["image_id"]]
    keras.utils.set_random_seed(seed)
    classifier = build(entry)
    views = []
    for symmetry in range(VIEWS):
        turned = np.stack([augment.turn(image, symmetry) for image in images]).astype(np.float32)
        found = classifier.backbone.predict(turned, batch_size=8, verbose=0)
        views.append(found.mean(axis=(1, 2)))
    labels, groups = cells["label"].to_numpy(), cells["group"].to_numpy(str)
    head = features.tail(classifier)
    first, logits = head.get_weights(), np.empty(len(cells))
    for group in np.unique(groups):
        out = groups == group
        head.set_weights(first)
        compile_model(head, entry.learning_rate)
        head.fit(
            np.concatenate([view[~out] for view in views]),
            np.tile(labels[~out], VIEWS)[:, None].astype(np.float32),
            batch_size=BATCH,
            epochs=EPOCHS,
            class_weight=dict(enumerate(class_weights(labels[~out]).tolist())),
            verbose=0,
        )
        logits[out] = head.predict(views[0][out], verbose=0)[:, 0]
    return logits


if __name__ == "__main__":
    key, folder, number = sys.argv[1:]
    print(json.dumps(left_out(key, Path(folder), int(number)).tolist()))
