"""TensorFlow, imported late and kept quiet."""

import os
from collections.abc import Callable
from typing import Any


def quiet_tensorflow() -> Any:
    """Import TensorFlow without its banners; what the user set in the environment stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its results differ from machine to machine
    os.environ["KERAS_BACKEND"] = "tensorflow"  # a graph is made of the models
    import tensorflow

    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


def compiled(model: Any, side: int) -> Callable[[Any], Any]:
    """A Keras model as one graph for batches of any length of (side, side, 3) uint8 pictures."""
    tensorflow = quiet_tensorflow()
    signature = [tensorflow.TensorSpec((None, side, side, 3), tensorflow.uint8)]

    @tensorflow.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def run(batch: Any) -> Any:
        return model(tensorflow.cast(batch, tensorflow.float32), training=False)

    graph: Callable[[Any], Any] = run
    return graph
