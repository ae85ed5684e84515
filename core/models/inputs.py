"""How pixels enter a network: their range, and the order of red, green and blue."""

from dataclasses import dataclass

import numpy as np

# Channel means and deviations of ImageNet, RGB of 0..255, as published weights were trained with.
TORCH_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
TORCH_DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)
CAFFE_MEAN = (123.68, 116.779, 103.939)
CHANNELS = ("rgb", "bgr")


@dataclass(frozen=True)
class Scaling:
    """What is subtracted from the red, green and blue of a pixel, and what that is divided by."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


SCALINGS = {
    "0..255": Scaling((0, 0, 0), (1, 1, 1)),
    "0..1": Scaling((0, 0, 0), (255, 255, 255)),
    "-1..1": Scaling((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "imagenet": Scaling(TORCH_MEAN, TORCH_DEVIATION),
    "imagenet-mean": Scaling(CAFFE_MEAN, (1, 1, 1)),
}


@dataclass(frozen=True)
class InputContract:
    """What a network expects of its pixels: a key of `SCALINGS` and one of `CHANNELS`."""

    pixels: str
    channels: str

    def __str__(self) -> str:
        return f"{self.pixels}, {self.channels.upper()}"

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """RGB uint8 (N, S, S, 3) as the network expects it, float32."""
        scaling = SCALINGS[self.pixels]
        mean, deviation = (np.array(v, np.float32) for v in (scaling.mean, scaling.deviation))
        scaled: np.ndarray = (pixels - mean) / deviation
        return scaled[..., ::-1] if self.channels == "bgr" else scaled


CONTRACTS = tuple(InputContract(pixels, order) for order in CHANNELS for pixels in SCALINGS)
