"""What a training will take: measured on this machine by a probe, which Train starts by itself."""

import time
from pathlib import Path

import pytest

from core.data import datasets
from core.runs.speed import SpeedProbe, TrainingSpeed
from pages.ui.common.training import training_time
from tests.factories.app import open_page, words


@pytest.mark.slow
def test_train_probes_what_is_not_measured_and_then_says_how_long_it_takes(
    demo_root: Path, probes: list[SpeedProbe]
) -> None:
    datasets.add(str(demo_root))
    app = open_page("train", dataset=demo_root)
    assert not app.exception and not app.error
    assert training_time.UNMEASURED in words(app) and len(probes) == 1
    speed = TrainingSpeed(
        start_seconds=60, images_per_second=1e9, cells_per_second=1e9, at=time.time()
    )
    speed.write(probes[0].path / "speed.json")
    app.run()
    said = words(app)
    assert "About 60 s, if this machine is as busy as for a short probe" in said
    assert training_time.UNMEASURED not in said and len(probes) == 1
