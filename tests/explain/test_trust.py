"""The badge: an oracle is supported, its inverse, random and unlearned maps are not."""

from dataclasses import replace

import numpy as np
import pytest

from core.cells.masks import cell_mask
from core.data.geometry import fit
from core.data.images import decode
from core.errors import DataError
from core.explain.cam_methods import METHODS
from core.explain.faithfulness import Deletion
from core.explain.heat_map import scaled, views
from core.explain.trust import (
    SUPPORTED,
    UNRELIABLE,
    WEAK,
    Figures,
    Judgement,
    _weigh,
    judge,
)
from core.metrics.estimate import Estimate
from core.models import catalog
from core.models.engine import Engine
from core.runs.run_store import Run
from tests.factories.toys import GRID, PATCH, cell, red_patch_engine, seen

HIRES = METHODS["hires-cam"]()
SKILL = Estimate(0.9, 0.8, 0.95)


def judged(values: np.ndarray, call: str = "ALL", method=HIRES) -> Judgement:
    """What is said of a map of the cell whose red patch decides."""
    pixels, mask = cell()
    view = seen(red_patch_engine(), pixels)
    return judge(view, scaled(np.asarray(values, float)), method, call, mask, SKILL)


def on_the_cell(values: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:GRID, :GRID] - (GRID - 1) / 2
    return np.where(y**2 + x**2 < 16, values, 0)


def test_the_oracle_is_supported_and_says_why() -> None:
    found = judged(PATCH)
    assert found.badge == SUPPORTED and found.supported, found
    assert "more than all random orders" in found.reason
    said = found.to_json()
    assert (said["method"], said["trusted"]) == ("hires-cam", True)
    assert said["inside_cell"] > 0.9 and said["reason"] == found.reason
    assert found.details()["figures"]["deletion"]["beaten"] == 1
    pixels, mask = cell()
    view = seen(red_patch_engine(), pixels)
    assert judge(view, HIRES(view, "ALL"), HIRES, "ALL", mask, SKILL).badge == SUPPORTED


def test_the_inverted_oracle_is_not_to_be_relied_on() -> None:
    for values in (on_the_cell(1.0 - PATCH), 1.0 - PATCH):
        found = judged(values)
        assert found.badge == UNRELIABLE and found.to_json()["trusted"] is False
    assert "no better than chance" in judged(on_the_cell(1.0 - PATCH)).reason
    # Right about the place and wrong about the call.
    assert judged(PATCH, "HEM").badge == UNRELIABLE


def test_random_maps_are_never_supported() -> None:
    for seed in range(10):
        values = np.random.default_rng(seed).random((GRID, GRID))
        assert judged(values).badge == UNRELIABLE
        assert judged(on_the_cell(values)).badge != SUPPORTED


def test_maps_that_a_shuffled_head_draws_too_are_not_to_be_relied_on() -> None:
    pixels, mask = cell()
    view = seen(red_patch_engine(), pixels)
    eigen = METHODS["eigen-cam"]()
    found = judge(view, eigen(view, "ALL"), eigen, "ALL", mask, SKILL)
    assert found.badge == UNRELIABLE and "learned nothing" in found.reason
    for head in view.engine.shuffled_heads:
        heat = HIRES(view.under(head), "ALL")
        assert judge(view, heat, HIRES, "ALL", mask, SKILL).badge == UNRELIABLE


def test_no_map_has_no_figures_and_an_empty_outline_no_judgement() -> None:
    found = judged(np.zeros((GRID, GRID)), "HEM")
    assert found.badge == UNRELIABLE and found.figures is None
    assert "No part of the image speaks for HEM" in found.reason
    assert found.to_json()["inside_cell"] is None and found.details()["figures"] is None
    pixels, mask = cell()
    with pytest.raises(DataError, match="no cell"):
        view = seen(red_patch_engine(), pixels)
        judge(view, HIRES(view, "ALL"), HIRES, "ALL", np.zeros_like(mask), SKILL)


GOOD = Figures(0.9, 0.0, 0.1, Deletion(1.0, 2.0, 1.5, 1.0, 3.0, 1.0))


@pytest.mark.parametrize(
    ("change", "badge", "words"),
    [
        ({}, SUPPORTED, "90% of the heat lies on the cell"),
        ({"inside_cell": 0.49}, UNRELIABLE, "Only 49%"),
        ({"off_cell_peak": 0.51}, UNRELIABLE, "corners or border"),
        ({"agreement": 0.7}, UNRELIABLE, "much the same map (likeness 0.70 of 1)"),
        ({"agreement": 0.5}, WEAK, "somewhat like it"),
        ({"beaten": 0.95}, WEAK, "95% of random orders"),
        ({"beaten": 0.75}, UNRELIABLE, "no better than chance"),
        ({"beaten": 0.95, "agreement": 0.8}, UNRELIABLE, "much the same map"),
        ({"inside_cell": 0.2, "off_cell_peak": 1.0}, UNRELIABLE, "Only 20%"),
    ],
)
def test_the_gravest_objection_decides_and_is_the_reason(change, badge, words) -> None:
    beaten = change.pop("beaten", 1.0)
    figures = replace(GOOD, **change, deletion=replace(GOOD.deletion, beaten=beaten))
    found, reason = _weigh(figures, "ALL", SKILL)
    assert found == badge and words in reason and reason.endswith(".")


@pytest.mark.parametrize(
    ("skill", "badge", "words"),
    [
        (Estimate(0.8, 0.71, 0.9), SUPPORTED, "all random orders"),
        (Estimate(0.8, 0.7, 0.9), WEAK, "clearly better than networks that have learned"),
        (Estimate(0.6, 0.51, 0.7), WEAK, "0.51 to 0.70"),
        (Estimate(0.6, 0.5, 0.7), UNRELIABLE, "(95% interval of its ROC AUC 0.50 to 0.70)"),
        (Estimate(0.3, 0.2, 0.4), UNRELIABLE, "no better than chance"),
        (Estimate(0.9), WEAK, "It was not measured whether"),
        (None, WEAK, "It was not measured whether"),
    ],
)
def test_the_map_of_a_model_without_skill_is_not_supported(skill, badge, words) -> None:
    pixels, mask = cell()
    view = seen(red_patch_engine(), pixels)
    found = judge(view, HIRES(view, "ALL"), HIRES, "ALL", mask, skill)
    assert found.badge == badge and words in found.reason


def test_on_a_real_network_random_and_unlearned_maps_are_not_supported(
    finished_run: Run, demo_root
) -> None:
    engine, geometry = Engine(finished_run.engine_file), catalog.architecture("cnn-16").geometry
    grad_cam, random = METHODS["grad-cam"](), np.random.default_rng(0)
    for file in sorted(demo_root.rglob("*.bmp"))[::40]:
        pixels = fit(decode(file), geometry)
        mask, view = cell_mask(pixels), views(engine, pixels[None])[0]
        call = "ALL" if view.logit >= 0 else "HEM"
        noise = scaled(random.random(view.features.shape[:2]))
        assert judge(view, noise, grad_cam, call, mask, SKILL).badge == UNRELIABLE
        unlearned = grad_cam(view.under(engine.shuffled_heads[0]), call)
        assert judge(view, unlearned, grad_cam, call, mask, SKILL).badge == UNRELIABLE
