"""What the Dataset page says first."""

import shutil
from pathlib import Path

from core.data import manifest
from core.data.findings import findings
from core.data.manifest import Index


def test_a_clean_set_has_nothing_serious(demo_index: Index) -> None:
    found = findings(demo_index)
    assert not any(finding.serious for finding in found)
    assert any("No image occurs under two subjects" in finding.text for finding in found)
    assert any("60% of the cells are ALL" in finding.text for finding in found)


def test_a_shared_image_and_its_fold_leak_come_first(demo_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(demo_root, root)
    folds = root / "C-NMC_Leukemia" / "training_data"
    source = sorted((folds / "fold_0" / "all").glob("*.bmp"))[0]
    shutil.copy(source, folds / "fold_1" / "all" / "UID_99_1_1_all.bmp")
    (root / "notes.txt").write_text("not a cell")
    found = findings(manifest.index(root))
    subject = source.name.split("_")[1]
    assert found[0].serious and f"{subject} = 99" in found[0].text
    assert "1 of the pairs cross the official folds" in found[0].text
    assert any("1 files are not used" in finding.text for finding in found)


def test_the_real_cells_leak_across_folds(real_data: Path) -> None:
    found = findings(manifest.index(real_data / "cnmc_sample"))
    assert found[0].serious
    assert "H10 = H3" in found[0].text and "H2 = H6" in found[0].text
