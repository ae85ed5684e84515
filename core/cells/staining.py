"""Stain normalisation of one cell on black: its colours are brought to those of other cells.

Only the cell's own pixels count and change; the background stays as it is. Statistics are of the
pixels inside the rim, where a cell mixes with the black around it.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Annotated, ClassVar, Self

import cv2
import numpy as np
from pydantic import Field, model_validator

from core.cells.masks import bounding_box, depth, lit_mask
from core.documents import Section
from core.errors import DataError

RIM = 3  # pixels
LEAST = 1e-3  # of a deviation, a concentration: flat cells have none to divide by
ROUNDING = 1e-4  # of an eigenvalue

# Means of logarithms, deviations, densities: far wider than any cell has them.
Level = Annotated[float, Field(ge=-1000, le=1000)]
Spread = Annotated[float, Field(ge=0, le=1000)]
Triple = tuple[Level, Level, Level]
Correlation = Annotated[float, Field(ge=-1, le=1)]
_PAIRS = np.triu_indices(3, 1)

# Red, green, blue to the responses of the eye's cones, and their logarithms to lαβ, whose axes
# (light, yellow to blue, red to green) hardly depend on each other in natural scenes.
_CONES = np.array(
    [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]], np.float32
)
_AXES = np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]], np.float32)
_AXES /= np.linalg.norm(_AXES, axis=1, keepdims=True)
_CONES_BACK = np.linalg.inv(_CONES)
_DENSITY = -np.log(np.maximum(np.arange(256, dtype=np.float32), 1) / 255)

FAINT = 0.15  # optical density: thinner pixels do not tell their stain
TAILS = (1, 99)  # percentiles that stand for the extremes


class Normaliser(Section):
    """The colours that cells are brought to. Calling it on an image returns the image in them."""

    @classmethod
    @abstractmethod
    def of(cls, image: np.ndarray, inner: np.ndarray) -> Self:
        """The colours of a cell, RGB uint8 (H, W, 3), at some of its pixels, bool (H, W)."""

    @abstractmethod
    def mapped(self, image: np.ndarray, own: Self) -> np.ndarray:
        """Brings an image from its cell's own colours to these; float32 (H, W, 3)."""

    @classmethod
    def fit(cls, images: Iterable[np.ndarray]) -> Self:
        """The mean colours of cells, RGB uint8 (H, W, 3) each on black; each counts the same.

        Raises `DataError` if no image shows a cell.
        """
        found = [cls.of(image, inner) for image in images if (inner := own_pixels(image)[1]).any()]
        if not found:
            raise DataError(
                "No image shows a cell, so there are no colours to bring others to. Train on "
                "images that show cells."
            )
        return cls.mean_of(found)

    @classmethod
    def mean_of(cls, found: list[Self]) -> Self:
        """The mean of each number."""
        names = cls.model_fields
        return cls.parse(
            {
                name: np.mean([getattr(one, name) for one in found], axis=0).tolist()
                for name in names
            }
        )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Returns a cell, RGB uint8 (H, W, 3) on black, in these colours; a black image as it is.

        Pixels of the cell stay within 1 to 255, so that none becomes background.
        """
        lit, inner = own_pixels(image)
        if not lit.any():
            return image
        x, y, w, h = bounding_box(lit)
        box = slice(y, y + h), slice(x, x + w)
        levels = self.mapped(image[box], self.of(image[box], inner[box]))
        inside = np.clip(np.rint(levels), 1, 255).astype(np.uint8)
        result = image.copy()
        result[box] = cv2.copyTo(inside, lit[box].view(np.uint8), result[box].copy())
        return result


class Moments(Normaliser):
    """Mean and standard deviation of a cell's pixels on three axes of logarithms.

    On such axes a brighter lamp shifts a mean, and a denser stain stretches a deviation (the law of
    Beer and Lambert). `SHARE` is how much of a difference in deviation, as a logarithm, goes.
    """

    SHARE: ClassVar[float] = 1.0

    mean: Triple
    deviation: tuple[Spread, Spread, Spread]

    @classmethod
    def of(cls, image: np.ndarray, inner: np.ndarray) -> Self:
        """The statistics of a cell, RGB uint8 (H, W, 3), at some of its pixels, bool (H, W)."""
        mean, deviation = cv2.meanStdDev(cls.to_axes(image), mask=inner.view(np.uint8))
        return cls.parse({"mean": mean[:, 0].tolist(), "deviation": deviation[:, 0].tolist()})

    def mapped(self, image: np.ndarray, own: Self) -> np.ndarray:
        """Shifts and stretches each axis from the cell's own statistics to these."""
        factor = (np.array(self.deviation) / np.maximum(own.deviation, LEAST)) ** self.SHARE
        shift = np.array(self.mean) - factor * own.mean
        moved = cv2.transform(self.to_axes(image), np.column_stack((np.diag(factor), shift)))
        return self.from_axes(moved)

    @staticmethod
    @abstractmethod
    def to_axes(image: np.ndarray) -> np.ndarray:
        """RGB uint8 (H, W, 3) on the axes, float32."""

    @staticmethod
    @abstractmethod
    def from_axes(axes: np.ndarray) -> np.ndarray:
        """The levels, 0 to 255, of values on the axes, float32 (H, W, 3)."""


class Reinhard(Moments):
    """The statistics on the axes of lαβ.

    After Reinhard, Ashikhmin, Gooch and Shirley, Color transfer between images, IEEE Computer
    Graphics and Applications 21, 2001, 34-41.
    """

    @staticmethod
    def to_axes(image: np.ndarray) -> np.ndarray:
        """RGB uint8 (H, W, 3) in lαβ, float32."""
        cones = cv2.transform(np.maximum(image, 1).astype(np.float32), _CONES)
        return np.asarray(cv2.transform(cv2.log(cones), _AXES))

    @staticmethod
    def from_axes(axes: np.ndarray) -> np.ndarray:
        """The levels, 0 to 255, of values in lαβ, float32 (H, W, 3)."""
        return np.asarray(cv2.transform(cv2.exp(cv2.transform(axes, _AXES.T)), _CONES_BACK))


class Densities(Moments):
    """The statistics of the optical density in red, green and blue; for cells of another stain.

    Contrast that the channels have in common, and how it differs between them, are brought to these
    in part only. Half of the former goes: among cells of one stain, how coarse the chromatin is,
    which tells blasts, varies contrast as much as stains do. `SHAPE` of the latter goes, the
    colours of dyes and camera. So a second call brings a cell nearer still.

    correlation: of red and green, red and blue, green and blue within a cell; None of what older
    versions fitted: each channel is then brought to these alone, and half of its contrast stays.
    """

    SHARE: ClassVar[float] = 0.5
    # Chosen of 0.25 to 1 on recoloured cells, drawn and real. Less leaves each stain a shift of its
    # own in the logits, so that thresholds do not carry over; all takes what tells the classes too.
    SHAPE: ClassVar[float] = 0.85

    correlation: tuple[Correlation, Correlation, Correlation] | None = None

    @model_validator(mode="after")
    def _require_correlations(self) -> Self:
        if self.correlation and np.linalg.eigvalsh(self._between)[0] < -ROUNDING:
            raise ValueError("no three channels are correlated so")
        return self

    @classmethod
    def of(cls, image: np.ndarray, inner: np.ndarray) -> Self:
        """The statistics of a cell, RGB uint8 (H, W, 3), at some of its pixels, bool (H, W)."""
        density = np.take(_DENSITY, image[inner].T.copy())  # rows are quick to sum
        covariance = np.cov(density, bias=True, dtype=np.float32)
        deviation = np.sqrt(covariance.diagonal())
        scale = np.maximum(deviation, LEAST)
        within = np.clip(covariance / np.outer(scale, scale), -1, 1)
        return cls.parse(
            {
                "mean": density.mean(axis=1).tolist(),
                "deviation": deviation.tolist(),
                "correlation": within[_PAIRS].tolist(),
            }
        )

    @property
    def covariance(self) -> np.ndarray:
        """Of the densities of a cell, (3, 3), with no direction in which it is flat."""
        deviation = np.maximum(self.deviation, LEAST)
        within = self._between * np.outer(deviation, deviation)
        return _power(within, 1) + LEAST**2 * np.eye(3)  # rounded, it may be flat

    @property
    def _between(self) -> np.ndarray:
        """The correlations as a matrix, (3, 3)."""
        above = np.zeros((3, 3))
        above[_PAIRS] = self.correlation
        return np.asarray(above + above.T + np.eye(3))

    def mapped(self, image: np.ndarray, own: Self) -> np.ndarray:
        """Moves the mean to this one, and brings the covariance nearer to this one.

        The map from one covariance to another is that of the least change: Pitié and Kokaram, The
        linear Monge-Kantorovitch linear colour mapping for example-based colour transfer, CVMP
        2007.
        """
        if self.correlation is None:
            return super().mapped(image, own)
        common = (np.linalg.det(self.covariance) / np.linalg.det(own.covariance)) ** (1 / 6)
        root = _power(own.covariance * common**2, 0.5)
        least = np.linalg.inv(root) @ _power(root @ self.covariance @ root, 0.5)
        change = common**self.SHARE * _power(least @ np.linalg.inv(root), self.SHAPE)
        shift = np.array(self.mean) - change @ own.mean
        return self.from_axes(cv2.transform(self.to_axes(image), np.column_stack((change, shift))))

    @staticmethod
    def to_axes(image: np.ndarray) -> np.ndarray:
        """Optical density, in natural logarithms, of RGB uint8 (H, W, 3), float32."""
        return np.asarray(cv2.LUT(image, _DENSITY))

    @staticmethod
    def from_axes(axes: np.ndarray) -> np.ndarray:
        """The levels, 0 to 255, of optical densities, float32 (H, W, 3)."""
        return np.asarray(255 * cv2.exp(-axes))


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A symmetric positive definite matrix to a power."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T)


class Macenko(Normaliser):
    """The two stains of a cell, as unit vectors of optical density, and how dense each lies.

    vectors: the azure first, which absorbs more of the red light. strengths: the 99th percentile of
    the concentration of each. After Macenko et al., A method for normalizing histology slides for
    quantitative analysis, ISBI 2009, 1107-1110. What two stains do not explain is left out.
    """

    vectors: tuple[Triple, Triple]
    strengths: tuple[Level, Level]

    @classmethod
    def of(cls, image: np.ndarray, inner: np.ndarray) -> Self:
        """The stains of a cell, RGB uint8 (H, W, 3), at some of its pixels, bool (H, W)."""
        density = _DENSITY[image[inner]]
        stained = density[(density > FAINT).all(axis=1)]
        stained = stained if len(stained) > 2 else density
        plane = np.linalg.eigh(np.cov(stained.T))[1][:, :0:-1]  # of the two largest variances
        plane = plane * np.where(plane.sum(axis=0) < 0, -1, 1)
        angles = np.arctan2(*(stained @ plane).T[::-1])
        ends = np.deg2rad(np.percentile(np.rad2deg(angles), TAILS))
        vectors = np.column_stack((np.cos(ends), np.sin(ends))) @ plane.T
        vectors = vectors[np.argsort(-vectors[:, 0])]
        strengths = np.percentile(density @ np.linalg.pinv(vectors), TAILS[1], axis=0)
        return cls._made(vectors, strengths)

    @classmethod
    def mean_of(cls, found: list[Self]) -> Self:
        """The mean directions, again of length 1, and the mean strengths."""
        vectors = np.mean([one.vectors for one in found], axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return cls._made(vectors, np.mean([one.strengths for one in found], axis=0))

    @classmethod
    def _made(cls, vectors: np.ndarray, strengths: np.ndarray) -> Self:
        return cls.parse({"vectors": vectors.tolist(), "strengths": strengths.tolist()})

    def mapped(self, image: np.ndarray, own: Self) -> np.ndarray:
        """Keeps how much of each stain a pixel holds, relative to the most, and exchanges both."""
        factor = np.array(self.strengths) / np.maximum(own.strengths, LEAST)
        exchange = np.linalg.pinv(own.vectors) @ np.diag(factor) @ np.array(self.vectors)
        return np.asarray(255 * cv2.exp(cv2.transform(-cv2.LUT(image, _DENSITY), exchange.T)))


NORMALISERS: dict[str, type[Reinhard] | type[Macenko]] = {"reinhard": Reinhard, "macenko": Macenko}
METHODS = ("none", *NORMALISERS)


def own_pixels(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of a cell on black, and those inside its rim, bool (H, W) both.

    A cell that is nothing but rim counts as a whole.
    """
    lit = lit_mask(image)
    inner = np.zeros_like(lit)
    if lit.any():
        x, y, w, h = bounding_box(lit)
        box = slice(y, y + h), slice(x, x + w)
        inner[box] = depth(lit[box]) > RIM
    return lit, inner if inner.any() else lit
