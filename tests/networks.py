"""Small networks with seeded weights, for the tests: they test how a file is read, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from labelonce.embedding.runtime import quiet_tensorflow
from pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from PIL import Image

    from labelonce.embedding.base import Embedder

INT, INTS = 2, 7  # kinds of attributes
FLOAT, UINT8, INT64 = 1, 2, 7  # kinds of tensors


def embed(embedder: Embedder, *images: Image.Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The vectors of images, by way of files."""
    return embedder.embed([embedder.prepare(picture(image)) for image in images])


def save_vgg16(path: Path) -> Path:
    """Weights of VGG16's shape."""
    quiet_tensorflow()
    import keras

    keras.utils.set_random_seed(0)
    keras.applications.VGG16(weights=None, include_top=False).save_weights(path)
    return path


def save_keras(path: Path, *shapes: tuple[int | None, ...], bias: float = 0.0) -> Path:
    """A whole model of one convolution of 8 x 8 pixels for each input; of 32 x 32 pixels, if nothing else is said."""
    quiet_tensorflow()
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    sources = [keras.Input(shape) for shape in shapes or [(32, 32, 3)]]
    convolution = layers.Conv2D(8, 8, 8, activation="relu", bias_initializer=keras.initializers.Constant(bias))
    maps = [convolution(source) for source in sources]
    output = maps[0] if len(maps) == 1 else layers.Add()(maps)
    if None not in output.shape[1:]:
        output = layers.Flatten()(output)
    keras.Model(sources if len(sources) > 1 else sources[0], output).save(path)
    return path


def save_onnx(
    path: Path,
    shape: Iterable[int | str] = ("batch", 3, 32, 32),
    *,
    kind: int = FLOAT,
    weights: np.ndarray[Any, Any] | None = None,
    inputs: Iterable[str] = ("picture",),
    flat: bool = True,
    elsewhere: str | None = None,
) -> Path:
    """A convolution of 8 x 8 pixels with colours first, (3, h, w) → (8, h / 8, w / 8), flattened or not.

    The bytes of the file are written by hand, field by field as onnx.proto numbers them: `onnx` itself is not needed.

    Parameters
    ----------
    path
        Where the file is written.
    shape
        Of the inputs; a name stands for any length.
    kind
        Of the inputs' values: `FLOAT`, `UINT8`, `INT64`.
    weights
        (8, 3, 8, 8); None for seeded ones.
    inputs
        Their names. Only the first is looked at.
    flat
        Whether the output is flattened.
    elsewhere
        Name of the file that holds the weights, instead of `path`.
    """
    if weights is None:
        weights = np.random.default_rng(0).normal(0, 0.1, (8, 3, 8, 8))
    data = weights.astype(np.float32).tobytes()
    where = _field(9, data) if elsewhere is None else _elsewhere(elsewhere)
    if elsewhere is not None:
        path.with_name(elsewhere).write_bytes(data)
    tensor = b"".join(_field(1, length) for length in weights.shape) + _field(2, FLOAT) + _field(8, "weights") + where
    steps = [
        _node("Cast", ["picture"], "cast", _field(5, _field(1, "to") + _field(3, FLOAT) + _field(20, INT))),
        _node("Conv", ["cast", "weights"], "maps", _field(5, _field(1, "strides") + _ints(8, 8) + _field(20, INTS))),
        _node("Relu", ["maps"], "output") if not flat else _node("Flatten", ["maps"], "output"),
    ]
    graph = b"".join(_field(1, step) for step in steps) + _field(2, "test") + _field(5, tensor)
    graph += b"".join(_field(11, _value(name, kind, shape)) for name in inputs)
    graph += _field(12, _field(1, "output"))
    path.write_bytes(_field(1, 8) + _field(8, _field(2, 17)) + _field(7, graph))
    return path


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _field(number: int, value: int | str | bytes) -> bytes:
    """A field of a protocol buffer: a whole number, or what has a length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _ints(*values: int) -> bytes:
    return b"".join(_field(8, value) for value in values)


def _node(operator: str, sources: Iterable[str], target: str, attributes: bytes = b"") -> bytes:
    return b"".join(_field(1, source) for source in sources) + _field(2, target) + _field(4, operator) + attributes


def _value(name: str, kind: int, shape: Iterable[int | str]) -> bytes:
    axes = (_field(1, _field(1 if isinstance(length, int) else 2, length)) for length in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, b"".join(axes))))


def _elsewhere(name: str) -> bytes:
    return _field(13, _field(1, "location") + _field(2, name)) + _field(14, 1)
