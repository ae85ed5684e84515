"""Runs an exported classifier with OpenVINO, without TensorFlow."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core import memory
from core.data.walk import Progress
from core.errors import ModelError
from core.models import device as devices
from core.models.device import Placement
from core.models.head import Head, cut
from core.models.runtime import CPU, Compiled, MappedFile

# One shuffled head may by chance resemble what was learned; three seldom do.
SHUFFLED_HEADS = 3
# Images in memory together: more gain hardly any time, and cost some 10 MiB each and model. So many
# of USUAL x USUAL pixels; of smaller ones as many as have as many pixels.
AT_ONCE = 2
USUAL = 224
# One core reads an image of at most SMALL x SMALL pixels in a few ms; several cores that share it
# spend more time on waiting for one another than they save.
SMALL = 112
Result = TypeVar("Result")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineOutput:
    """The output of an engine for N images, float32.

    features (N, h, w, c): the backbone's feature map. logit (N,): log-odds of ALL.
    gradient (N, h, w, c): derivative of the logit by the feature map.
    """

    features: np.ndarray
    logit: np.ndarray
    gradient: np.ndarray

    def part(self, row: int) -> "EngineOutput":
        """Returns the output of one image, N = 1."""
        of = slice(row, row + 1)
        return EngineOutput(self.features[of], self.logit[of], self.gradient[of])


class Engine:
    """A run's `engine.xml`, compiled on first use. Threads may share one."""

    def __init__(self, file: Path, setting: str | None = None) -> None:
        """Takes the .xml file, and what to run it on in place of `BLASTLENS_DEVICE`.

        Raises `ModelError` if the file or its .bin is missing, `ConfigError` if there is no such
        device; see `core.models.device`.
        """
        for part in (file, file.with_suffix(".bin")):
            if not part.is_file():
                raise ModelError(
                    f"{part} is missing, so this run cannot read images. Train it again."
                )
        devices.require(setting)  # before any work is done
        self.file, self._setting = file, setting
        self._placement: Placement | None = None
        self._making = threading.RLock()
        self._model: Compiled | None = None
        self._packed: set[int] = set()  # sizes of batches that its weights are packed for
        self._many = 0  # callers who read many images at once

    @cached_property
    def _mapped(self) -> MappedFile:
        return MappedFile(self.file)

    def _ready(self) -> Compiled:
        """Takes float32, so that one model reads pixels of files and interpolated ones."""
        import openvino

        with self._making:
            if self._model is None:
                model = self._mapped.model()
                model.get_parameters()[0].set_element_type(openvino.Type.f32)
                try:
                    model.validate_nodes_and_infer_types()
                    size = model.input(0).partial_shape.get_max_shape()[1]
                    self._model = self._compile(model, self._hint(size))
                except RuntimeError as error:
                    raise self._mapped.damaged(error) from None
                self._packed = set()
            return self._model

    def _compile(self, model: Any, hint: str) -> Compiled:
        if self._placement is not None:  # compared with the processor already
            return Compiled(model, hint, self._placement.device)
        compiled, self._placement = devices.place(model, hint, self._setting)
        if self._placement.reason:
            log.warning("%s.", self._placement.reason)
        return compiled

    @property
    def placement(self) -> Placement:
        """What it runs on. Compiles it."""
        self._ready()
        assert self._placement is not None
        return self._placement

    def _hint(self, size: int) -> str:
        """OpenVINO's performance hint for images of size x size pixels."""
        return "THROUGHPUT" if self._many or size <= SMALL else "LATENCY"

    @contextmanager
    def many_at_once(self) -> Iterator[int]:
        """While entered, reads images in parallel, one a core, instead of one image on all cores.

        This is faster for many images and slower for one. Yields the number of parallel calls that
        keep all cores busy.
        """
        self._count(1)
        try:
            yield self._ready().at_once
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._making:
            self._many += more
            if self._model and self._model.hint != self._hint(self._model.shape[0]):
                self._model = None  # compiled anew when it is needed; calls under way keep theirs
                self._mapped.release()
        memory.give_back()

    @cached_property
    def head(self) -> Head:
        """Feature map to logit and gradient, cut out of this engine."""
        return self._heads(None)[0]

    @cached_property
    def shuffled_heads(self) -> tuple[Head, ...]:
        """Untrained heads, the same ones at each call: see `Head`."""
        return self._heads(*range(SHUFFLED_HEADS))

    def _heads(self, *seeds: int | None) -> tuple[Head, ...]:
        with self._making:
            part = cut(self._mapped.model())
            heads = tuple(Head(part, seed) for seed in seeds)
            self._mapped.release()
        memory.give_back()
        return heads

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """Features (N, h, w, c) of interpolated pixels: float32 (N, S, S, 3), 0..255."""
        return self._read(pixels).features

    def __call__(self, pixels: np.ndarray) -> EngineOutput:
        """Reads RGB uint8 (N, S, S, 3). Raises `ModelError` if shape or dtype differ."""
        return self._read(self._checked(pixels))

    def _checked(self, pixels: np.ndarray) -> np.ndarray:
        expected = self.shape
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != expected:
            raise ModelError(
                f"The engine takes uint8 pixels (N, {', '.join(map(str, expected))}), not "
                f"{pixels.dtype} {pixels.shape}. Prepare images with core.data.geometry.fit."
            )
        return pixels

    @property
    def shape(self) -> tuple[int, ...]:
        """(S, S, 3) of the images it reads."""
        return self._ready().shape

    def _read(self, pixels: np.ndarray) -> EngineOutput:
        parts = self._in_parts(self._infer, pixels)
        if len(parts) == 1:
            return parts[0]
        names = vars(parts[0])
        return EngineOutput(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        )

    def _in_parts(
        self, read: Callable[[np.ndarray], Result], pixels: np.ndarray, size: int | None = None
    ) -> list[Result]:
        """What `read` returns of each part, of `size` images; side by side where the engine can."""
        size = size or AT_ONCE * max(1, (USUAL // pixels.shape[1]) ** 2)
        parts = [pixels[start : start + size] for start in range(0, max(1, len(pixels)), size)]
        if len(parts) == 1 or self._ready().at_once == 1:
            return [read(part) for part in parts]
        with ThreadPoolExecutor(self._ready().at_once) as pool:
            return list(pool.map(read, parts))

    def _infer(self, pixels: np.ndarray) -> EngineOutput:
        return EngineOutput(**self._outputs(pixels, "features", "logit", "gradient"))

    def _outputs(self, pixels: np.ndarray, *names: str) -> dict[str, np.ndarray]:
        compiled = self._ready()
        try:
            outputs = compiled(pixels, *names)
        except RuntimeError as error:
            outputs = self._leave_gpu(error)(pixels, *names)
        if len(pixels) not in self._packed:
            # The first of a size packs the weights for it; from then on the file's are not used.
            self._packed.add(len(pixels))
            self._mapped.release()
            memory.give_back()
        return outputs

    def _leave_gpu(self, error: RuntimeError) -> Compiled:
        """The model on the processor, after a GPU has failed in the middle, as without memory.

        Raises `error` on the processor itself, `ModelError` if only a GPU will do.
        """
        with self._making:
            placed = self.placement
            if placed == Placement():
                raise error
            if placed.device != CPU:  # another thread may have left it already
                reason = f"{placed.device} failed: {(str(error).strip().splitlines() or ['?'])[-1]}"
                if (self._setting or devices.chosen()) == devices.ONLY_GPU:
                    raise ModelError(f"{reason}. Set BLASTLENS_DEVICE to auto or cpu.") from None
                log.warning("%s. The processor goes on.", reason)
                self._placement, self._model = Placement(CPU, reason), None
            return self._ready()

    def logits(self, pixels: np.ndarray, batch: int | None = None) -> np.ndarray:
        """Returns logits, float32 (N,), of RGB uint8 (N, S, S, 3).

        `batch` images are read together, or else as many as cost little memory.
        """
        parts = self._in_parts(
            lambda part: self._outputs(part, "logit")["logit"], self._checked(pixels), batch
        )
        return np.concatenate(parts)

    def predict(
        self, pixels: np.ndarray, batch: int = 32, progress: Progress | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits, float32 (N,), and features averaged over the map, (N, c), batch by batch."""
        logits, pooled = [np.empty(0, np.float32)], []
        for start in range(0, len(pixels), batch):
            output = self._infer(self._checked(pixels[start : start + batch]))
            logits.append(output.logit)
            pooled.append(output.features.mean(axis=(1, 2)))
            if progress:
                progress(min(start + batch, len(pixels)), len(pixels))
        return np.concatenate(logits), np.concatenate(pooled) if pooled else np.empty((0, 0), "f4")
