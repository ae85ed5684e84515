"""Synthetic smear fields with their truth: white cells among red cells and platelets.

Nothing here is a photograph. The white cells are those of `core.data.synthetic.white_cell`, all of
one subject, on glass instead of on black: one lamp and one exposure light everything in a field.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core import storage
from core.data.images import encode
from core.data.synthetic.output import MARKER, claim
from core.data.synthetic.placement import CrowdedError
from core.data.synthetic.smear import SCALE, FieldObject, Look, Smear
from core.data.synthetic.style import SubjectStyle, subject_style
from core.errors import ConfigError
from core.tables import rows_to_csv

GENERATOR = 4  # raise it whenever the same seed no longer gives the same bytes
SIZE = (480, 640)
SCALES = (0.2, 2.0)
SIDES = (96, 4096)
CELL = 240  # about the diameter of a blast in pixels of a C-NMC image
FACTS = "fields.json"
BOXES = "boxes.csv"

# "c-nmc" shows white cells as the demo data set does, so a classifier trained on it can read them.
LOOKS = {
    "c-nmc": Look(),
    "bright": Look((1.02, 1.22, 1.14), (0.33, 0.33, -0.13), (0.065, 0.215, 0.185)),
    "warm": Look((1.34, 1.44, 1.22), (1.05, 1.15, 0.62), (0.17, 0.27, 0.16)),
}


@dataclass(frozen=True)
class SyntheticField:
    """A drawn field with its truth."""

    image: np.ndarray  # RGB uint8 (H, W, 3)
    mask: np.ndarray  # uint8 (H, W): 0 background, 128 cytoplasm, 255 nucleus of white cells
    instances: np.ndarray  # int32 (H, W): n where objects[n - 1], a white cell, lies; else 0
    objects: tuple[FieldObject, ...]  # white cells first, then red cells, then platelets


def draw_field(
    *,
    seed: int,
    blasts: int | None = None,
    lymphocytes: int | None = None,
    size: tuple[int, int] = SIZE,
    scale: float = SCALE,
    look: str = "c-nmc",
    style: SubjectStyle | None = None,
) -> SyntheticField:
    """Draw the smear field that the arguments, and nothing else, determine.

    `blasts` and `lymphocytes` are how many white cells of each kind it shows, and drawn at random
    where None: 1 to 3 and 0 to 2, or fewer in a small field. `size` is (H, W) in pixels, `scale`
    field pixels per pixel of a C-NMC image, `look` a key of LOOKS. `style` is the look of the
    subject in this field (`core.data.synthetic.style`); one of its own where None.

    Raises ConfigError if a count or the seed is negative, the white cells do not fit, the look is
    unknown, the scale is outside SCALES, or the field is too large or smaller than a cell.
    """
    _check(seed, blasts, lymphocytes, size, scale, look)
    rng = np.random.default_rng(seed)
    room = max(1, int(0.75 * size[0] * size[1] / (scale * CELL) ** 2))
    if blasts is None:
        blasts = min(int(rng.integers(1, 4)), max(0, room - (lymphocytes or 0)))
    if lymphocytes is None:
        lymphocytes = min(int(rng.integers(0, 3)), max(0, room - blasts))
    if style is None:
        style = subject_style("field", seed)
        # One laboratory's smears are nearer to one another in colour than the demo set's subjects.
        style = replace(style, light=style.light / 2, azure=style.azure / 2)
    smear = Smear(rng, style, size, scale)
    try:
        if blasts + lymphocytes > room:
            raise CrowdedError
        smear.add_white_cells(blasts, lymphocytes)
    except CrowdedError:
        raise ConfigError(
            f"{blasts} blasts and {lymphocytes} lymphocytes do not fit into {size[1]} x {size[0]} "
            f"pixels at scale {scale:g}: ask for fewer, a larger field or a smaller scale."
        ) from None
    smear.add_red_cells()
    smear.add_platelets()
    return SyntheticField(
        smear.photograph(LOOKS[look]), smear.mask, smear.instances, tuple(smear.objects)
    )


def write_fields(
    root: Path,
    *,
    fields: int,
    seed: int,
    look: str = "c-nmc",
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Write `fields` fields under `root` and return `root`.

    The files are field_000.png, its mask field_000_mask.png and so on, boxes.csv (file, kind, x,
    y, w, h, cut, touching; booleans as 0 and 1) and, written last, fields.json; where that is
    there and says the same, the call returns at once. `progress(done, total)` is called after
    each field, and what it raises stops the drawing. The next call starts it anew.

    Raises ConfigError where `fields`, `seed` or `look` is out of range, and DataError where
    `root` holds other files, hidden ones apart.
    """
    if fields < 1:
        raise ConfigError(f"fields is {fields}: a set has at least one; ask for 1 or more.")
    _check(seed, None, None, SIZE, SCALE, look)
    facts: dict[str, object] = {
        "name": "Synthetic smear fields",
        "synthetic": True,
        "seed": seed,
        "fields": fields,
        "look": look,
        "scale": SCALE,
        "generator": GENERATOR,
    }
    root = Path(root)
    if claim(root, FACTS, facts):
        return root
    for stray in root.glob("field_*.png"):
        stray.unlink()  # left by an interrupted drawing
    rows: list[tuple[object, ...]] = []
    for number in range(fields):
        own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        field = draw_field(seed=own_seed, look=look)
        name = f"field_{number:03d}"
        storage.write_bytes(root / f"{name}.png", encode(field.image))
        storage.write_bytes(root / f"{name}_mask.png", encode(field.mask))
        for it in field.objects:
            rows.append((f"{name}.png", it.kind, *it.bbox, int(it.cut), int(it.touching)))
        if progress is not None:
            progress(number + 1, fields)
    table = rows_to_csv(["file", "kind", "x", "y", "w", "h", "cut", "touching"], rows)
    storage.write_bytes(root / BOXES, table.encode())
    storage.write_json(root / FACTS, facts)
    (root / MARKER).unlink(missing_ok=True)
    return root


def _check(
    seed: int,
    blasts: int | None,
    lymphocytes: int | None,
    size: tuple[int, int],
    scale: float,
    look: str,
) -> None:
    if seed < 0:
        raise ConfigError(f"seed is {seed}: a seed is not negative; give 0 or a positive number.")
    for name, count in (("blasts", blasts), ("lymphocytes", lymphocytes)):
        if count is not None and count < 0:
            raise ConfigError(f"{name} is {count}: a count is not negative; ask for 0 or more.")
    if not SCALES[0] <= scale <= SCALES[1]:  # false for NaN, too
        raise ConfigError(
            f"scale is {scale:g}: it is the size of a cell beside its size in a C-NMC image; "
            f"give a number from {SCALES[0]:g} to {SCALES[1]:g}."
        )
    least = max(SIDES[0], int(np.ceil(1.3 * CELL * scale)))
    if not least <= min(size) <= max(size) <= SIDES[1]:
        raise ConfigError(
            f"size is {size[1]} x {size[0]} pixels: at scale {scale:g} each side has to be from "
            f"{least}, to hold a cell, to {SIDES[1]}; give such a size or another scale."
        )
    if look not in LOOKS:
        raise ConfigError(f"look is {look!r}: there is none of that name; take {', '.join(LOOKS)}.")
