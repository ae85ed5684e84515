"""Lays white cells, red cells and platelets on glass, stains and photographs them.

Depths are pixels of a C-NMC image, positive inside; `scale` is field pixels per such pixel; maps
are float32 (H, W) over the field.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import cv2
import numpy as np

from core.data.synthetic import red_cell, white_cell
from core.data.synthetic.placement import Disc, lay_out
from core.data.synthetic.style import SubjectStyle

SCALE = 0.8  # puts a lymphocyte at about 160 pixels and a red cell at about 100
RIM = 4.0  # mean width of the cytoplasm around C-NMC's outline, pixels of a C-NMC image

Kind = Literal["blast", "lymphocyte", "red cell", "platelet"]
LABELS: dict[Kind, int] = {"blast": 1, "lymphocyte": 0}


class Look(NamedTuple):
    """How lamp, dyes and camera show a smear; each is one number per channel, RGB."""

    light: tuple[float, float, float] = (1, 1, 1)  # factor on the brightness of empty glass
    contrast: tuple[float, float, float] = (1, 1, 1)  # factor on the optical density of the dyes
    haemoglobin: tuple[float, float, float] = (0.46, 0.66, 0.42)  # optical density of a red cell


class FieldObject(NamedTuple):
    """One cell or platelet of a field."""

    kind: Kind
    bbox: tuple[int, int, int, int]  # x, y, w, h in pixels of the visible part
    cut: bool  # reaches the border of the field
    touching: bool  # meets another white cell, red cell or platelet, whichever it is itself
    label: int | None  # 1 ALL, 0 HEM, None for what is not a white cell


class _Part(NamedTuple):
    """The visible pixels of one object: a bool mask (h, w) and where its corner lies."""

    top: int
    left: int
    mask: np.ndarray


@dataclass
class Smear:
    """A field of `size` (H, W) while it is filled: white cells first, the rest around them."""

    rng: np.random.Generator
    style: SubjectStyle
    size: tuple[int, int]
    scale: float
    objects: list[FieldObject] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with empty glass."""
        self.depth = np.full(self.size, -200, np.float32)  # inside the membrane of a white cell
        self.nucleus = self.depth.copy()
        self.chromatin = np.zeros(self.size, np.float32)
        self.cytoplasm = self.chromatin.copy()
        self.maturity = self.chromatin.copy()
        self.haemoglobin = self.chromatin.copy()
        self.mask = np.zeros(self.size, np.uint8)
        self.instances = np.zeros(self.size, np.int32)
        self.white_cells = 0
        # As many red cells and platelets a square millimetre at any scale.
        self.share = self.size[0] * self.size[1] / (480 * 640) * (SCALE / self.scale) ** 2

    def add_white_cells(self, blasts: int, lymphocytes: int) -> None:
        """Lay the white cells, in random order. Raises CrowdedError where they do not fit."""
        kinds: list[Kind] = ["blast" for _ in range(blasts)]
        kinds += ["lymphocyte" for _ in range(lymphocytes)]
        kinds = [kinds[index] for index in self.rng.permutation(len(kinds))]
        maturities = [
            (-1.0 if kind == "blast" else 1.0) + self.style.maturity + self.rng.normal(0, 0.36)
            for kind in kinds
        ]
        cells = [self._draw_outlines(maturity) for maturity in maturities]
        places = lay_out(self.rng, [membrane * self.scale for membrane, _ in cells], self.size)
        for maturity, cell, place in zip(maturities, cells, places, strict=True):
            self._stain_white_cell(maturity, *cell, place)
        self.mask[self.instances > 0] = 128
        self.mask[(self.instances > 0) & (self.nucleus > 0)] = 255
        numbers = range(1, self.white_cells + 1)
        self._record(kinds, [_Part(0, 0, self.instances == number) for number in numbers])
        # Red cells and platelets give way: how far each pixel is from the nearest white cell.
        elsewhere = (self.instances == 0).astype(np.uint8)
        distance = cv2.distanceTransform(elsewhere, cv2.DIST_L2, 5)
        self.free = np.minimum(distance, sum(self.size)) / self.scale  # no white cell: no limit

    def add_red_cells(self) -> None:
        """Strew red cells between the white ones, apart or in piles, as thick as by chance."""
        rng, (height, width) = self.rng, self.size
        size, pallor, crowding = np.exp(rng.normal(0, 0.04)), rng.uniform(0.6, 1), rng.random()
        discs: list[Disc] = []
        parts = []
        for _ in range(round(rng.uniform(12, 24) * self.share)):
            outline = red_cell.draw_red_outline(rng, size)
            radius = float(outline.mean() * self.scale)
            for _ in range(12):
                x, y = rng.uniform(-radius / 2, [width + radius / 2, height + radius / 2])
                place = Disc(float(x), float(y), radius)
                gap = place.gap(discs)
                if gap > 0.04 * radius or (gap > -1.5 * radius and rng.random() < 0.3 * crowding):
                    break
            else:
                continue
            depth = red_cell.depth_map(outline, self.scale)
            target, source = self._overlap(depth.shape, place)
            depth = np.minimum(depth[source], self.free[target] - rng.uniform(1, 4))
            mask = depth > 0
            if mask.sum() < 0.25 * np.pi * radius**2:
                continue
            drawn = red_cell.draw_thickness(rng, depth, radius / self.scale, pallor)
            below = self.haemoglobin[target]
            # Cells that lie on each other flatten, so the thinner one adds less than it holds.
            self.haemoglobin[target] = np.maximum(below, drawn) + 0.45 * np.minimum(below, drawn)
            discs.append(place)
            parts.append(_Part(target[0].start, target[1].start, mask))
        self._record(["red cell"] * len(parts), parts)

    def add_platelets(self) -> None:
        """Strew platelets, between the red cells or on them."""
        parts = []
        for _ in range(self.rng.poisson(1.5 * self.share)):
            outline = red_cell.draw_platelet_outline(self.rng)
            y, x = self.rng.uniform(0, self.size)
            depth = red_cell.depth_map(outline, self.scale)
            target, source = self._overlap(depth.shape, Disc(x, y, 0))
            depth = np.minimum(depth[source], self.free[target] - 2)
            mask = depth > 0
            if mask.sum() < 0.5 * np.pi * (outline.mean() * self.scale) ** 2:
                continue
            granules, body = red_cell.draw_granules(self.rng, depth)
            # The granules take the dye of chromatin, but there is no nucleus deeper down.
            self.nucleus[target][mask] = np.minimum(depth[mask], 4)
            self.chromatin[target][mask] = granules[mask]
            self.cytoplasm[target] = np.maximum(self.cytoplasm[target], body)
            parts.append(_Part(target[0].start, target[1].start, mask))
        self._record(["platelet"] * len(parts), parts)

    def photograph(self, look: Look) -> np.ndarray:
        """Return the field as lamp, dyes, lens and camera show it, RGB uint8 (H, W, 3)."""
        stained = white_cell.apply_stain(
            self.rng, self.style, self.maturity, self.nucleus, self.chromatin, self.cytoplasm
        )
        # The lamp, where no dye dims it.
        glass = np.array([channel.max() for channel in cv2.split(stained)])
        light, contrast, haemoglobin = (np.array(channels, np.float32) for channels in look)
        image = glass * light * (stained / glass) ** contrast
        image *= np.exp(-self.haemoglobin[..., None] * haemoglobin)
        lamp = white_cell.draw_illumination(self.rng, self.style, self.size)
        image *= (lamp * self._draw_glass())[..., None]
        image = white_cell.apply_focus(self.rng, self.style, image)
        pixels: np.ndarray = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        return pixels

    def _draw_glass(self) -> np.ndarray:
        """Return a factor near 1: darker corners, and plasma that dried unevenly."""
        height, width = self.size
        y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        stains = self.rng.normal(0, 0.012, (6, 8)).astype(np.float32)
        plasma = cv2.resize(stains, (width, height), interpolation=cv2.INTER_CUBIC)
        factor: np.ndarray = 1 - self.rng.uniform(0, 0.05) * (x**2 + y**2) + plasma
        return factor.astype(np.float32)

    def _draw_outlines(self, maturity: float) -> tuple[np.ndarray, np.ndarray]:
        """Return a white cell's membrane and nuclear envelope, each a radius per angle."""
        membrane = white_cell.draw_outline(self.rng, self.style, maturity)
        envelope = white_cell.draw_nucleus(self.rng, self.style, maturity, membrane)
        # C-NMC's cut-outs show hardly any cytoplasm; on glass a thin rim of it is seen.
        return membrane + self.rng.gamma(3, RIM / 3), envelope

    def _stain_white_cell(
        self, maturity: float, membrane: np.ndarray, envelope: np.ndarray, place: Disc
    ) -> None:
        """Add one white cell's dyes. It is drawn at C-NMC's scale, as textures are, then shrunk."""
        self.white_cells += 1
        half = int(membrane.max()) + 8
        depth, nucleus = (red_cell.depth_map(edge, 1, half) for edge in (membrane, envelope))
        chromatin = white_cell.draw_chromatin(self.rng, self.style, maturity, depth.shape)
        chromatin *= white_cell.draw_nucleoli(self.rng, maturity, nucleus)
        chromatin *= white_cell.draw_lining(self.rng, maturity, nucleus)
        cytoplasm = white_cell.draw_cytoplasm(self.rng, depth.clip(-60)) * red_cell.soft_edge(depth)
        layers = np.dstack([depth, nucleus, chromatin, cytoplasm]).astype(np.float32)
        side = 2 * round(half * self.scale) + 1
        layers = cv2.resize(layers, (side, side), interpolation=cv2.INTER_AREA)
        target, source = self._overlap(layers.shape, place)
        depth, nucleus, chromatin, cytoplasm = np.moveaxis(layers[source], 2, 0)

        # Where two cells press on each other, each keeps its side of a flat contact.
        lead = (depth - self.depth[target]) / 2
        own = (lead > 0) & (depth > -5)
        kept = np.minimum(self.nucleus[target], -1 - lead)
        self.nucleus[target] = np.where(own, np.minimum(nucleus, lead - 1), kept)
        for dye, drawn in ((self.chromatin, chromatin), (self.cytoplasm, cytoplasm)):
            dye[target] = np.where(own, drawn, dye[target])
        self.maturity[target] = np.where(own, maturity, self.maturity[target])
        self.instances[target][own & (depth > 0)] = self.white_cells
        self.depth[target] = np.maximum(self.depth[target], depth)

    def _overlap(
        self, shape: tuple[int, ...], place: Disc
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return where a patch (h, w) centred on `place` lies in the field, and that part of it."""
        target, source = [], []
        for centre, side, length in zip((place.y, place.x), shape, self.size, strict=False):
            start = round(centre) - side // 2
            first, last = max(start, 0), max(min(start + side, length), 0)
            target.append(slice(first, last))
            source.append(slice(first - start, last - start))
        return (target[0], target[1]), (source[0], source[1])

    def _record(self, kinds: Sequence[Kind], parts: list[_Part]) -> None:
        """Note the objects of one sort, all at once, for which of them touch."""
        height, width = self.size
        crowd = np.zeros((height + 2, width + 2), np.uint16)  # with a margin to grow into
        for top, left, mask in parts:
            grown = cv2.dilate(np.pad(mask, 1).astype(np.uint8), np.ones((3, 3), np.uint8))
            crowd[top : top + grown.shape[0], left : left + grown.shape[1]] += grown
        for kind, (top, left, mask) in zip(kinds, parts, strict=True):
            x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
            x, y = x + left, y + top
            cut = x == 0 or y == 0 or x + w == width or y + h == height
            around = crowd[1 + top :, 1 + left :][: mask.shape[0], : mask.shape[1]]
            touching = bool((around[mask] > 1).any())
            self.objects.append(FieldObject(kind, (x, y, w, h), cut, touching, LABELS.get(kind)))
