"""Cells cut from the boxes of drawn fields."""

from pathlib import Path

import numpy as np
import pytest

from core.cells.masks import cell_mask, diameter
from core.cells.scale import CNMC_SIDE, UM_PER_PX
from core.data import indexing
from core.data.boxes.cut import cut_cells
from core.data.images import decode, encode
from core.data.layouts import Labelling
from core.data.synthetic.smear_field import write_fields
from core.errors import DataError


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fields(tmp_path_factory.mktemp("drawn") / "fields", fields=3, seed=4)


@pytest.mark.slow
def test_each_whole_white_cell_is_cut_at_scale_and_grouped_by_its_field(
    drawn: Path, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    made = cut_cells(
        drawn,
        tmp_path / "cells",
        classes=("blast", "lymphocyte"),
        progress=lambda *counts: seen.append(counts),
    )
    rows = [line.split(",") for line in (drawn / "boxes.csv").read_text().splitlines()[1:]]
    whole = [row for row in rows if row[1] in ("blast", "lymphocyte") and row[6] == "0"]
    assert sum(made.cells.values()) + len(made.left_out) >= len(whole)
    assert sum(made.cells.values()) >= 0.8 * len(whole) and made.fields == 3
    assert seen == [(1, 3), (2, 3), (3, 3)]
    sizes = {"blast": [], "lymphocyte": []}
    for file in made.root.rglob("*.png"):
        image = decode(file)
        assert image.shape == (CNMC_SIDE, CNMC_SIDE, 3)
        sizes[file.parts[-3]].append(diameter(cell_mask(image)))
    # C-NMC's cells are 150 to 250 pixels across.
    assert 130 < np.median(sizes["lymphocyte"] + sizes["blast"]) < 270
    index = indexing.index(made.root, labelling=Labelling(positive=("blast",)))
    assert index.name == "fields, cells cut from boxes" and index.rejected.empty
    assert set(index.cells["subject"]) <= {f"field_{n:03}.png" for n in range(3)}
    assert index.classes == {"blast": 1, "lymphocyte": 0}
    assert index.um_per_px == UM_PER_PX


@pytest.mark.slow
def test_a_box_without_a_nucleus_and_a_cell_of_two_classes_are_left_out(
    drawn: Path, tmp_path: Path
) -> None:
    source = tmp_path / "some"
    source.mkdir()
    (source / "field_000.png").write_bytes((drawn / "field_000.png").read_bytes())
    rows = [line.split(",") for line in (drawn / "boxes.csv").read_text().splitlines()[1:]]
    own = [row for row in rows if row[0] == "field_000.png" and row[6:] == ["0", "0"]]
    cell = next(row for row in own if row[1] in ("blast", "lymphocyte"))
    red = next(row for row in own if row[1] == "red cell")
    lines = [red, cell, [cell[0], "other", *cell[2:]]]
    (source / "boxes.csv").write_text(
        "\n".join(["file,kind,x,y,w,h", *(",".join(row[:6]) for row in lines)])
    )
    with pytest.raises(DataError, match="No cell of"):
        cut_cells(source, tmp_path / "cells")
    with pytest.raises(DataError, match="No box is of the classes nothing"):
        cut_cells(source, tmp_path / "cells", classes=("nothing",))

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_cells(source, tmp_path / "cells", classes=(cell[1],), progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["some"]
    made = cut_cells(source, tmp_path / "cells", classes=("red cell", cell[1]))
    assert made.cells == {cell[1]: 1}
    assert [it.box and it.box.class_name for it in made.left_out] == ["red cell"]
    with pytest.raises(DataError, match="is not empty"):
        cut_cells(source, tmp_path / "cells")


def test_fields_of_one_name_and_classes_that_name_no_folder_are_kept_apart(
    drawn: Path, tmp_path: Path
) -> None:
    source = tmp_path / "some"
    source.mkdir()
    rows = [line.split(",") for line in (drawn / "boxes.csv").read_text().splitlines()[1:]]
    cell = next(r for r in rows if r[0] == "field_000.png" and r[1] == "blast" and r[6] == "0")
    lines = []
    for file, kind in (("a.png", "con"), ("a.bmp", "con"), ("b.png", f"../{'x' * 300}")):
        image = decode(drawn / "field_000.png")
        (source / file).write_bytes(encode(image, "BMP" if file.endswith("bmp") else "PNG"))
        lines.append(",".join([file, kind, *cell[2:6]]))
    (source / "boxes.csv").write_text("\n".join(["file,kind,x,y,w,h", *lines]))
    made = cut_cells(source, tmp_path / "cells")
    files = sorted(path.relative_to(made.root).as_posix() for path in made.root.rglob("*.png"))
    assert files == ["_con/a/001.png", "_con/a_/001.png", f"_{'x' * 57}/b/001.png"]
