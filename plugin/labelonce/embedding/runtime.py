"""TensorFlow, imported late and kept quiet."""

import os
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from labelonce.errors import ConfigurationError


def quiet_tensorflow() -> Any:
    """Import TensorFlow without its banners; what the user set in the environment stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its results differ from machine to machine
    os.environ["KERAS_BACKEND"] = "tensorflow"  # a graph is made of the models
    import tensorflow

    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


def compiled(model: Any, shape: tuple[int, int, int], dtype: DTypeLike = np.uint8) -> Callable[[Any], Any]:
    """A Keras model as one graph for batches of any length of pictures; several threads may run it at once."""
    tensorflow = quiet_tensorflow()
    signature = [tensorflow.TensorSpec((None, *shape), dtype)]

    @tensorflow.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def run(batch: Any) -> Any:
        return model(tensorflow.cast(batch, model.inputs[0].dtype), training=False)

    graph: Callable[[Any], Any] = run.get_concrete_function()  # traced here and not in the threads
    return graph


def converted(model: Any) -> bytes:
    """A Keras model as the content of a .tflite file, in float32."""
    tensorflow = quiet_tensorflow()
    try:
        with tempfile.TemporaryDirectory(prefix="labelonce-") as folder:
            model.export(folder, format="tf_saved_model", verbose=False)
            content: bytes = tensorflow.lite.TFLiteConverter.from_saved_model(folder).convert()
    except (OSError, tensorflow.errors.OpError) as error:
        raise ConfigurationError(
            f"The network cannot be prepared in the folder for temporary files ({' '.join(str(error).split())[:300]}). "
            "It takes about 100 MB there: free some, or set TMPDIR to another folder."
        ) from None
    return content
