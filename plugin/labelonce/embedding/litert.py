"""Networks run by LiteRT (formerly TensorFlow Lite): a third of TensorFlow's CPU time, and none to import it."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

GREETING: Final = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
_loading = threading.Lock()


def available() -> bool:
    """Whether there is a LiteRT for this platform."""
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except ImportError:
        return False
    return True


class LiteNetwork:
    """A network of one picture of (side, side, 3) → one vector. Each thread has an interpreter of its own.

    Pictures go through one by one: a batch at once costs as much, and more memory. LiteRT releases Python's lock
    while it computes, so as many threads as there are cores keep them busy.

    Parameters
    ----------
    content
        Of a .tflite file.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._own = threading.local()

    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Vectors (n, dimension) of pictures (n, side, side, 3)."""
        if not hasattr(self._own, "interpreter"):
            self._own.interpreter = _interpreter(self._content)
        interpreter = self._own.interpreter
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        rows = []
        for picture in batch:
            interpreter.set_tensor(source["index"], picture[None].astype(np.float32))
            interpreter.invoke()
            rows.append(interpreter.get_tensor(target["index"])[0])
        return np.stack(rows)


def _interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    with _loading, _without(GREETING):
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


@contextmanager
def _without(line: bytes) -> Iterator[None]:
    """Leave out a line that a library written in C++ says on standard error; everything else is said afterwards."""
    try:
        held, real = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115 - closed below
    except OSError:  # there is no standard error, or no room
        yield
        return
    with held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for said in held:
                if said.strip() != line:
                    os.write(2, said)
