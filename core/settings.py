"""Every environment variable and every limit, in one frozen dataclass."""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import platformdirs

from core.errors import ConfigError

PROJECT = Path(__file__).resolve().parent.parent
PROJECT_FILE = PROJECT / "pyproject.toml"  # in a clone alone


@dataclass(frozen=True)
class Settings:
    """Settings from the environment, and the limits of the code.

    Environment: `BLASTLENS_ARTIFACTS` (folder for runs, caches and the demo set; default
    `artifacts` in a clone, the user's data folder for an installed package),
    `BLASTLENS_WEIGHTS` (folder searched first for ImageNet weights; default `artifacts/weights`),
    `BLASTLENS_DATABASE_URL` (of cases; default SQLite in the artifacts folder),
    `BLASTLENS_STUDY_STORAGE` (of searches, see `core.tuning.study_storage`; default SQLite in the
    sweep's folder), `BLASTLENS_CORES` (how many a process reads pictures with; default all) and
    `BLASTLENS_DEVICE` (`auto`, `cpu` or `gpu`, see `core.models.device`).
    Of jobs, see docs/clusters.md: `BLASTLENS_ENGINE` (local, ray, ray://HOST:PORT or slurm),
    `BLASTLENS_RUNS_AT_ONCE` (on this machine: a number, or auto), `BLASTLENS_CPUS_PER_RUN` (on a
    cluster), `BLASTLENS_NICE` (by how much jobs here step back from the app), `BLASTLENS_SHIP`
    (1 if the nodes of a Ray cluster share no disk), `BLASTLENS_SLURM` (options of sbatch, such as
    "partition=long time=1440") and `BLASTLENS_SCHEDULED` (1 in a
    worker that a cluster has given its place).
    Of the app alone, see docs/people.md: `BLASTLENS_DATA_ROOTS`, `BLASTLENS_ALLOW_ANONYMOUS`,
    `BLASTLENS_ROLES_CLAIM`, `BLASTLENS_READERS`, `BLASTLENS_SUPERVISORS`,
    `BLASTLENS_ADMINISTRATORS`.
    """

    artifacts: Path
    weights: Path
    database_url: str | None = None
    study_storage: str | None = None
    device: str = "auto"
    data_roots: tuple[Path, ...] | None = None  # None: not named, which is not the same as none
    allow_anonymous: bool = False
    roles_claim: str = ""
    readers: tuple[str, ...] = ()
    supervisors: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()
    cores: int | None = None
    engine: str = "local"
    runs_at_once: str = "1"
    cpus_per_run: str = "4"
    nice: str = "10"
    ship: bool = False
    slurm: str = ""
    scheduled: bool = False
    login_seconds: int = 12 * 3600  # after that a person logs in again
    max_file_bytes: int = 64 * 2**20
    max_pixels: int = 40_000_000
    min_side_pixels: int = 32
    max_side_ratio: int = 100  # of a picture's longer to its shorter side
    # Of 16 bits a sample, and packed by run lengths: both cost several times as much.
    max_deep_pixels: int = 20_000_000
    max_packed_bmp_pixels: int = 4_000_000
    # Of what an image file is made of; see `core.data.image_formats.structure`.
    max_segments: int = 2000
    max_scans: int = 100
    max_gap_bytes: int = 2**16
    max_pixel_chunks: int = 2**17
    max_other_chunks: int = 256
    max_tiles: int = 50_000
    max_tag_values: int = 200_000
    max_tag_bytes: int = 64 * 2**20
    # Of the process that decodes the formats whose cost no count bounds.
    decoding_seconds: float = 10.0
    decoding_bytes: int = 2**30
    # Of an archive of a run, unpacked. The largest network here, VGG16, makes 120 MiB.
    max_archive_bytes: int = 2**30
    max_cache_bytes: int = 32 * 2**30  # of artifacts/cache, see `core.caches`
    max_archive_rows: int = 2_000_000
    # Of the process that checks an imported run, beside what it starts with.
    examination_bytes: int = 2**30
    examination_seconds: int = 120
    # Of the process that opens a model from elsewhere. TensorFlow alone takes 1 GiB.
    conversion_bytes: int = 8 * 2**30
    conversion_seconds: int = 300
    max_scan_bytes: int = 2**30
    max_scan_pixels: int = 120_000_000  # 480 MB decoded, so that tiles fit into 1 GiB beside it
    heartbeat_seconds: float = 2.0
    # Importing TensorFlow can hold a slow machine for 14 s; a beat is missed only well after that.
    heartbeat_stale_seconds: float = 40.0


def settings() -> Settings:
    """The settings as the environment has them now.

    Raises `ConfigError` if `BLASTLENS_CORES` is no whole number above 0.
    """
    return _made(*(os.environ.get(f"BLASTLENS_{name}") for name in _VARIABLES))


_VARIABLES = (
    "ARTIFACTS",
    "WEIGHTS",
    "DATABASE_URL",
    "STUDY_STORAGE",
    "CORES",
    "DEVICE",
    "DATA_ROOTS",
    "ALLOW_ANONYMOUS",
    "ROLES_CLAIM",
    "READERS",
    "SUPERVISORS",
    "ADMINISTRATORS",
    "ENGINE",
    "RUNS_AT_ONCE",
    "CPUS_PER_RUN",
    "NICE",
    "SHIP",
    "SLURM",
    "SCHEDULED",
)


@cache  # asked for several times a picture
def _made(*values: str | None) -> Settings:
    """The settings of the values of `_VARIABLES`."""
    given = dict(zip(_VARIABLES, values, strict=True))
    text = {name: (value or "").strip() for name, value in given.items()}
    folder = Path(given["ARTIFACTS"] or _default_artifacts()).absolute()
    roots = given["DATA_ROOTS"]
    return Settings(
        artifacts=folder,
        weights=Path(given["WEIGHTS"] or folder / "weights").absolute(),
        database_url=text["DATABASE_URL"] or None,
        study_storage=text["STUDY_STORAGE"] or None,
        cores=_cores(text["CORES"]) if text["CORES"] else None,
        device=text["DEVICE"].lower() or Settings.device,
        data_roots=None if roots is None else tuple(map(_folder, _listed(roots, os.pathsep))),
        allow_anonymous=text["ALLOW_ANONYMOUS"] == "1",
        roles_claim=text["ROLES_CLAIM"],
        readers=_listed(text["READERS"], ","),
        supervisors=_listed(text["SUPERVISORS"], ","),
        administrators=_listed(text["ADMINISTRATORS"], ","),
        engine=text["ENGINE"] or Settings.engine,
        runs_at_once=text["RUNS_AT_ONCE"] or Settings.runs_at_once,
        cpus_per_run=text["CPUS_PER_RUN"] or Settings.cpus_per_run,
        nice=text["NICE"] or Settings.nice,
        ship=text["SHIP"] == "1",
        slurm=text["SLURM"],
        scheduled=text["SCHEDULED"] == "1",
    )


def _cores(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(
            f"BLASTLENS_CORES is {text!r}; it must be a whole number above 0. Unset it for all."
        )
    return int(text)


def _listed(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _folder(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _default_artifacts() -> Path:
    """`artifacts` in a clone; for an installed package, the user's data folder."""
    if PROJECT_FILE.is_file():
        return PROJECT / "artifacts"
    return platformdirs.user_data_path("blastlens", appauthor=False)


def version() -> str:
    """Returns the version of BlastLens, which pyproject.toml states."""
    if PROJECT_FILE.is_file():
        return str(tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version("blastlens")
