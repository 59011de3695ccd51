"""Networks run by LiteRT (formerly TensorFlow Lite): a third of TensorFlow's CPU time, and none to import it."""

import threading
import warnings
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labelonce.embedding.runtime import quiet_tensorflow
from labelonce.embedding.saying import without_line

GREETING: Final = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
_loading = threading.Lock()


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
    with _loading, without_line(GREETING), warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)  # LiteRT is not for all
        interpreter = _made_by()(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


def _made_by() -> Any:
    """The class of interpreters: TensorFlow's where there is no LiteRT for this platform."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return quiet_tensorflow().lite.Interpreter
    return Interpreter
