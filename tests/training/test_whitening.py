"""White features: uncorrelated over each cell, with the logits as they were."""

import numpy as np


def test_whitening_changes_no_logit_and_leaves_features_white() -> None:
    from core.models import catalog, classifier
    from core.training import whitening

    built = classifier.build(catalog.architecture("colour-bands"))
    cells = np.zeros((8, 104, 104, 3), np.uint8)
    random = np.random.default_rng(0)
    for number, image in enumerate(cells):
        side = 50 + 5 * number
        image[8 : 8 + side, 8 : 8 + side] = random.integers(60, 200, (side, side, 3))
    before = built.model.predict_on_batch(cells.astype(np.float32))
    whitening.whiten(built.model, cells)
    after = built.model.predict_on_batch(cells.astype(np.float32))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)

    features = built.backbone.predict_on_batch(cells.astype(np.float32))
    centred = []
    for image in features:
        on_cell = image[image.any(axis=-1)]
        centred.append(on_cell - on_cell.mean(axis=0))
    variances = np.linalg.eigvalsh(np.cov(np.concatenate(centred).T, bias=True))
    # Directions that hardly vary, as the one in which the channels are centred, are left small.
    assert variances[0] < 0.1 and variances[-1] < 1.05
    np.testing.assert_allclose(variances[len(variances) // 2 :], 1, atol=0.05)


def test_flat_discs_of_a_control_run_have_no_features_to_whiten() -> None:
    from core.models import catalog, classifier
    from core.training import whitening

    built = classifier.build(catalog.architecture("colour-bands"))
    y, x = np.ogrid[:104, :104]
    disc = ((y - 52) ** 2 + (x - 52) ** 2 < 40**2) * np.uint8(128)
    cells = np.repeat(disc[None, ..., None], 3, axis=-1)
    whitening.whiten(built.model, cells)
    assert np.isfinite(built.model.predict_on_batch(cells.astype(np.float32))).all()
