"""Runs an exported classifier with OpenVINO, without TensorFlow."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.data.manifest import Progress
from core.errors import ModelError
from core.models.head import Head

# One shuffled head may by chance resemble what was learned; three seldom do.
SHUFFLED_HEADS = 3


@dataclass(frozen=True)
class EngineOutput:
    """What an engine says of N images, float32.

    features (N, h, w, c): the backbone's feature map. logit (N,): log-odds of ALL.
    gradient (N, h, w, c): derivative of the logit by the feature map.
    """

    features: np.ndarray
    logit: np.ndarray
    gradient: np.ndarray

    def part(self, row: int) -> "EngineOutput":
        """What it says of one image, N = 1."""
        of = slice(row, row + 1)
        return EngineOutput(self.features[of], self.logit[of], self.gradient[of])


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
        return self._compiled(str(self.file))

    @cached_property
    def _model_of_floats(self) -> Any:
        import openvino

        graph = self._graph()
        graph.get_parameters()[0].set_element_type(openvino.Type.f32)
        graph.validate_nodes_and_infer_types()
        return self._compiled(graph)

    def _compiled(self, graph: Any) -> Any:
        import openvino

        # Processors with bfloat16 would otherwise be given it, at 1e-2 in logit.
        options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        try:
            return openvino.Core().compile_model(graph, "CPU", options)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{self.file} is damaged ({reason}). Train the run again.") from None

    @cached_property
    def head(self) -> Head:
        """Feature map to logit and gradient, cut out of this engine."""
        return Head(self._graph())

    @cached_property
    def shuffled_heads(self) -> tuple[Head, ...]:
        """Heads that have learned nothing, the same ones at each call: see `Head`."""
        return tuple(Head(self._graph(), seed) for seed in range(SHUFFLED_HEADS))

    def features(self, pixels: np.ndarray) -> np.ndarray:
        """Features (N, h, w, c) of pixels that no file holds: float32 (N, S, S, 3), 0..255.

        The first call compiles the engine a second time.
        """
        request = self._model_of_floats.create_infer_request()
        return request.infer([np.ascontiguousarray(pixels, np.float32)])["features"].copy()

    def _graph(self) -> Any:
        import openvino

        return openvino.Core().read_model(str(self.file))

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
        return self.predict(pixels, batch, progress)[0]

    def predict(
        self, pixels: np.ndarray, batch: int = 32, progress: Progress | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits, float32 (N,), and features averaged over the map, (N, c), batch by batch."""
        logits, pooled = [np.empty(0, np.float32)], []
        for start in range(0, len(pixels), batch):
            output = self(pixels[start : start + batch])
            logits.append(output.logit)
            pooled.append(output.features.mean(axis=(1, 2)))
            if progress:
                progress(min(start + batch, len(pixels)), len(pixels))
        return np.concatenate(logits), np.concatenate(pooled) if pooled else np.empty((0, 0), "f4")
