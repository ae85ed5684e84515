"""Damaged, hostile and costly image files from a seed.

`mutated(seed)` is the whole of it: the same seed gives the same file. Half of the files are damaged
blindly, in a few bytes; the other half by what their format counts, nests or repeats.
"""

import random
from dataclasses import dataclass

from tests.chaos.blind_damage import BLIND
from tests.chaos.format_damage import OF_KIND
from tests.chaos.pictures import originals


@dataclass(frozen=True)
class Mutated:
    """A file, the name it is uploaded under, and what was done to it."""

    name: str
    data: bytes
    how: str


def mutated(seed: int) -> Mutated:
    """The file of a seed."""
    rng = random.Random(seed)
    kinds = originals()
    kind = rng.choice(sorted(kinds))
    data, done = kinds[kind], []
    own = OF_KIND.get(kind.split(" ")[0], ())
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        mutation = rng.choice(own if own and rng.random() < 0.5 else BLIND)
        data = mutation(data, rng)
        done.append(mutation.__name__.strip("_"))
    suffix = rng.choice(_SUFFIXES) if rng.random() < 0.1 else _SUFFIX_OF[kind.split(" ")[0]]
    return Mutated(f"chaos-{seed}.{suffix}", data, f"{kind}: {', '.join(done)}")


_SUFFIX_OF = {
    "PNG": "png", "JPEG": "jpg", "TIFF": "tif", "BMP": "bmp", "WEBP": "webp", "DICOM": "dcm",
    "JPEG2000": "jp2", "AVIF": "avif", "HEIF": "heic",
}  # fmt: skip
_SUFFIXES = (*_SUFFIX_OF.values(), "svs", "ndpi", "gif", "txt", "eps", "psd", "fits")
