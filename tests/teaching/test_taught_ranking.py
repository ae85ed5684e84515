"""A head that a few patients teach ranks cells of further patients no worse than before."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from core.metrics import classification
from core.models import catalog, own_backbone
from core.ood import reference
from core.teaching import backbone, lesson
from tests.factories import small_trainings
from tests.factories.archives import shipped_run

# Features of another stain: their contrast, what it adds to the logit of all, noise of each cell.
CONTRAST, SHIFT, NOISE = 0.5, 2.0, 0.02
# Patients that are taught, validate, are read further, and from which the model has learned.
PATIENTS = (0, 5, 8, 120, None)


def test_few_patients_do_not_undo_what_the_model_knew() -> None:
    from core.models import classifier
    from core.training import features, loop

    run = shipped_run("demo-colour-bands")
    key = backbone.of_run(run)
    entry, known = catalog.architecture(key), own_backbone.known_head(key)
    kept = reference.load(run)
    assert known is not None and kept is not None
    labels, groups = (kept.cells[name].to_numpy() for name in ("label", "group"))
    rng = np.random.default_rng(12)
    patients = rng.permutation(np.unique(groups))
    taught, validating, further, home = (
        np.isin(groups, patients[start:end]) for start, end in pairwise(PATIENTS)
    )
    at_home, weights = kept.features + kept.centre, known.weights[:-1]
    known = replace(known, features=at_home[home], labels=labels[home])  # not of these patients
    given = CONTRAST * at_home + SHIFT * weights / (weights @ weights)
    given = (given + rng.normal(0, NOISE, given.shape)).astype(np.float32)

    head = features.tail(classifier.build(entry, seed=0))

    def measured() -> tuple[float, float]:
        """ROC AUC and cross-entropy of the further patients."""
        logits, truth = head.predict_on_batch(given[further])[:, 0], labels[further]
        found = classification.metrics(truth, 1 / (1 + np.exp(-logits)), 0.5)["roc_auc"]
        assert found is not None
        return found, float(np.logaddexp(0, np.where(truth, -logits, logits)).mean())

    ranking, cost = measured()
    settings = {"class_balance": "weights", "schedule": "cosine", "batch_size": lesson.BATCH}
    teaching = small_trainings.make_run(epochs=20, **settings)
    data = loop.Data(
        look_up=lambda rows, rng: given[rows],
        plain=lambda rows: given[rows],
        labels=labels,
        train=np.flatnonzero(taught),
        validation=np.flatnonzero(validating),
    )
    data = features.reminded(data, [given], known, teaching.config)
    small_trainings.train(teaching, head, data, entry.learning_rate)
    taught_ranking, taught_cost = measured()
    assert ranking > 0.8 and taught_ranking > ranking - 0.01
    assert taught_cost < cost - 0.1
