"""The short form of the campaign on disks; `python -m benchmarks chaos` is the long one."""

import shutil

import pytest

pytest.importorskip("resource", reason="limits of a process as Unix has them")
from tests.chaos import disk

pytestmark = pytest.mark.process


@pytest.mark.skipif(not shutil.which("unshare"), reason="no mount namespaces on this machine")
def test_writes_on_bad_disks_end_whole_or_in_a_sentence() -> None:
    tried = list(disk.campaign(0, 6.0))
    assert [trial for trial in tried if not trial.held] == []
    assert tried
