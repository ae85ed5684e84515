"""OpenVINO as the app uses it: one core, single precision, and memory given back.

What a model holds, beside its code, is its weights twice: as the file has them, and packed for the
processor at the first images of each batch size. The file's are mapped here, not loaded, so that
they can be let go of once they are packed; a page that is needed again comes back by itself.
"""

import mmap
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core import memory
from core.errors import ModelError


@cache
def _core() -> Any:
    import openvino

    memory.keep_little()
    return openvino.Core()


def compiled(model: Any, **options: object) -> Any:
    """An `openvino.Model` made ready for this processor, in single precision.

    Processors with bfloat16 would otherwise be given it, at 1e-2 in logit.
    """
    rules = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return _core().compile_model(model, "CPU", rules | options)


class MappedFile:
    """An engine's file, its weights mapped. It has to outlive what is compiled of its models."""

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
        """Lets go of the weights in memory, where the system can."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def damaged(self, error: Exception) -> ModelError:
        """The error to raise for a file that OpenVINO does not take."""
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return ModelError(f"{self.file} is damaged ({reason}). Train the run again.")
