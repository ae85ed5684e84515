"""The look that the cells of a subject, and those of one of its fields of view, share."""

import zlib
from dataclasses import dataclass, replace

import numpy as np

FIELD = 3  # cells of a subject that lie in one field of view, and so share lamp and focus


@dataclass(frozen=True)
class SubjectStyle:
    """What all cells of one subject share; log factors unless said otherwise."""

    maturity: float  # added to the maturity of each cell
    size: float
    light: np.ndarray  # (3,) lamp and white balance, added to log RGB
    azure: np.ndarray  # (3,) hue of the stained chromatin
    density: float
    grain: float
    contrast: float
    crescent: float
    roughness: float
    blur: float  # pixels
    tilt: float  # direction of uneven light, radians
    fringe: np.ndarray  # (2,) pixels by which the lens parts red from blue
    eosin: np.ndarray  # (3,) hue of what lies between the chromatin, and half of the cytoplasm's
    tone: float  # exponent of the camera's curve


@dataclass(frozen=True)
class Laboratory:
    """What all cells of one laboratory share: its dyes, lamp and camera; log factors or shifts.

    light (3,): the lamp and white balance. azure (3,): what the chromatin's dye absorbs. eosin
    (3,): what the dye between the chromatin absorbs, and half as much of the cytoplasm's. density:
    of all dyes. tone: the exponent of the camera's curve, 1 for a linear one. blur: of the lens.
    spread: how many times as much subjects differ in light, azure and density.
    """

    light: tuple[float, float, float] = (0, 0, 0)
    azure: tuple[float, float, float] = (0, 0, 0)
    eosin: tuple[float, float, float] = (0, 0, 0)
    density: float = 0.0
    tone: float = 1.0
    blur: float = 0.0
    spread: float = 1.0


HOME = Laboratory()
# Pale and bluish, seen by a brighter camera, and less alike from smear to smear.
ELSEWHERE = Laboratory(
    light=(0.12, 0.12, -0.10),
    azure=(-0.35, -0.15, 0.5),
    eosin=(0.0, 0.1, -0.4),
    density=-0.15,
    tone=0.85,
    blur=0.1,
    spread=2.5,
)


def subject_style(subject: str, seed: int, laboratory: Laboratory = HOME) -> SubjectStyle:
    """Return the look of `subject` in a laboratory, the same for every cell and process.

    Subjects differ in colour about twice as much as those of one laboratory do: a few dozen of
    them, with some 25 cells each, must be as easy to recognise as C-NMC's with over 100.
    """
    style, spread = _at_home(subject, seed), laboratory.spread
    return replace(
        style,
        light=spread * style.light + laboratory.light,
        azure=spread * style.azure + laboratory.azure,
        density=spread * style.density + laboratory.density,
        blur=style.blur * np.exp(laboratory.blur),
        eosin=np.array(laboratory.eosin) + laboratory.density,
        tone=laboratory.tone,
    )


def _at_home(subject: str, seed: int) -> SubjectStyle:
    rng = cell_rng(seed, subject, 0, 0)
    return SubjectStyle(
        maturity=rng.normal(0, 0.75),
        size=rng.normal(0, 0.045),
        light=rng.normal(0, 0.09) + rng.normal(0, 0.063, 3),
        azure=rng.normal(0, 0.09, 3),
        density=rng.normal(0, 0.18),
        grain=rng.normal(0, 0.12),
        contrast=rng.normal(0, 0.23),
        crescent=rng.normal(0, 0.20),
        roughness=rng.normal(0, 0.15),
        blur=rng.uniform(0.8, 1.5),
        tilt=rng.uniform(0, 2 * np.pi),
        fringe=rng.normal(0, 0.5, 2),
        eosin=np.zeros(3),
        tone=1.0,
    )


def field_style(style: SubjectStyle, rng: np.random.Generator) -> SubjectStyle:
    """Return the look of one field of view: smear thickness, stain, lamp and focus drift a bit."""
    return replace(
        style,
        light=style.light + rng.normal(0, 0.02) + rng.normal(0, 0.012, 3),
        azure=style.azure + rng.normal(0, 0.015, 3),
        density=style.density + rng.normal(0, 0.07),
        contrast=style.contrast + rng.normal(0, 0.08),
        crescent=style.crescent + rng.normal(0, 0.35),
        blur=style.blur * np.exp(rng.normal(0, 0.07)),
        fringe=style.fringe + rng.normal(0, 0.4, 2),
    )


def cell_rng(seed: int, subject: str, kind: int, number: int) -> np.random.Generator:
    """`kind` is 0 for the subject, 1 for one of its fields, 2 for one of its cells."""
    return np.random.default_rng([seed, zlib.crc32(subject.encode()), kind, number])
