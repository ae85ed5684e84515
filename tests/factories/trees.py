"""Small data sets on disk: C-NMC 2019 in both of its folder namings, and synthetic cells."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from core.data import measures
from core.data.geometry import Geometry, fit
from core.data.images import decode
from core.data.indexing import Index
from core.data.synthetic.dataset import draw_cell

HEADER = "Patient_ID,new_names,labels\n"
KAGGLE = {
    "training": "C-NMC_Leukemia/training_data",
    "preliminary": "C-NMC_Leukemia/validation_data/C-NMC_test_prelim_phase_data",
    "final": "C-NMC_Leukemia/testing_data/C-NMC_test_final_phase_data",
    "labels": "C-NMC_Leukemia/validation_data/C-NMC_test_prelim_phase_data_labels.csv",
}
TCIA = {
    "training": "C-NMC_training_data",
    "preliminary": "C-NMC_test_prelim_phase_data",
    "final": "C-NMC_test_final_phase_data",
    "labels": "C-NMC_test_prelim_phase_data_labels.csv",
}
# As archives unpack: each into a folder of its own name.
TCIA_NESTED = {
    "training": "C-NMC_training_data/C-NMC_training_data",
    "preliminary": "C-NMC_test_prelim_phase_data/C-NMC_test_prelim_phase_data",
    "final": "C-NMC_test_final_phase_data/C-NMC_test_final_phase_data",
    "labels": "C-NMC_test_prelim_phase_data/C-NMC_test_prelim_phase_data_labels.csv",
}
NAMINGS = {"kaggle": KAGGLE, "tcia": TCIA, "tcia nested": TCIA_NESTED}


@cache
def cell(subject: str, number: int = 0) -> np.ndarray:
    """One of a subject's synthetic cells, RGB uint8 (450, 450, 3)."""
    image = draw_cell(subject=subject, cell=number, label=int(not subject.startswith("H")), seed=1)
    image.setflags(write=False)
    return image


def save(path: Path, image: np.ndarray, kind: str = "BMP") -> Path:
    """Writes an image, whatever the path's suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, format=kind)
    return path


def write_three_phases(root: Path, names: dict[str, str], labels: bytes | None = None) -> Path:
    """Seven cells: four of training in three folds, two preliminary ones, one final of 600x600.

    The preliminary ones are H7 and 8; without `labels` their labels CSV is the correct one.
    """
    save(root / names["training"] / "fold_0/all/UID_1_1_1_all.bmp", cell("1"))
    save(root / names["training"] / "fold_0/hem/UID_H1_1_1_hem.bmp", cell("H1"))
    save(root / names["training"] / "fold_1/all/UID_2_1_1_all.bmp", cell("2"))
    save(root / names["training"] / "fold_2/hem/UID_H2_1_1_hem.bmp", cell("H2"))
    save(root / names["preliminary"] / "1.bmp", cell("H7"))
    save(root / names["preliminary"] / "2.bmp", cell("8"))
    save(root / names["final"] / "1.bmp", np.pad(cell("9"), ((75, 75), (75, 75), (0, 0))))
    right = (HEADER + "UID_H7_1_2_hem.bmp,1.bmp,0\nUID_8_29_1_all.bmp,2.bmp,1\n").encode()
    (root / names["labels"]).write_bytes(right if labels is None else labels)
    return root


def measures_of(cells: pd.DataFrame) -> pd.DataFrame:
    """The measures of `index_of` the same cells, as given; the others are unremarkable."""
    rows = {"image_id": index_of(cells).cells["image_id"], "quality": ""}
    given = {name: cells[name].array for name in cells if name in measures.COLUMNS}
    return pd.DataFrame({**rows, **dict.fromkeys(measures.MEASURES, 1.0), **given})


def index_of(cells: pd.DataFrame, pairs: pd.DataFrame | None = None) -> Index:
    """An index without files, of cells given with some columns; the others are unremarkable."""
    number = len(cells)
    rows = {
        "image_id": [f"{n:05}.bmp" for n in range(number)],
        "phase": "training",
        "subject": [str(n) for n in range(number)],
        "label": 1,
        "fold": None,
        "class_name": None,
        "part": None,
        "bytes": 1,
        "mtime_ns": 1,
        "sha256": [f"{n:064x}" for n in range(number)],
        "visible": True,
    }
    given = [name for name in cells if name not in measures.COLUMNS]
    table = pd.DataFrame({**rows, **{name: cells[name].array for name in given}})
    if "group" not in cells:
        table["group"] = table["subject"]
    table = table.astype({"label": "Int8", "fold": "Int8", "subject": "str", "group": "str"})
    columns = ["image_a", "image_b", "subject_a", "subject_b", "kind", "changed_pixels"]
    return Index(
        root=Path("nowhere"),
        name="a set",
        synthetic=False,
        um_per_px=0.06,
        layout="C-NMC 2019",
        classes={},
        cells=table,
        pairs=pd.DataFrame(columns=columns) if pairs is None else pairs,
        rejected=pd.DataFrame(columns=["path", "reason"]),
        fingerprint="0" * 16,
    )


def assert_equal_indexes(a: Index, b: Index) -> None:
    for table in ("cells", "pairs", "rejected"):
        pd.testing.assert_frame_equal(getattr(a, table), getattr(b, table))
    names = ("root", "name", "synthetic", "layout", "classes", "fingerprint")
    assert [getattr(a, name) for name in names] == [getattr(b, name) for name in names]


def links(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["subject_a", "subject_b"])


def fitted_cells(demo_root: Path, geometry: Geometry) -> np.ndarray:
    """Every 60th cell of a set as a network of that geometry takes it, uint8 (N, H, W, 3)."""
    files = sorted(demo_root.rglob("*.bmp"))[::60]
    return np.stack([fit(decode(file), geometry) for file in files])
