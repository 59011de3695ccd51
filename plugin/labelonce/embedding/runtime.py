"""TensorFlow, imported late and kept quiet."""

import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from labelonce.embedding.saying import without_line
from labelonce.errors import ConfigurationError

SETTINGS = b"fully_quantize: 0, inference_type: 6, input_inference_type: FLOAT32, output_inference_type: FLOAT32"


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


def converted(model: Any, samples: Sequence[NDArray[np.uint8]]) -> bytes:
    """A Keras model as the content of a .tflite file that computes with 8 bits; in and out go float32.

    Parameters
    ----------
    model
        Of one picture.
    samples
        Pictures that say between which values the activations lie.
    """
    tensorflow = quiet_tensorflow()
    try:
        with tempfile.TemporaryDirectory(prefix="labelonce-") as folder:
            model.export(folder, format="tf_saved_model", verbose=False)
            converter = tensorflow.lite.TFLiteConverter.from_saved_model(folder)
            converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([one[None].astype(np.float32)] for one in samples)
            with without_line(SETTINGS):
                content: bytes = converter.convert()
    except (OSError, tensorflow.errors.OpError) as error:
        raise ConfigurationError(
            f"The network cannot be prepared in the folder for temporary files ({' '.join(str(error).split())[:300]}). "
            "It takes about 100 MB there: free some, or set TMPDIR to another folder."
        ) from None
    return content
