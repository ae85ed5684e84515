"""ONNX files, written byte by byte: nothing here needs the package that writes them."""

from collections.abc import Iterable

import numpy as np

FLOAT = 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | str | bytes) -> bytes:
    """A field of a protocol buffer: a whole number, or text, bytes or a message with its length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, array: np.ndarray) -> bytes:
    dims = b"".join(field(1, side) for side in array.shape)
    return dims + field(2, FLOAT) + field(8, name) + field(9, array.astype("<f4").tobytes())


def _value(name: str, shape: Iterable[int | str]) -> bytes:
    dims = [field(1, s) if isinstance(s, int) else field(2, s) for s in shape]
    shape_proto = b"".join(field(1, dim) for dim in dims)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, shape_proto)))


def _node(kind: str, inputs: Iterable[str], output: str) -> bytes:
    return b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind)


def convolution(weights: np.ndarray, side: int) -> bytes:
    """A convolution without padding and a ReLU, channels first: (N, 3, S, S) to (N, c, h, w).

    weights: (c, 3, k, k).
    """
    left = side - weights.shape[-1] + 1
    graph = (
        field(1, _node("Conv", ["images", "weights"], "convolved"))
        + field(1, _node("Relu", ["convolved"], "map"))
        + field(2, "backbone")
        + field(5, _tensor("weights", weights))
        + field(11, _value("images", ["N", 3, side, side]))
        + field(12, _value("map", ["N", len(weights), left, left]))
    )
    return field(1, 8) + field(8, field(1, "") + field(2, 13)) + field(7, graph)
