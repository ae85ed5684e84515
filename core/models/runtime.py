"""OpenVINO as the app uses it: one core, single precision, and memory given back.

A model holds its weights twice: as in the file, and packed for the processor at the first images of
each batch size. The file is mapped, not loaded, so that its pages can be released once the weights
are packed; the system reads a page again if it is needed.
"""

import mmap
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from core import memory
from core.errors import ModelError
from core.settings import settings

CPU = "CPU"  # OpenVINO's name of the processor
MOST_AT_ONCE = 8  # images side by side: each costs memory, and opening files keeps up with no more


@cache
def _core() -> Any:
    import openvino

    memory.keep_little()
    return openvino.Core()


@cache
def devices() -> tuple[str, ...]:
    """The devices that OpenVINO can use here, as it names them."""
    return tuple(_core().available_devices)


def full_name(device: str) -> str:
    """The maker's name of a device; OpenVINO's own for one that is made of others."""
    try:
        return str(_core().get_property(device, "FULL_DEVICE_NAME"))
    except RuntimeError:
        return device


class Compiled:
    """An `openvino.Model` compiled for a device, in single precision; threads may share it.

    hint: LATENCY runs one image, or batch, after another, each on all cores. THROUGHPUT runs
    `at_once` side by side, each on a core of its own.
    """

    def __init__(
        self, model: Any, hint: str = "LATENCY", device: str = CPU, **options: object
    ) -> None:
        """Compiles it; `options` are OpenVINO's. Raises `RuntimeError` for one it cannot run."""
        rules: dict[str, object] = {
            # Processors with bfloat16 would otherwise be given it, at 1e-2 in logit.
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": hint,
            "PERFORMANCE_HINT_NUM_REQUESTS": MOST_AT_ONCE,
        }
        if device == CPU:
            # Threads that are bound to cores leave other models of this process one core.
            rules["ENABLE_CPU_PINNING"] = False
            if cores := settings().cores:
                rules["INFERENCE_NUM_THREADS"] = cores
        self.hint = hint
        self._model = _core().compile_model(model, device, rules | options)
        # Kept, because making a request waits for those that run.
        self._idle: SimpleQueue[Any] = SimpleQueue()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one of the arrays that it takes: (S, S, 3), or (h, w, c)."""
        return tuple(self._model.input(0).partial_shape.get_max_shape())[1:]

    @property
    def at_once(self) -> int:
        """How many calls side by side keep it busy."""
        return int(self._model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def __call__(self, given: np.ndarray, *names: str) -> dict[str, np.ndarray]:
        """Its outputs by name, for (N, ...) of any dtype, which is read as float32.

        With `names`, only those are returned.
        """
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._model.create_infer_request()
        results = request.infer([np.ascontiguousarray(given, np.float32)])
        # An output may also have the name that it had in a file from elsewhere.
        by_name = {name: result for output, result in results.items() for name in output.names}
        copies = {name: by_name[name].copy() for name in names or by_name}
        self._idle.put(request)
        return copies


class MappedFile:
    """An engine file with mapped weights. It must outlive the models compiled from it."""

    def __init__(self, file: Path) -> None:
        """Takes the .xml, its .bin beside it. Raises `ModelError` where that holds nothing."""
        import openvino

        self.file = file
        try:
            with file.with_suffix(".bin").open("rb") as weights:
                # OpenVINO takes writable memory alone. A private mapping is; none is written to.
                self._map = mmap.mmap(weights.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise self.damaged(error) from None
        self._tensor = openvino.Tensor(np.frombuffer(self._map, np.uint8), shared_memory=True)

    def model(self) -> Any:
        """Its `openvino.Model`, read anew. Raises `ModelError` for a damaged file."""
        try:
            return _core().read_model(self.file.read_bytes(), self._tensor)
        except (OSError, RuntimeError) as error:
            raise self.damaged(error) from None

    def release(self) -> None:
        """Releases the weights in memory, if the system can."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def damaged(self, error: Exception) -> ModelError:
        """Returns the error for a file that OpenVINO rejects."""
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return ModelError(f"{self.file} is damaged ({reason}). Train the run again.")
