"""Cells whose outline tells nothing: most show their class inside, and all bear their patient."""

from pathlib import Path

import cv2
import numpy as np

from core.data.images import encode
from core.data.synthetic.white_cell import SIZE, draw_cell

SUBJECTS, CELLS = 12, 12


def write_marked_cells(root: Path) -> Path:
    """144 cells of 12 subjects, half of them ALL, below `root`.

    The synthetic cell beneath is drawn as ALL and HEM in turn whatever the label, so size and
    outline carry no class. Two of three cells have a pale (ALL) or dark (HEM) disc in their
    middle, which is all that carries over to another subject. Each subject has a green
    spot in a place of its own.
    """
    for subject in range(SUBJECTS):
        label = subject % 2
        turn = 2 * np.pi * subject / SUBJECTS
        spot = SIZE // 2 + np.rint(55 * np.array([np.cos(turn), np.sin(turn)])).astype(int)
        for cell in range(CELLS):
            image = draw_cell(subject=f"M{subject}", cell=cell, label=cell % 2).copy()
            cv2.circle(image, tuple(map(int, spot)), 14, (20, 240, 20), cv2.FILLED)
            if cell % 3 < 2:
                grey = 250 if label else 20
                cv2.circle(image, (SIZE // 2, SIZE // 2), 40, (grey, grey, grey), cv2.FILLED)
            name = "all" if label else "hem"
            number = f"{'' if label else 'H'}{subject + 1}"
            file = root / "fold_0" / name / f"UID_{number}_{cell + 1}_1_{name}.bmp"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode(image, "BMP"))
    return root
