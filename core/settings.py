"""Every environment variable and every limit, in one frozen dataclass."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Settings from the environment, and the limits of the code.

    Environment: `BLASTLENS_ARTIFACTS` (folder for runs, caches and the demo set; default
    `artifacts` beside `core`) and `BLASTLENS_WEIGHTS` (folder searched first for ImageNet
    weights; default `artifacts/weights`).
    """

    artifacts: Path
    weights: Path
    max_file_bytes: int = 64 * 2**20
    max_pixels: int = 40_000_000
    min_side_pixels: int = 32
    # Of an archive of a run, unpacked. The largest network here, VGG16, makes 120 MiB.
    max_archive_bytes: int = 2**30
    max_archive_rows: int = 2_000_000
    max_scan_bytes: int = 2**30
    max_scan_pixels: int = 120_000_000  # 480 MB decoded, so that tiles fit into 1 GiB beside it
    heartbeat_seconds: float = 2.0
    # Importing TensorFlow can hold a slow machine for 14 s; a beat is missed only well after that.
    heartbeat_stale_seconds: float = 40.0


def settings() -> Settings:
    """The settings as the environment has them now."""
    return _made(os.environ.get("BLASTLENS_ARTIFACTS"), os.environ.get("BLASTLENS_WEIGHTS"))


@cache  # asked for several times a picture
def _made(artifacts: str | None, weights: str | None) -> Settings:
    folder = Path(artifacts or PROJECT / "artifacts").absolute()
    return Settings(artifacts=folder, weights=Path(weights or folder / "weights").absolute())
