"""Reads a legacy PyTorch checkpoint without PyTorch, and without running what the file might say.

The format is a row of pickles (magic number, protocol, system, state, storage keys) followed by the raw storages. Only
tensors, storages and ordered dictionaries may be named in it; anything else is refused.
"""

import collections
import pickle
import struct
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

STORAGES: Final[dict[str, np.dtype[Any]]] = {"FloatStorage": np.dtype(np.float32), "LongStorage": np.dtype(np.int64)}


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows tensors and nothing else."""

    def __init__(self, handle: BinaryIO) -> None:
        super().__init__(handle)
        self.dtypes: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name.startswith("_rebuild_tensor"):
            return lambda storage, offset, size, stride, *_rest: (storage, offset, tuple(size), tuple(stride))
        if module == "torch" and name in STORAGES:
            return name
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, identity: Any) -> str:
        _, storage, key, *_rest = identity
        self.dtypes[key] = STORAGES[storage]
        return str(key)


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """Read the tensors of a checkpoint by name.

    Raises
    ------
    ValueError
        The file is not a legacy checkpoint, or names what is no tensor.
    OSError
        The file cannot be read.
    """
    try:
        with path.open("rb") as handle:
            for _ in range(3):
                _Unpickler(handle).load()
            reader = _Unpickler(handle)
            state = reader.load()
            keys = _Unpickler(handle).load()
            left = path.stat().st_size
            storages = {key: _storage(handle, reader.dtypes[key], left) for key in keys}
        return {
            name: _tensor(storages[key], offset, size, stride) for name, (key, offset, size, stride) in state.items()
        }
    except OSError:
        raise
    except Exception as error:  # damaged pickles raise whatever their opcodes run into
        raise ValueError(f"{path.name} is not a checkpoint that can be read: {error}") from None


def _storage(handle: BinaryIO, dtype: np.dtype[Any], most: int) -> NDArray[Any]:
    (count,) = struct.unpack("<q", handle.read(8))
    size = count * dtype.itemsize
    content = handle.read(size) if 0 <= size <= most else b""
    if len(content) != size:
        raise EOFError("it ends too early")
    return np.frombuffer(content, dtype)


def _tensor(storage: NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> NDArray[Any]:
    # as_strided reads any memory that it is told to
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if min(offset, *size, *stride, 0) < 0 or last >= len(storage):
        raise IndexError("a tensor reaches beyond its storage")
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps).copy()
