"""Runs an exported classifier with OpenVINO, without TensorFlow."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.data.manifest import Progress
from core.errors import ModelError


@dataclass(frozen=True)
class EngineOutput:
    """What an engine says of N images, float32.

    features (N, h, w, c): the backbone's feature map. logit (N,): log-odds of ALL.
    gradient (N, h, w, c): derivative of the logit by the feature map.
    """

    features: np.ndarray
    logit: np.ndarray
    gradient: np.ndarray


class Engine:
    """A run's `engine.xml`, compiled on first use. Threads may share one."""

    def __init__(self, file: Path) -> None:
        """Takes the .xml file. Raises `ModelError` if it or its .bin is not there."""
        for part in (file, file.with_suffix(".bin")):
            if not part.is_file():
                raise ModelError(
                    f"{part} is missing, so this run cannot read images. Train it again."
                )
        self.file = file

    @cached_property
    def _model(self) -> Any:
        import openvino

        # Processors with bfloat16 would otherwise be given it, at 1e-2 in logit.
        options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        try:
            return openvino.Core().compile_model(str(self.file), "CPU", options)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{self.file} is damaged ({reason}). Train the run again.") from None

    def __call__(self, pixels: np.ndarray) -> EngineOutput:
        """Reads RGB uint8 (N, S, S, 3). Raises `ModelError` for another shape or dtype."""
        expected = tuple(self._model.input(0).partial_shape.get_max_shape())[1:]
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != expected:
            raise ModelError(
                f"The engine takes uint8 pixels (N, {', '.join(map(str, expected))}), not "
                f"{pixels.dtype} {pixels.shape}. Prepare images with core.data.images.fit."
            )
        request = self._model.create_infer_request()
        results = request.infer([np.ascontiguousarray(pixels)])
        return EngineOutput(**{name: results[name].copy() for name in EngineOutput.__annotations__})

    def logits(
        self, pixels: np.ndarray, batch: int = 32, progress: Progress | None = None
    ) -> np.ndarray:
        """Logits alone, float32 (N,), batch by batch, so that memory stays bounded."""
        parts = []
        for start in range(0, len(pixels), batch):
            parts.append(self(pixels[start : start + batch]).logit)
            if progress:
                progress(min(start + batch, len(pixels)), len(pixels))
        return np.concatenate(parts) if parts else np.empty(0, np.float32)
