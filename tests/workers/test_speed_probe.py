"""The process that measures how fast this machine trains."""

import time
from pathlib import Path

from core.runs import config, cost, speed
from core.workers import launcher


def test_a_probe_measures_and_the_cost_follows(demo_root: Path) -> None:
    wanted = config.create("cnn-16", demo_root, "recommended", epochs=10, precision="float32")
    assert cost.estimate(wanted, cells=100).seconds is None
    probe, began = speed.prepare(wanted), time.time()
    launcher.start(probe)
    status = launcher.follow(probe)
    assert status.state == "succeeded", status
    measured = probe.speed
    assert measured is not None and began - 1 <= measured.at <= time.time()
    assert measured.images_per_second > 1 and measured.cells_per_second > 1
    assert 0 < measured.start_seconds < time.time() - began + 60
    assert measured.features_per_second is None  # nothing of it is frozen
    price = cost.estimate(wanted, cells=100)
    assert price.seconds and price.seconds > measured.start_seconds and price.measured_by is None
    assert sorted(file.name for file in probe.path.iterdir() if file.is_dir()) == []
    assert not launcher.start(probe).unfinished  # it is done, and not done again
